"""Which channels a user wants, per topic."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from services.notification.domain.delivery import Channel
from services.notification.domain.notification import Kind, Topic

DEFAULTS = {Channel.EMAIL: True, Channel.PUSH: True, Channel.SMS: False}
SWITCHABLE = tuple(topic for topic in Topic if topic is not Topic.ACCOUNT)

Switch = tuple[Topic, Channel]


@dataclass(frozen=True, slots=True)
class Preferences:
    """A user's switches; those not in `switches` have their default. `version` is 0 while nothing was ever changed."""

    user_id: UUID
    switches: Mapping[Switch, bool] = field(default_factory=dict)
    version: int = 0

    def on(self, topic: Topic, channel: Channel) -> bool:
        """Whether the switch is on."""
        return self.switches.get((topic, channel), DEFAULTS[channel])

    def channels(self, kind: Kind, available: Iterable[Channel]) -> list[Channel]:
        """By which of the available channels this kind goes to the user."""
        if kind.topic is Topic.ACCOUNT:
            return [channel for channel in available if channel is Channel.EMAIL]
        return [channel for channel in available if self.on(kind.topic, channel)]

    def changed(self, switches: Mapping[Switch, bool]) -> Preferences:
        """With these switches set, one version on."""
        return Preferences(self.user_id, {**self.switches, **switches}, self.version + 1)
