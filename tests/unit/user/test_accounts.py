"""Addresses, accounts, sessions and guards, without anything running."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from services.user.domain import accounts, emails
from services.user.domain.accounts import Account, Role
from services.user.domain.errors import (
    ApiKeyInvalid,
    EmailTokenInvalid,
    PointsInsufficient,
    SignInThrottled,
    TimeZoneUnknown,
    TotpAlreadyEnabled,
    TotpNotEnrolled,
)
from services.user.domain.points import Cause, Tip, Transfer
from services.user.domain.sessions import Session, Verdict
from services.user.domain.throttle import Guard, delay_after
from services.user.domain.verifications import Purpose, Verification

NOW = datetime(2026, 7, 3, 12, tzinfo=UTC)
ID = UUID(int=7)


def account() -> Account:
    return Account(ID, "Lina@Example.com", "hash", "Lina", created_at=NOW, updated_at=NOW)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Lina@Example.COM", "lina@example.com"),
        ("lina+rent@example.com", "lina@example.com"),
        ("l.i.n.a@gmail.com", "lina@googlemail.com"),
        ("lina@example.com.", "lina@example.com"),
        ("ｌina@example.com", "lina@example.com"),
    ],
)
def test_one_mailbox_written_in_two_ways(one: str, other: str) -> None:
    assert emails.canonical(one) == emails.canonical(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("l.ina@example.com", "lina@example.com"), ("+a@example.com", "+b@example.com"), ("lina@a.com", "lina@b.com")],
)
def test_two_mailboxes(one: str, other: str) -> None:
    assert emails.canonical(one) != emails.canonical(other)


def test_every_change_that_others_see_makes_a_version() -> None:
    lina, later = account(), NOW + timedelta(hours=1)
    lina.change({"display_name": "Ly\u0301na "}, later)
    lina.grant(Role.HOST, later)
    lina.verify("new@example.com", later)
    lina.set_password("other", later)
    assert (lina.version, lina.updated_at, lina.display_name) == (5, later, "Lýna")
    assert lina.roles == {Role.CLIENT, Role.HOST} and lina.email_verified_at == later
    assert lina.delete(later) == later + timedelta(days=30) and not lina.is_active


def test_time_zones_are_looked_up() -> None:
    assert accounts.tidy({"time_zone": "Africa/Algiers"}) == {"time_zone": "Africa/Algiers"}
    with pytest.raises(TimeZoneUnknown):
        accounts.tidy({"time_zone": "../../etc/passwd"})


def test_a_second_factor_is_enrolled_confirmed_and_disabled_in_this_order() -> None:
    lina = account()
    with pytest.raises(TotpNotEnrolled):
        lina.require_enrolling()
    lina.enroll(b"first", NOW)
    lina.enroll(b"second", NOW)  # somebody who closed the page begins again
    assert not lina.totp_enabled
    with pytest.raises(TotpNotEnrolled):
        lina.require_second_factor()
    lina.confirm(9, NOW)
    assert lina.totp_enabled and lina.require_second_factor().secret == b"second"
    with pytest.raises(TotpAlreadyEnabled):
        lina.enroll(b"third", NOW)
    lina.disable_second_factor(NOW)
    assert not lina.totp_enabled


def session(**changed: object) -> Session:
    fields = {"created_at": NOW, "refreshed_at": NOW, "generation": 3, **changed}
    return Session(ID, ID, "", "", **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("generation", "after", "verdict"),
    [
        (3, timedelta(0), Verdict.ROTATE),
        (3, timedelta(days=13, hours=23), Verdict.ROTATE),
        (3, timedelta(days=14), Verdict.OVER),
        (2, timedelta(seconds=10), Verdict.REPEAT),
        (2, timedelta(seconds=11), Verdict.REUSED),
        (1, timedelta(0), Verdict.REUSED),
        (2, timedelta(days=14), Verdict.OVER),
    ],
)
def test_what_a_refresh_token_is_worth(generation: int, after: timedelta, verdict: Verdict) -> None:
    assert session().judge(generation, NOW + after) is verdict


def test_a_session_ends_after_thirty_days_however_often_it_is_refreshed() -> None:
    old = session(refreshed_at=NOW + timedelta(days=29))
    assert old.expires_at == NOW + timedelta(days=30)
    assert old.judge(3, NOW + timedelta(days=30)) is Verdict.OVER
    assert session(ended_at=NOW).judge(3, NOW) is Verdict.OVER


def test_guessing_gets_slower_and_ends_at_a_hundred() -> None:
    seconds = [delay_after(failures).total_seconds() for failures in (0, 4, 5, 6, 7, 12, 15, 99)]
    assert seconds == [0, 0, 1, 2, 4, 128, 900, 900]
    assert delay_after(100) == timedelta(days=30)
    guard, now = Guard(0), NOW
    for _ in range(100):
        guard = guard.attempt(now)
        assert guard.blocked_until is not None
        now = guard.blocked_until
    assert now - NOW > timedelta(days=30)


def test_an_attempt_while_blocked_does_not_count() -> None:
    guard = Guard(6, NOW + timedelta(seconds=1.2))
    with pytest.raises(SignInThrottled) as refusal:
        guard.attempt(NOW)
    assert refusal.value.metadata == {"retry_after_seconds": "2"} and refusal.value.retry_after == 1.2
    assert guard.failures == 6


def test_tokens_of_emails_are_for_one_purpose_and_a_while() -> None:
    reset = Verification.request(ID, ID, Purpose.RESET_PASSWORD, "lina@example.com", NOW)
    reset.require_usable(NOW + timedelta(minutes=29), Purpose.RESET_PASSWORD)
    for after, purpose in ((timedelta(minutes=30), Purpose.RESET_PASSWORD), (timedelta(0), Purpose.VERIFY_EMAIL)):
        with pytest.raises(EmailTokenInvalid):
            reset.require_usable(NOW + after, purpose)
    verify = Verification.request(ID, ID, Purpose.VERIFY_EMAIL, "lina@example.com", NOW)
    assert verify.is_open(NOW + timedelta(hours=47)) and not verify.is_open(NOW + timedelta(hours=48))


def test_points_never_go_below_zero() -> None:
    tip = Tip().then(100).then(-100)
    assert tip == Tip(2, 0)
    with pytest.raises(PointsInsufficient) as refusal:
        tip.then(-1)
    assert refusal.value.metadata == {"balance": "0", "needed": "1"}
    with pytest.raises(ValueError, match="moves points"):
        Transfer(ID, 0, Cause.SPENT, ID)


@pytest.mark.parametrize(
    "text", ["", "kerya_", "kerya_" + "0" * 26, "kerya_" + "0" * 26 + "_", "other_" + "0" * 26 + "_x"]
)
def test_what_is_no_api_key(text: str) -> None:
    from services.user.domain import api_keys

    with pytest.raises(ApiKeyInvalid):
        api_keys.read(text)
    assert api_keys.read(api_keys.write("0" * 26, "a_b")) == ("0" * 26, "a_b")
