"""Accounts, and the recovery codes of their second factors."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import delete, exists, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from services.chassis.database import ReadConnection, WriteConnection
from services.user.domain.accounts import Account, Role, SecondFactor, State
from services.user.repository.sealing import Sealer
from services.user.tables import account, recovery_code, session

_COLUMNS = tuple(column for column in account.c if column.name not in ("email_index", "erased_at"))
_IS_OWNER = account.c.email_verified_at.is_not(None) & account.c.deleted_at.is_(None)


class Accounts:
    """Queries on `account` and `recovery_code`."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    async def add(self, tx: WriteConnection, new: Account) -> bool:
        """Inserts an account; False if its id is there already (a retry)."""
        statement = upsert(account).values(user_id=new.user_id, created_at=new.created_at, **self._values(new))
        added = await tx.execute(
            statement.on_conflict_do_nothing(index_elements=["user_id"]).returning(account.c.user_id)
        )
        return added.first() is not None

    async def get(self, conn: ReadConnection, user_id: UUID) -> Account | None:
        """An account that is not deleted."""
        return await self._one(
            conn, select(*_COLUMNS).where(account.c.user_id == user_id, account.c.deleted_at.is_(None))
        )

    async def lock(self, tx: WriteConnection, user_id: UUID) -> Account | None:
        """The same, held until the transaction ends."""
        statement = select(*_COLUMNS).where(account.c.user_id == user_id, account.c.deleted_at.is_(None))
        return await self._one(tx, statement.with_for_update())

    async def owner_of(self, conn: ReadConnection, email: str) -> Account | None:
        """The account whose owner is known to own the address, compared in canonical form."""
        index = self._sealer.email_index(email)
        return await self._one(conn, select(*_COLUMNS).where(account.c.email_index == index, _IS_OWNER))

    async def for_sign_in(self, conn: ReadConnection, email: str, address: str) -> tuple[Account | None, bool]:
        """The owner of an e-mail address, and whether they signed in from the network address in the last 30 days."""
        known = exists().where(
            session.c.user_id == account.c.user_id,
            session.c.address_index == self._sealer.address_index(address),
            session.c.created_at > func.now() - text("interval '30 days'"),
        )
        statement = select(*_COLUMNS, known.label("known"))
        row = (
            await conn.execute(statement.where(account.c.email_index == self._sealer.email_index(email), _IS_OWNER))
        ).first()
        return (self._account(row), row.known) if row else (None, False)

    async def claim_email(self, tx: WriteConnection, email: str) -> None:
        """Makes whoever wants to become the owner of an address wait for whoever is becoming it."""
        key = int.from_bytes(self._sealer.email_index(email)[:8], "big", signed=True)
        await tx.execute(select(func.pg_advisory_xact_lock(key)))

    async def save(self, tx: WriteConnection, changed: Account) -> None:
        """Writes an account that this transaction holds."""
        await tx.execute(update(account).where(account.c.user_id == changed.user_id).values(**self._values(changed)))

    async def accept_step(self, tx: WriteConnection, user_id: UUID, step: int) -> bool:
        """Notes the newest one-time code accepted; False if it, or a newer one, was accepted meanwhile."""
        statement = update(account).where(account.c.user_id == user_id, account.c.totp_last_step < step)
        return bool((await tx.execute(statement.values(totp_last_step=step))).rowcount)

    async def replace_password_hash(self, tx: WriteConnection, user_id: UUID, old: str, new: str) -> None:
        """Stores the same password hashed anew, unless the password was changed meanwhile."""
        statement = update(account).where(account.c.user_id == user_id, account.c.password_hash == old)
        await tx.execute(statement.values(password_hash=new))

    async def set_recovery_codes(self, tx: WriteConnection, user_id: UUID, digests: Iterable[bytes]) -> None:
        """Replaces a user's recovery codes."""
        await tx.execute(delete(recovery_code).where(recovery_code.c.user_id == user_id))
        rows = [{"user_id": user_id, "code_digest": digest} for digest in digests]
        if rows:
            await tx.execute(insert(recovery_code), rows)

    async def use_recovery_code(self, tx: WriteConnection, user_id: UUID, digest: bytes) -> bool:
        """Uses up a recovery code; False if there is no such one."""
        statement = delete(recovery_code).where(
            recovery_code.c.user_id == user_id, recovery_code.c.code_digest == digest
        )
        return bool((await tx.execute(statement)).rowcount)

    async def _one(self, conn: ReadConnection, statement: Any) -> Account | None:
        row = (await conn.execute(statement)).first()
        return self._account(row) if row else None

    def _account(self, row: Any) -> Account:
        return Account(
            user_id=row.user_id,
            email=self._sealer.open("account.email", row.user_id, row.email_sealed),
            password_hash=row.password_hash,
            display_name=row.display_name,
            given_name=row.given_name,
            family_name=row.family_name,
            about=row.about,
            locale=row.locale,
            time_zone=row.time_zone,
            roles=frozenset(Role(role) for role in row.roles),
            state=State(row.state),
            email_verified_at=row.email_verified_at,
            phone=self._sealer.open("account.phone", row.user_id, row.phone_sealed) if row.phone_sealed else "",
            second_factor=self._second_factor(row),
            created_at=row.created_at,
            updated_at=row.updated_at,
            deleted_at=row.deleted_at,
            version=row.version,
        )

    def _second_factor(self, row: Any) -> SecondFactor | None:
        if row.totp_sealed is None:
            return None
        secret = bytes.fromhex(self._sealer.open("account.totp", row.user_id, row.totp_sealed))
        return SecondFactor(secret, row.totp_confirmed_at, row.totp_last_step)

    def _values(self, of: Account) -> dict[str, object]:
        factor = of.second_factor
        return {
            "email_sealed": self._sealer.seal("account.email", of.user_id, of.email),
            "email_index": self._sealer.email_index(of.email),
            "email_verified_at": of.email_verified_at,
            "phone_sealed": self._sealer.seal("account.phone", of.user_id, of.phone) if of.phone else None,
            "password_hash": of.password_hash,
            "display_name": of.display_name,
            "given_name": of.given_name,
            "family_name": of.family_name,
            "about": of.about,
            "locale": of.locale,
            "time_zone": of.time_zone,
            "roles": sorted(of.roles),
            "state": of.state.value,
            "totp_sealed": self._sealer.seal("account.totp", of.user_id, factor.secret.hex()) if factor else None,
            "totp_confirmed_at": factor.confirmed_at if factor else None,
            "totp_last_step": factor.last_step if factor else 0,
            "version": of.version,
            "updated_at": of.updated_at,
            "deleted_at": of.deleted_at,
        }
