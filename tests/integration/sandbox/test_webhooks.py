"""Webhooks: signed as Stripe signs, retried, and disturbed where a knob says so."""

from __future__ import annotations

import json
from typing import Any

import httpx
import stripe

SECRET = "whsec_of_the_tests"


def types(receiver: Any) -> list[str]:
    return [json.loads(body)["type"] for _, body in receiver.taken]


def test_the_signature_is_what_stripes_own_library_accepts(sandbox: Any, receiver: Any, wait: Any) -> None:
    intent = sandbox.paid(**{"metadata[booking_id]": "booking_1"})
    wait(lambda: "payment_intent.succeeded" in types(receiver), "the event arrives")
    for headers, body in receiver.taken:
        event = stripe.Webhook.construct_event(body, headers["stripe-signature"], SECRET)
        assert event.data.object
    event = next(json.loads(body) for _, body in receiver.taken if b"payment_intent.succeeded" in body)
    assert event["data"]["object"]["id"] == intent["id"]
    assert event["data"]["object"]["metadata"] == {"booking_id": "booking_1"}
    assert sandbox.stripe("GET", f"events/{event['id']}").json() == event


def test_a_payment_and_its_refund_are_all_told(sandbox: Any, receiver: Any, wait: Any) -> None:
    intent = sandbox.paid()
    sandbox.stripe("POST", "refunds", {"payment_intent": intent["id"]})
    expected = {
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
        "refund.created",
        "charge.refunded",
    }
    wait(lambda: set(types(receiver)) == expected, "all five arrive")
    assert {event["type"] for event in sandbox.stripe("GET", "events").json()["data"]} == expected


def test_a_refused_webhook_comes_again(sandbox: Any, receiver: Any, wait: Any) -> None:
    receiver.answers = [500, 503, 401]
    sandbox.intent()
    wait(lambda: len(receiver.taken) == 4, "the fourth attempt is taken")
    assert len({body for _, body in receiver.taken}) == 1
    signatures = [headers["stripe-signature"] for headers, _ in receiver.taken]
    for signature in signatures:
        stripe.WebhookSignature.verify_header(receiver.taken[0][1].decode(), signature, SECRET, tolerance=300)
    wait(lambda: webhooks(sandbox)[0]["state"] == "DELIVERED", "it is done")
    assert webhooks(sandbox)[0]["attempts"] == 4


def test_what_was_not_delivered_is_after_a_restart(sandbox: Any, receiver: Any, wait: Any) -> None:
    receiver.answers = [503] * 100
    sandbox.intent()
    wait(lambda: len(receiver.taken) >= 1, "a first attempt")
    sandbox.stop()
    receiver.answers.clear()
    sandbox.start()
    wait(lambda: webhooks(sandbox)[0]["state"] == "DELIVERED", "delivered after the restart")


def test_duplicate(sandbox: Any, receiver: Any, wait: Any) -> None:
    sandbox.knob(provider="stripe", operation="webhook", duplicate=2, times=1)
    sandbox.intent()
    wait(lambda: len(receiver.taken) == 3, "three of the same")
    assert len({json.loads(body)["id"] for _, body in receiver.taken}) == 1


def test_reorder(sandbox: Any, receiver: Any, wait: Any) -> None:
    sandbox.knob(provider="stripe", operation="webhook", reorder=True, times=1)
    first, second = sandbox.intent()["id"], sandbox.intent()["id"]
    wait(lambda: len(receiver.taken) == 2, "both arrive")
    assert [json.loads(body)["data"]["object"]["id"] for _, body in receiver.taken] == [second, first]


def test_drop_and_resend(sandbox: Any, receiver: Any, wait: Any) -> None:
    sandbox.knob(provider="stripe", operation="webhook", drop=True, times=1)
    lost = sandbox.intent()["id"]
    sandbox.intent()
    wait(lambda: len(receiver.taken) == 1, "only the second arrives")
    dropped = next(entry for entry in webhooks(sandbox) if entry["state"] == "DROPPED")
    assert httpx.post(f"{sandbox.url}/webhooks/{dropped['sequence']}:resend").status_code == 200
    wait(lambda: len(receiver.taken) == 2, "the lost one, sent again")
    assert json.loads(receiver.taken[1][1])["data"]["object"]["id"] == lost


def test_fail_counts_and_has_no_effect(sandbox: Any) -> None:
    sandbox.knob(provider="stripe", operation="payment_intents.create", fail=2, status=503)
    form = {"amount": 100, "currency": "dzd"}
    answers = [sandbox.stripe("POST", "payment_intents", form, idempotency_key="k").status_code for _ in range(3)]
    assert answers == [503, 503, 200]
    assert len(sandbox.stripe("GET", "payment_intents").json()["data"]) == 1


def test_a_dropped_answer_has_its_effect(sandbox: Any) -> None:
    sandbox.knob(provider="stripe", operation="payment_intents.create", drop=True, times=1)
    form, headers = (
        {"amount": "100", "currency": "dzd"},
        {"authorization": "Bearer sk_test_4f9c", "idempotency-key": "k"},
    )
    try:
        httpx.post(f"{sandbox.url}/stripe/v1/payment_intents", data=form, headers=headers, timeout=0.3)
        raise AssertionError("the answer should have been lost")
    except httpx.ReadTimeout:
        retried = httpx.post(f"{sandbox.url}/stripe/v1/payment_intents", data=form, headers=headers)
    assert retried.headers["idempotent-replayed"] == "true"
    assert len(sandbox.stripe("GET", "payment_intents").json()["data"]) == 1


def test_knobs_can_be_seen_and_taken_away(sandbox: Any) -> None:
    sandbox.knob(provider="stripe", operation="*", fail=1.0)
    assert sandbox.stripe("GET", "payment_intents").status_code == 500
    assert httpx.get(f"{sandbox.url}/knobs").json()["knobs"][0]["fail"] == 1.0
    httpx.delete(f"{sandbox.url}/knobs")
    assert sandbox.stripe("GET", "payment_intents").status_code == 200
    for wrong in ({"sabotage": 1}, {"fail": "x"}, {"delay_ms": -1}, {"drop": 1}, [1]):
        assert httpx.post(f"{sandbox.url}/knobs", json=wrong).status_code == 400


def webhooks(sandbox: Any) -> list[dict[str, Any]]:
    return list(httpx.get(f"{sandbox.url}/webhooks").json()["webhooks"])
