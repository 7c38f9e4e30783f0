"""What must be true of the mesh at the end, whatever happened before."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

import httpx

from services.chassis.ids import to_typeid
from tests.chaos.records import Row, at_the_provider, booking_row, consumers, everywhere, messages, rows
from tests.journeys.mesh import Json, Mesh

# A delivery that died with its process comes again after the consumer's ack_wait of 30 s.
SETTLED_WITHIN = 100.0


def settle(mesh: Mesh) -> None:
    """Waits until nothing is on its way any more: no event, no e-mail, no report of a provider."""
    until = time.monotonic() + SETTLED_WITHIN
    while waiting := list(_under_way(mesh)):
        assert time.monotonic() < until, f"never settled: {waiting}"
        time.sleep(0.5)


def _under_way(mesh: Mesh) -> Iterator[str]:
    for service, found in everywhere(mesh, "SELECT count(*) AS n FROM outbox WHERE published_at IS NULL").items():
        if found[0]["n"]:
            yield f"{service}: {found[0]['n']} events in the outbox"
    for consumer in consumers(mesh):
        if consumer.waiting or consumer.in_hand:
            yield f"{consumer.name}: {consumer.waiting} events waiting, {consumer.in_hand} in hand"
    for row in rows(mesh, "notification", "SELECT * FROM delivery WHERE state IN ('QUEUED', 'SENDING')"):
        yield f"delivery {row['delivery_id']} is {row['state']}, attempt {row['attempt_count']}"
    for row in rows(mesh, "booking", "SELECT refund_id, state FROM refund WHERE state NOT IN ('SUCCEEDED', 'FAILED')"):
        yield f"refund {row['refund_id']} is {row['state']}"
    for row in rows(mesh, "booking", "SELECT * FROM provider_event WHERE applied_at IS NULL"):
        yield f"{row['type']} {row['event_id']} is not applied"


def violations(mesh: Mesh) -> list[str]:
    """Every sentence is a broken promise."""
    checks = (_events, _effects, _ledger, _refunds, _nights, _mails)
    return [problem for check in checks for problem in check(mesh)]


def ended_once(mesh: Mesh, booking: Json, state: str = "CONFIRMED") -> list[str]:
    """What is wrong with a booking that was paid, and cancelled if `state` says so: it is charged, told of, and refunded
    once, and no twin of it exists."""
    row = booking_row(mesh, booking["bookingId"])
    about = row["booking_id"]
    intents = [
        i for i in at_the_provider(mesh, "payment_intents") if i["metadata"]["booking_id"] == booking["bookingId"]
    ]
    entries = rows(mesh, "booking", "SELECT source, account FROM ledger_entry WHERE booking_id = $1", about)
    told = rows(mesh, "notification", "SELECT user_id, kind FROM notification WHERE booking_id = $1", about)
    twins = "SELECT booking_id FROM booking WHERE client_id = $1 AND quote_id = $2"
    claims = {
        "state": (row["state"], state),
        "bookings of its quote": (len(rows(mesh, "booking", twins, row["client_id"], row["quote_id"])), 1),
        "intents": ([(i["id"], i["status"]) for i in intents], [(booking["payment"]["paymentIntentId"], "succeeded")]),
        "charges": (sorted(e["account"] for e in entries if e["source"] == "charge"), ["CLIENT", "ESCROW"]),
        "notices": (Counter((t["user_id"], t["kind"]) for t in told), Counter(_notices(row, state))),
    }
    return [f"{booking['bookingId']}: {what}: {found}" for what, (found, wanted) in claims.items() if found != wanted]


def _notices(booking: Row, state: str) -> list[tuple[object, str]]:
    client, host = booking["client_id"], booking["host_id"]
    told = [(client, "BOOKING_CONFIRMED"), (host, "BOOKING_RECEIVED")]
    if state == "CANCELLED":
        told += [(client, "BOOKING_CANCELLED"), (host, "BOOKING_CANCELLED"), (client, "PAYMENT_REFUNDED")]
    return told


def _events(mesh: Mesh) -> Iterator[str]:
    """An event for every commit: each outbox row is in its stream, once, byte for byte; nothing else is there."""
    written = {
        str(row["id"]): (row["subject"], row["payload"])
        for found in everywhere(mesh, "SELECT id, subject, payload FROM outbox").values()
        for row in found
    }
    published = messages(mesh)
    for event_id, times in Counter(message.event_id for message in published).items():
        if times > 1:
            yield f"event {event_id} is in its stream {times} times"
    kept = {message.event_id: (message.subject, message.data) for message in published}
    for event_id in written.keys() ^ kept.keys():
        yield f"event {event_id} {written.get(event_id, ('is in no outbox',))[0]} is lost or came from nowhere"
    yield from (
        f"event {event_id} changed on its way"
        for event_id in written.keys() & kept.keys()
        if written[event_id] != kept[event_id]
    )
    for letter in messages(mesh, dead=True):
        yield f"dead letter: {letter.data.decode()}"
    for service, parked in everywhere(mesh, "SELECT id, parked_reason FROM outbox WHERE parked_at IS NOT NULL").items():
        yield from (f"{service} parked {row['id']}: {row['parked_reason']}" for row in parked)


def _effects(mesh: Mesh) -> Iterator[str]:
    """Every consumer has taken every event of its subjects, once."""
    published = messages(mesh)
    inboxes = everywhere(mesh, "SELECT consumer, event_id FROM inbox")
    taken = Counter((row["consumer"], str(row["event_id"])) for found in inboxes.values() for row in found)
    expected = {
        (consumer.name, message.event_id)
        for consumer in consumers(mesh)
        for message in published
        if message.stream == consumer.stream and message.subject in consumer.subjects
    }
    yield from (f"{consumer} never took {event_id}" for consumer, event_id in expected - taken.keys())
    yield from (f"{consumer} took {event_id}, which is in no stream" for consumer, event_id in taken.keys() - expected)


def _ledger(mesh: Mesh) -> Iterator[str]:
    query = (
        "SELECT currency, sum(amount_minor) AS off FROM ledger_entry GROUP BY currency HAVING sum(amount_minor) <> 0"
    )
    yield from (f"the ledger is off by {row['off']} {row['currency']}" for row in rows(mesh, "booking", query))
    query = "SELECT event_id, type, problem FROM provider_event WHERE problem <> ''"
    yield from (f"{row['type']} {row['event_id']}: {row['problem']}" for row in rows(mesh, "booking", query))


def _refunds(mesh: Mesh) -> Iterator[str]:
    """The provider has given back what the books say, no refund twice."""
    query = "SELECT intent_id, refund.amount_minor, provider_refund_id, refund.state FROM refund JOIN payment USING (payment_id)"
    booked = rows(mesh, "booking", query)
    yield from (f"refund {row} is not through" for row in booked if row["state"] != "SUCCEEDED")
    ours = Counter((row["intent_id"], row["amount_minor"], row["provider_refund_id"]) for row in booked)
    theirs = Counter((r["payment_intent"], r["amount"], r["id"]) for r in at_the_provider(mesh, "refunds"))
    yield from (f"refund {refund} is in one book only, or twice" for refund in (ours - theirs) + (theirs - ours))


def _nights(mesh: Mesh) -> Iterator[str]:
    """Nights belong to the stay that has them, all of them and no others; and the search knows the same."""
    stays = rows(mesh, "booking", "SELECT * FROM booking WHERE state IN ('HELD', 'CONFIRMED')")
    owed = Counter((stay["property_id"], night) for stay in stays for night in _stay(stay))
    yield from (
        f"night {night} of {place} is sold {times} times" for (place, night), times in owed.items() if times > 1
    )
    held = {(row["property_id"], row["night"]) for row in rows(mesh, "booking", "SELECT property_id, night FROM night")}
    yield from (f"night {night} of {place} is held for nobody, or not held" for place, night in owed.keys() ^ held)
    query = "SELECT property_id, night FROM taken_night WHERE taken"
    known = {(row["property_id"], row["night"]) for row in rows(mesh, "property", query)}
    yield from (f"the search is wrong about night {night} of {place}" for place, night in held ^ known)


def _stay(booking: Row) -> list[object]:
    nights = (booking["check_out"] - booking["check_in"]).days
    return [booking["check_in"] + timedelta(days=offset) for offset in range(nights)]


def _mails(mesh: Mesh) -> Iterator[str]:
    """Every delivery reached the provider. At least once is what a provider without idempotency allows: a delivery whose
    worker died between the provider's yes and its own commit goes again, and then as the same message, by its Message-ID."""
    sent = httpx.get(f"{mesh.sandbox}/inbox", timeout=20).json()["emails"]
    by_delivery: dict[str, list[Json]] = {}
    for mail in sent:
        by_delivery.setdefault(mail["custom_args"]["delivery_id"], []).append(mail)
    deliveries = {
        to_typeid("delivery", row["delivery_id"]): row for row in rows(mesh, "notification", "SELECT * FROM delivery")
    }
    for delivery_id in deliveries.keys() ^ by_delivery.keys():
        yield f"{delivery_id} was never sent, or is unknown: {deliveries.get(delivery_id)}"
    for delivery_id, mails in by_delivery.items():
        row = deliveries.get(delivery_id, {})
        if row.get("state") not in ("SENT", "DELIVERED"):
            yield f"{delivery_id} arrived and is {row.get('state')}, {row.get('failure')}"
        if len(mails) > 1 and row.get("attempt_count", 0) < len(mails):
            yield f"{delivery_id} went {len(mails)} times in {row.get('attempt_count')} attempts"
        if len({(mail["headers"]["Message-ID"], mail["to"]) for mail in mails}) > 1:
            yield f"{delivery_id} went as different messages"
