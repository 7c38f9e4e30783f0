"""Registers, lists and removes devices."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from services.chassis.clock import Clock
from services.chassis.crypto import BlindIndex, FieldCipher, Place
from services.chassis.database import Database
from services.chassis.ids import intended_id, to_typeid
from services.chassis.paging import Page
from services.notification.domain.device import Device, Platform
from services.notification.domain.errors import DeviceNotFound, TooManyDevices
from services.notification.repository.devices import DeviceRepository


@dataclass(frozen=True)
class CreateDevice:
    """A token registered again answers with its device; one that another user had moves to the caller."""

    database: Database
    clock: Clock
    cipher: FieldCipher
    index: BlindIndex
    max_devices: int
    devices: DeviceRepository = field(default_factory=DeviceRepository)

    async def __call__(self, user_id: UUID, platform: Platform, token: str, display_name: str) -> Device:
        new = Device(intended_id(), user_id, platform, display_name, self.clock.now())
        token_index = self.index.of("device.token", token)
        sealed = self.cipher.encrypt(token.encode(), Place("device", "token", str(new.device_id)))
        async with self.database.write() as tx:
            if known := await self.devices.by_token(tx, user_id, token_index):
                return known
            if await self.devices.count(tx, user_id) >= self.max_devices:
                raise TooManyDevices(max_devices=self.max_devices)
            if await self.devices.replace(tx, new, sealed, token_index):
                return new
            return await self.devices.by_token(tx, user_id, token_index) or new


@dataclass(frozen=True)
class ListDevices:
    """Newest first; with the cursor of the next page, None on the last."""

    database: Database
    devices: DeviceRepository = field(default_factory=DeviceRepository)

    async def __call__(self, user_id: UUID, page: Page) -> tuple[list[Device], tuple[str, ...] | None]:
        before = UUID(str(page.after[0])) if page.after else None
        async with self.database.read() as conn:
            found = await self.devices.page(conn, user_id, before, page.size + 1)
        shown = found[: page.size]
        return shown, (str(shown[-1].device_id),) if len(found) > page.size else None


@dataclass(frozen=True)
class DeleteDevice:
    """Another user's device is not found."""

    database: Database
    devices: DeviceRepository = field(default_factory=DeviceRepository)

    async def __call__(self, user_id: UUID, device_id: UUID) -> None:
        async with self.database.write() as tx:
            if not await self.devices.remove(tx, user_id, device_id):
                raise DeviceNotFound(device_id=to_typeid("device", device_id))
