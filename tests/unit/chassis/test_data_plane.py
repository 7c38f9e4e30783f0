"""The data plane's pure parts: secrets, envelopes, ladders, stream settings, the local limiter."""

from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from nats.js import api

from services.chassis.cloudevent import Envelope, open_envelope
from services.chassis.consumer import Consumers, Handlers, Ladder
from services.chassis.contract import Contract
from services.chassis.jetstream import JetStream, differences
from services.chassis.limits import LOCAL_KEYS, LocalLimiter
from services.chassis.rules import ContractError, LimitRule
from services.chassis.secrets import Secrets


def test_a_secret_is_read_anew_each_time(tmp_path: Path) -> None:
    (tmp_path / "quote.key").write_text("ab" * 32 + "\n")
    secrets = Secrets(tmp_path)
    assert secrets.read_key("quote.key") == b"\xab" * 32
    (tmp_path / "quote.key").write_text("cd" * 32)
    assert secrets.read_key("quote.key") == b"\xcd" * 32
    (tmp_path / "quote.key").write_text("cd" * 31)
    with pytest.raises(ValueError, match="32 bytes"):
        secrets.read_key("quote.key")


@pytest.mark.parametrize("name", ["../quote.key", "/etc/passwd", "", "a/b", "..", "a.b.c"])
def test_a_secrets_name_is_a_plain_file_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="not a secret"):
        Secrets(tmp_path).read(name)


def test_an_envelope_comes_back_from_its_headers() -> None:
    envelope = Envelope(uuid4(), "kerya.facts.v1.Fact", "//kerya/facts", "thing-1", datetime.now(UTC))
    assert open_envelope(envelope.headers()) == envelope
    assert envelope.headers()["Nats-Msg-Id"] == str(envelope.id)
    again = envelope.headers("redrive-1")
    assert (again["Nats-Msg-Id"], again["ce-id"]) == ("redrive-1", str(envelope.id))


@pytest.mark.parametrize("without", ["ce-id", "ce-type", "ce-source", "ce-subject", "ce-time"])
def test_an_envelope_with_a_hole_is_refused(without: str) -> None:
    headers = Envelope(uuid4(), "t", "s", "a", datetime.now(UTC)).headers()
    del headers[without]
    with pytest.raises(ValueError, match=without):
        open_envelope(headers)


def test_the_ladder_ends_on_its_last_step() -> None:
    assert [Ladder().pause(attempt) for attempt in range(1, 8)] == [1, 5, 30, 120, 600, 600, 600]


def test_only_what_is_wanted_otherwise_is_a_difference() -> None:
    wanted = api.StreamConfig(name="S", subjects=["s.>"], max_age=60.0, num_replicas=3)
    filled = api.StreamConfig(
        name="S", subjects=["s.>"], max_age=60.0, num_replicas=3, max_msgs=-1, allow_rollup_hdrs=True
    )
    assert differences(filled, wanted) == set()
    assert differences(filled.evolve(num_replicas=1, max_age=30.0), wanted) == {"num_replicas", "max_age"}


def test_an_event_has_one_handler() -> None:
    from kerya.user.v1.user_events_pb2 import SessionRevoked

    async def handle(event: object, delivery: object) -> None: ...

    group = Handlers({SessionRevoked: handle})
    with pytest.raises(ContractError, match="two handlers"):
        Consumers(JetStream("nats://127.0.0.1:1", name="t"), Contract.load(), "tests", [group, group])


def test_the_local_limiter_forgets_the_longest_unseen() -> None:
    limiter = LocalLimiter()
    rule = LimitRule(1, 3600.0, False, 1, False)
    assert limiter.take("first", rule).allowed
    assert not limiter.take("first", rule).allowed
    for number in range(LOCAL_KEYS):
        limiter.take(str(number), rule)
    assert limiter.take("first", rule).allowed
