"""`python -m services.notification`."""

from services.chassis.run import run
from services.notification.app import build
from services.notification.settings import Settings

if __name__ == "__main__":
    run(build, Settings)
