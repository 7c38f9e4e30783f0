"""`python -m services.property`."""

from services.chassis.run import run
from services.property.app import build
from services.property.settings import Settings

if __name__ == "__main__":
    run(build, Settings)
