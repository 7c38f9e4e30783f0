"""Users' switches."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert

from services.chassis.database import ReadConnection, WriteConnection
from services.notification.domain.delivery import Channel
from services.notification.domain.notification import Topic
from services.notification.domain.preferences import Preferences
from services.notification.tables import preferences


@dataclass(frozen=True, slots=True)
class PreferencesRepository:
    """The table `preferences`."""

    async def get(self, conn: ReadConnection, user_id: UUID) -> Preferences:
        """A user's preferences; the defaults where nothing was ever changed."""
        return (await self.of(conn, [user_id]))[user_id]

    async def of(self, conn: ReadConnection, user_ids: Collection[UUID]) -> dict[UUID, Preferences]:
        """Several users' preferences, every one of them present."""
        columns = (preferences.c.user_id, preferences.c.switches, preferences.c.version)
        rows = await conn.execute(select(*columns).where(preferences.c.user_id.in_(user_ids)))
        found = {user_id: Preferences(user_id, _decode(switches), version) for user_id, switches, version in rows}
        return {user_id: found.get(user_id) or Preferences(user_id) for user_id in user_ids}

    async def save(self, tx: WriteConnection, changed: Preferences) -> bool:
        """Writes the next version; False where somebody else wrote it first."""
        values: dict[str, Any] = {
            "user_id": changed.user_id,
            "switches": _encode(changed),
            "version": changed.version,
            "updated_at": func.now(),
        }
        statement = (
            insert(preferences)
            .values(values)
            .on_conflict_do_update(
                index_elements=["user_id"], set_=values, where=preferences.c.version == changed.version - 1
            )
            .returning(preferences.c.user_id)
        )
        return await tx.scalar(statement) is not None

    async def forget_user(self, tx: WriteConnection, user_id: UUID) -> None:
        await tx.execute(delete(preferences).where(preferences.c.user_id == user_id))


def _encode(entry: Preferences) -> dict[str, dict[str, bool]]:
    document: dict[str, dict[str, bool]] = {}
    for (topic, channel), on in entry.switches.items():
        document.setdefault(topic.value, {})[channel.value] = on
    return document


def _decode(document: dict[str, dict[str, bool]]) -> dict[tuple[Topic, Channel], bool]:
    return {
        (Topic(topic), Channel(channel)): on for topic, channels in document.items() for channel, on in channels.items()
    }
