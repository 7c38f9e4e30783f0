"""Devices; their tokens come in encrypted and are found by a keyed hash."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row, delete, func, select
from sqlalchemy.dialects.postgresql import insert

from services.chassis.database import ReadConnection, WriteConnection
from services.notification.domain.device import Device, Platform
from services.notification.tables import device

COLUMNS = (device.c.device_id, device.c.user_id, device.c.platform, device.c.display_name, device.c.created_at)


@dataclass(frozen=True, slots=True)
class DeviceRepository:
    """The table `device`."""

    async def replace(self, tx: WriteConnection, new: Device, token: bytes, token_index: bytes) -> bool:
        """Adds the device; False where the same token is being registered at this moment. A token belongs to one
        device: whoever had it before has it no more."""
        await tx.execute(delete(device).where(device.c.token_index == token_index, device.c.device_id != new.device_id))
        values = {
            "device_id": new.device_id,
            "user_id": new.user_id,
            "platform": new.platform.value,
            "token": token,
            "token_index": token_index,
            "display_name": new.display_name,
            "created_at": new.created_at,
        }
        statement = insert(device).values(values).on_conflict_do_nothing().returning(device.c.device_id)
        return await tx.scalar(statement) is not None

    async def by_token(self, conn: ReadConnection, user_id: UUID, token_index: bytes) -> Device | None:
        statement = select(*COLUMNS).where(device.c.token_index == token_index, device.c.user_id == user_id)
        row = (await conn.execute(statement)).first()
        return None if row is None else _device(row)

    async def count(self, conn: ReadConnection, user_id: UUID) -> int:
        return int(await conn.scalar(select(func.count()).where(device.c.user_id == user_id)) or 0)

    async def page(self, conn: ReadConnection, user_id: UUID, before: UUID | None, limit: int) -> list[Device]:
        """A user's devices, newest first, from `before` on."""
        statement = select(*COLUMNS).where(device.c.user_id == user_id)
        if before is not None:
            statement = statement.where(device.c.device_id < before)
        rows = await conn.execute(statement.order_by(device.c.device_id.desc()).limit(limit))
        return [_device(row) for row in rows]

    async def remove(self, tx: WriteConnection, user_id: UUID, device_id: UUID) -> bool:
        """Whether the user had it."""
        statement = delete(device).where(device.c.device_id == device_id, device.c.user_id == user_id)
        return await tx.scalar(statement.returning(device.c.device_id)) is not None

    async def forget_user(self, tx: WriteConnection, user_id: UUID) -> None:
        await tx.execute(delete(device).where(device.c.user_id == user_id))


def _device(row: Row[*tuple[Any, ...]]) -> Device:
    return Device(row.device_id, row.user_id, Platform(row.platform), row.display_name, row.created_at)
