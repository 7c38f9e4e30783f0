"""The sandbox answers as Stripe does."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest


def error(response: httpx.Response) -> dict[str, Any]:
    return dict(response.json()["error"])


def test_a_payment_by_card(sandbox: Any) -> None:
    intent = sandbox.intent(**{"metadata[booking_id]": "booking_1"})
    assert (intent["object"], intent["amount"], intent["currency"]) == ("payment_intent", 12_500, "dzd")
    assert intent["status"] == "requires_payment_method"
    assert intent["metadata"] == {"booking_id": "booking_1"}

    paid = sandbox.stripe("POST", f"payment_intents/{intent['id']}/confirm", {"payment_method": "pm_card_visa"}).json()
    assert (paid["status"], paid["amount_received"]) == ("succeeded", 12_500)
    charge = sandbox.stripe("GET", f"charges/{paid['latest_charge']}").json()
    assert (charge["amount_captured"], charge["payment_intent"]) == (12_500, intent["id"])
    assert sandbox.stripe("GET", f"payment_intents/{intent['id']}").json() == paid


def test_the_payers_browser_needs_the_client_secret(sandbox: Any) -> None:
    intent = sandbox.intent()
    path, form = f"payment_intents/{intent['id']}/confirm", {"payment_method": "pm_card_visa"}
    browser = {"authorization": "Bearer pk_test_1"}

    refused = sandbox.stripe("POST", path, {**form, "client_secret": f"{intent['id']}_secret_guess"}, **browser)
    assert (refused.status_code, error(refused)["param"]) == (400, "client_secret")
    refused = sandbox.stripe("POST", "refunds", {"payment_intent": intent["id"]}, **browser)
    assert refused.status_code == 403
    paid = sandbox.stripe("POST", path, {**form, "client_secret": intent["client_secret"]}, **browser)
    assert paid.json()["status"] == "succeeded"


@pytest.mark.parametrize("key", ["", "Bearer sk_test_other", "Basic c2tfdGVzdF9vdGhlcjo="])
def test_a_call_without_the_key_is_refused(sandbox: Any, key: str) -> None:
    assert sandbox.stripe("POST", "payment_intents", {"amount": 1}, authorization=key).status_code == 401


@pytest.mark.parametrize(
    ("card", "code", "decline_code"),
    [
        ("pm_card_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", None),
    ],
)
def test_a_declined_card_can_be_followed_by_a_good_one(sandbox: Any, card: str, code: str, decline_code: str) -> None:
    intent = sandbox.intent()
    path = f"payment_intents/{intent['id']}/confirm"
    declined = sandbox.stripe("POST", path, {"payment_method": card})
    assert declined.status_code == 402
    assert (error(declined)["type"], error(declined)["code"]) == ("card_error", code)
    assert error(declined).get("decline_code") == decline_code
    assert error(declined)["payment_intent"]["status"] == "requires_payment_method"
    assert sandbox.stripe("POST", path, {"payment_method": "pm_card_visa"}).json()["status"] == "succeeded"


@pytest.mark.parametrize(("outcome", "status"), [("succeed", "succeeded"), ("fail", "requires_payment_method")])
def test_the_bank_may_ask_the_payer_who_they_are(sandbox: Any, outcome: str, status: str) -> None:
    intent = sandbox.intent(confirm="true", payment_method="pm_card_authenticationRequired")
    assert intent["status"] == "requires_action"
    page = intent["next_action"]["redirect_to_url"]["url"]
    assert "Test bank" in httpx.get(page).text
    assert httpx.post(page, data={"outcome": outcome}).json()["status"] == status


def test_manual_capture_takes_at_most_what_was_authorized(sandbox: Any) -> None:
    intent = sandbox.paid(capture_method="manual")
    assert (intent["status"], intent["amount_capturable"]) == ("requires_capture", 12_500)
    path = f"payment_intents/{intent['id']}/capture"
    assert error(sandbox.stripe("POST", path, {"amount_to_capture": 12_501}))["code"] == "amount_too_large"
    captured = sandbox.stripe("POST", path, {"amount_to_capture": 10_000}).json()
    assert (captured["status"], captured["amount_received"], captured["amount_capturable"]) == ("succeeded", 10_000, 0)
    too_much = sandbox.stripe("POST", "refunds", {"payment_intent": intent["id"], "amount": 10_001})
    assert error(too_much)["code"] == "amount_too_large"


def test_a_cancelled_intent_takes_no_money(sandbox: Any) -> None:
    intent = sandbox.intent()
    path = f"payment_intents/{intent['id']}"
    cancelled = sandbox.stripe("POST", f"{path}/cancel", {"cancellation_reason": "abandoned"}).json()
    assert (cancelled["status"], cancelled["cancellation_reason"]) == ("canceled", "abandoned")
    late = sandbox.stripe("POST", f"{path}/confirm", {"payment_method": "pm_card_visa"})
    assert error(late)["code"] == "payment_intent_unexpected_state"
    paid = sandbox.paid()
    assert sandbox.stripe("POST", f"payment_intents/{paid['id']}/cancel").status_code == 400


def test_refunds_never_exceed_what_was_captured(sandbox: Any) -> None:
    intent = sandbox.paid()

    def refund(**form: Any) -> httpx.Response:
        response: httpx.Response = sandbox.stripe("POST", "refunds", {"payment_intent": intent["id"], **form})
        return response

    first = refund(amount=5_000, reason="requested_by_customer", **{"metadata[booking_id]": "b"}).json()
    assert (first["object"], first["amount"], first["status"]) == ("refund", 5_000, "succeeded")
    assert error(refund(amount=7_501))["code"] == "amount_too_large"
    assert refund().json()["amount"] == 7_500
    assert error(refund(amount=1))["code"] == "charge_already_refunded"
    charge = sandbox.stripe("GET", f"charges/{intent['latest_charge']}").json()
    assert (charge["amount_refunded"], charge["refunded"]) == (12_500, True)
    listed = sandbox.stripe("GET", f"refunds?payment_intent={intent['id']}").json()
    assert [entry["amount"] for entry in listed["data"]] == [7_500, 5_000]


def test_an_unpaid_intent_cannot_be_refunded(sandbox: Any) -> None:
    refused = sandbox.stripe("POST", "refunds", {"payment_intent": sandbox.intent()["id"]})
    assert error(refused)["code"] == "payment_intent_unexpected_state"


@pytest.mark.parametrize(
    ("form", "param"),
    [
        ({"currency": "dzd"}, "amount"),
        ({"amount": "0", "currency": "dzd"}, "amount"),
        ({"amount": "12.5", "currency": "dzd"}, "amount"),
        ({"amount": "100"}, "currency"),
        ({"amount": "100", "currency": "dinar"}, "currency"),
        ({"amount": "100", "currency": "dzd", "payment_method": "pm_card_unheard"}, "payment_method"),
        ({"amount": "100", "currency": "dzd", "colour": "red"}, "colour"),
    ],
)
def test_a_bad_parameter_is_named(sandbox: Any, form: dict[str, str], param: str) -> None:
    refused = sandbox.stripe("POST", "payment_intents", form)
    assert (refused.status_code, error(refused)["param"]) == (400, param)
    assert sandbox.stripe("GET", "payment_intents").json()["data"] == []


def test_a_json_body_is_refused(sandbox: Any) -> None:
    headers = {"authorization": "Bearer sk_test_4f9c"}
    assert (
        httpx.post(f"{sandbox.url}/stripe/v1/payment_intents", json={"amount": 1}, headers=headers).status_code == 400
    )


def test_lists_have_pages(sandbox: Any) -> None:
    made = [sandbox.intent(amount=100 + n)["id"] for n in range(3)]
    first = sandbox.stripe("GET", "payment_intents?limit=2").json()
    assert ([d["id"] for d in first["data"]], first["has_more"]) == ([made[2], made[1]], True)
    last = sandbox.stripe("GET", f"payment_intents?limit=2&starting_after={made[1]}").json()
    assert ([d["id"] for d in last["data"]], last["has_more"]) == ([made[0]], False)


def test_one_key_one_effect(sandbox: Any) -> None:
    form = {"amount": 100, "currency": "dzd"}
    first = sandbox.stripe("POST", "payment_intents", form, idempotency_key="k1")
    again = sandbox.stripe("POST", "payment_intents", form, idempotency_key="k1")
    assert again.content == first.content
    assert again.headers["idempotent-replayed"] == "true" and "idempotent-replayed" not in first.headers
    other = sandbox.stripe("POST", "payment_intents", {**form, "amount": 101}, idempotency_key="k1")
    assert (other.status_code, error(other)["type"]) == (400, "idempotency_error")
    assert len(sandbox.stripe("GET", "payment_intents").json()["data"]) == 1


def test_one_key_one_effect_when_calls_race(sandbox: Any) -> None:
    intent = sandbox.paid()
    form = {"payment_intent": intent["id"], "amount": 100}
    with ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(sandbox.stripe, "POST", "refunds", form, idempotency_key="r1") for _ in range(16)]
    assert len({call.result().json()["id"] for call in calls}) == 1
    assert sandbox.stripe("GET", f"charges/{intent['latest_charge']}").json()["amount_refunded"] == 100


def test_a_decline_is_an_answer_a_refusal_is_not(sandbox: Any) -> None:
    path = f"payment_intents/{sandbox.intent()['id']}/confirm"
    for _ in range(2):
        declined = sandbox.stripe("POST", path, {"payment_method": "pm_card_chargeDeclined"}, idempotency_key="d")
        assert declined.status_code == 402
    assert declined.headers["idempotent-replayed"] == "true"
    assert sandbox.stripe("POST", "payment_intents", {"amount": 5}, idempotency_key="v").status_code == 400
    corrected = sandbox.stripe("POST", "payment_intents", {"amount": 5, "currency": "dzd"}, idempotency_key="v")
    assert corrected.status_code == 200


def test_a_restart_forgets_nothing(sandbox: Any) -> None:
    form = {"amount": 100, "currency": "dzd"}
    first = sandbox.stripe("POST", "payment_intents", form, idempotency_key="k")
    assert sandbox.stop() == 0
    sandbox.start()
    assert sandbox.stripe("POST", "payment_intents", form, idempotency_key="k").content == first.content
    assert sandbox.stripe("GET", f"payment_intents/{first.json()['id']}").json() == json.loads(first.content)
