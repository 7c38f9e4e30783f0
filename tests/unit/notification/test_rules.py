"""The rules of deliveries and preferences, without any I/O."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from services.notification.domain import delivery as rules
from services.notification.domain.delivery import Channel, Delivery, Failure, Patience, State
from services.notification.domain.notification import Kind, Topic
from services.notification.domain.preferences import Preferences

NOW = datetime(2026, 12, 1, 10, tzinfo=UTC)
PATIENCE = Patience(4, timedelta(seconds=2), timedelta(minutes=15), timedelta(minutes=1))


def sending(attempt: int = 1, state: State = State.SENDING) -> Delivery:
    return Delivery(UUID(int=1), UUID(int=2), Channel.EMAIL, state, None, attempt, NOW, NOW)


def test_waits_double_up_to_the_longest() -> None:
    assert [PATIENCE.wait(n).total_seconds() for n in (1, 2, 3, 9, 10, 40)] == [2, 4, 8, 512, 900, 900]


def test_a_failed_attempt_waits_its_turn() -> None:
    postponed = rules.postponed(sending(2), PATIENCE, None, NOW)
    assert (postponed.state, postponed.due_at) == (State.QUEUED, NOW + timedelta(seconds=4))


@pytest.mark.parametrize(("asked", "wait"), [(1, 2), (30, 30), (86_400, 900)])
def test_the_providers_wish_is_heard_within_reason(asked: int, wait: int) -> None:
    postponed = rules.postponed(sending(1), PATIENCE, timedelta(seconds=asked), NOW)
    assert postponed.due_at == NOW + timedelta(seconds=wait)


def test_the_last_attempt_is_the_last() -> None:
    failed = rules.postponed(sending(4), PATIENCE, None, NOW)
    assert (failed.state, failed.failure) == (State.FAILED, Failure.PROVIDER_UNAVAILABLE)


@pytest.mark.parametrize(
    ("state", "bounced", "after"),
    [
        (State.SENT, False, State.DELIVERED),
        (State.SENT, True, State.FAILED),
        (State.DELIVERED, True, State.FAILED),
        (State.DELIVERED, False, State.DELIVERED),
        (State.FAILED, False, State.FAILED),
        (State.FAILED, True, State.FAILED),
        # The report may overtake the answer to the call it is about.
        (State.SENDING, False, State.DELIVERED),
        (State.QUEUED, False, State.QUEUED),
    ],
)
def test_reports_in_any_order_end_the_same(state: State, bounced: bool, after: State) -> None:
    assert rules.reported(sending(state=state), bounced, NOW).state is after


def test_the_account_has_no_switch() -> None:
    off = Preferences(UUID(int=1)).changed({(Topic.BOOKINGS, Channel.EMAIL): False})
    everything = tuple(Channel)
    assert off.channels(Kind.PASSWORD_RESET, everything) == [Channel.EMAIL]
    assert off.channels(Kind.BOOKING_CONFIRMED, everything) == [Channel.PUSH]
    assert off.channels(Kind.PAYMENT_REFUNDED, everything) == [Channel.EMAIL, Channel.PUSH]
    assert off.version == 1


def test_every_kind_has_a_topic() -> None:
    assert {kind.topic for kind in Kind} == {Topic.ACCOUNT, Topic.BOOKINGS, Topic.PAYMENTS}
