"""Shows and changes a user's preferences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from services.chassis.database import Database
from services.chassis.errors import ChassisRefusal
from services.chassis.etag import require_match
from services.notification.domain.preferences import Preferences, Switch
from services.notification.repository.preferences import PreferencesRepository


@dataclass(frozen=True)
class GetPreferences:
    """Whoever never changed anything has the defaults."""

    database: Database
    preferences: PreferencesRepository = field(default_factory=PreferencesRepository)

    async def __call__(self, user_id: UUID) -> Preferences:
        async with self.database.read() as conn:
            return await self.preferences.get(conn, user_id)


@dataclass(frozen=True)
class UpdatePreferences:
    """Sets some switches. ETAG_MISMATCH where `etag` is given and stale, or another change won the race."""

    database: Database
    preferences: PreferencesRepository = field(default_factory=PreferencesRepository)

    async def __call__(self, user_id: UUID, switches: Mapping[Switch, bool], etag: str) -> Preferences:
        async with self.database.write() as tx:
            current = await self.preferences.get(tx, user_id)
            require_match(etag, current.version)
            changed = current.changed(switches)
            if not await self.preferences.save(tx, changed):
                raise ChassisRefusal("ETAG_MISMATCH")
        return changed
