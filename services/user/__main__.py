"""`python -m services.user`; with `grant-admin <e-mail>` it makes somebody an administrator instead of serving."""

import sys

from services.chassis.run import run
from services.user.admin import grant_admin
from services.user.app import build
from services.user.settings import Settings

if __name__ == "__main__":
    if sys.argv[1:2] == ["grant-admin"]:
        sys.exit(grant_admin(sys.argv[2:], Settings()))
    run(build, Settings)
