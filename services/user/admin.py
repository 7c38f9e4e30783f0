"""`python -m services.user grant-admin <e-mail>`: the only way to become an administrator."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence

from services.chassis.clock import Clock
from services.chassis.contract import Contract
from services.chassis.crypto import BlindIndex, FieldCipher
from services.chassis.database import Database
from services.chassis.outbox import Outbox
from services.chassis.secrets import Secrets
from services.user import mapper
from services.user.ports import Work
from services.user.repository import Repository
from services.user.repository.sealing import Sealer
from services.user.settings import Settings
from services.user.usecases.grant_admin import GrantAdmin


def grant_admin(arguments: Sequence[str], settings: Settings) -> int:
    """Grants ADMIN; the exit code. The news reaches the mesh when the service next runs."""
    parser = argparse.ArgumentParser(prog="python -m services.user grant-admin", description=grant_admin.__doc__)
    parser.add_argument("email", help="the account's verified e-mail address")
    email = parser.parse_args(arguments).email
    if asyncio.run(_grant(email, settings)):
        sys.stdout.write(f"{email} is an administrator from the next sign-in or refresh on.\n")
        return 0
    sys.stderr.write(f"No account has {email} as its verified address.\n")
    return 1


async def _grant(email: str, settings: Settings) -> bool:
    if settings.secrets_directory is None:
        raise SystemExit("KERYA_SECRETS_DIRECTORY is not set")
    secrets = Secrets(settings.secrets_directory)
    sealer = Sealer(
        FieldCipher.from_json(secrets.read("field_keys.json")), BlindIndex(secrets.read_key("blind_index.key"))
    )
    database, clock = Database(settings.database_url.get_secret_value(), application="user-admin", pool_size=1), Clock()
    outbox = Outbox(mapper.event, contract=Contract.load(), clock=clock)
    try:
        grant = GrantAdmin(Work(database, Repository.sealed_by(sealer), outbox, clock))
        return await grant(email) is not None
    finally:
        await database.close()
