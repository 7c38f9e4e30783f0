"""The state machine never leaves its table, and the ledger never its zero."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.booking.domain import ledger
from services.booking.domain.booking import HAS_NIGHTS, TRANSITIONS, Booking, Change, State
from services.booking.domain.errors import BookingState
from services.booking.domain.ledger import Account, Entry, Transfer
from services.booking.domain.money import Money
from services.booking.domain.payment import Payment, PaymentState, Refund, RefundReason
from services.booking.domain.policy import Party
from tests.unit.booking.samples import CLIENT, HOST, NOW, held

CHANGES: dict[Change, Callable[[Booking], Booking]] = {
    Change.CONFIRM: lambda booking: booking.confirm(NOW),
    Change.EXPIRE: lambda booking: booking.expire(NOW),
    Change.COMPLETE: lambda booking: booking.complete(NOW),
    Change.CANCEL: lambda booking: booking.cancel(Party.CLIENT, NOW, ""),
}


def in_state(state: State) -> Booking:
    confirmed_at = NOW if state in (State.CONFIRMED, State.COMPLETED) else None
    return replace(held(), state=state, confirmed_at=confirmed_at)


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("change", list(CHANGES))
def test_a_change_goes_where_the_table_says_or_nowhere(state: State, change: Change) -> None:
    booking = in_state(state)
    if (state, change) in TRANSITIONS:
        changed = CHANGES[change](booking)
        assert changed.state is TRANSITIONS[state, change]
        assert changed.version == booking.version + 1
    else:
        with pytest.raises(BookingState) as refused:
            CHANGES[change](booking)
        assert refused.value.metadata == {"state": state, "change": change}


@given(st.lists(st.sampled_from(list(CHANGES))))
def test_whatever_happens_an_end_stays_an_end(changes: list[Change]) -> None:
    booking, ended = held(), False
    for change in changes:
        try:
            booking = CHANGES[change](booking)
        except BookingState:
            continue
        assert not ended
        ended = booking.state not in HAS_NIGHTS


def test_an_unpaid_hold_costs_nothing_to_cancel() -> None:
    cancelled = held().cancel(Party.CLIENT, NOW, "changed my mind")
    assert cancelled.cancellation is not None
    assert (cancelled.cancellation.settlement.refund.minor, cancelled.cancellation.settlement.kept.minor) == (0, 0)


def test_nobody_cancels_a_stay_that_is_over() -> None:
    confirmed = held().confirm(NOW)
    with pytest.raises(BookingState):
        confirmed.cancel(Party.HOST, confirmed.schedule.ends_at, "")
    assert confirmed.cancel(Party.HOST, confirmed.schedule.ends_at - timedelta(seconds=1), "").state is State.CANCELLED


def test_a_booking_has_two_sides() -> None:
    assert held().side_of(CLIENT) is Party.CLIENT
    assert held().side_of(HOST) is Party.HOST
    assert held().side_of(UUID(int=99)) is None


def paid(minor: int) -> Payment:
    amount, zero = Money(minor, "DZD"), Money(0, "DZD")
    return Payment(UUID(int=40), UUID(int=30), amount, refunding=zero, refunded=zero).succeed("pi_1")


@given(st.integers(1, 10**9), st.lists(st.integers(1, 10**9), max_size=8))
def test_refunds_never_exceed_what_was_paid(minor: int, refunds: list[int]) -> None:
    payment = paid(minor)
    for refund in refunds:
        try:
            payment = payment.open_refund(Money(refund, "DZD"))
        except ValueError:
            assert payment.refunding.minor + refund > minor
    assert payment.refunding.minor <= minor


def test_only_what_was_paid_can_be_given_back() -> None:
    unpaid = replace(paid(100), state=PaymentState.PENDING)
    with pytest.raises(ValueError, match="cannot give back"):
        unpaid.open_refund(Money(1, "DZD"))


def test_a_paid_payment_is_not_given_up() -> None:
    assert paid(100).give_up().state is PaymentState.SUCCEEDED
    assert replace(paid(100), state=PaymentState.PENDING).give_up().state is PaymentState.VOIDING


def test_a_transfer_that_does_not_balance_is_none() -> None:
    one, other = Entry(Account.ESCROW, None, Money(2, "DZD")), Entry(Account.CLIENT, CLIENT, Money(-1, "DZD"))
    with pytest.raises(ValueError, match="sum to zero"):
        Transfer("charge", UUID(int=1), UUID(int=2), (one, other))


@pytest.mark.parametrize("by", list(Party))
def test_escrow_is_empty_once_a_cancelled_booking_is_refunded(by: Party) -> None:
    confirmed = held().confirm(NOW)
    cancelled = confirmed.cancel(by, confirmed.schedule.begins_at - timedelta(hours=3), "")
    assert cancelled.cancellation is not None
    settled = cancelled.cancellation.settlement
    refund = Refund(UUID(int=50), UUID(int=40), UUID(int=30), settled.refund, RefundReason.CANCELLED)
    transfers = (
        ledger.charge(confirmed, paid(confirmed.total.minor)),
        ledger.keep(cancelled, settled),
        ledger.refund(cancelled, refund),
    )
    assert balance(Account.ESCROW, *transfers) == 0
    assert balance(Account.CLIENT, *transfers) == -settled.kept.minor


def test_escrow_is_empty_after_the_stay() -> None:
    completed = held().confirm(NOW).complete(NOW)
    transfers = (ledger.charge(completed, paid(completed.total.minor)), ledger.earn(completed))
    assert balance(Account.ESCROW, *transfers) == 0
    earned = completed.price.lodging + completed.price.cleaning
    assert balance(Account.HOST, *transfers) == earned.minor - earned.minor * 3 // 100


def balance(account: Account, *transfers: Transfer) -> int:
    return sum(entry.amount.minor for transfer in transfers for entry in transfer.entries if entry.account is account)
