"""Starts the booking service."""

from services.booking.app import build
from services.booking.settings import Settings
from services.chassis.run import run

if __name__ == "__main__":
    run(build, Settings)
