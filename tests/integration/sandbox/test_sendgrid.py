"""The sandbox takes mail as SendGrid does, and shows it."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

MAIL: dict[str, Any] = {
    "personalizations": [{"to": [{"email": "amina@example.dz"}], "custom_args": {"delivery_id": "d1"}}],
    "from": {"email": "no-reply@kerya.example", "name": "Kerya"},
    "subject": "Your booking <b>is</b> confirmed",
    "content": [
        {"type": "text/plain", "value": "مرحبا"},
        {"type": "text/html", "value": "<p>مرحبا</p><script>alert(1)</script>"},
    ],
}


def send(sandbox: Any, mail: Any, key: str = "SG.of_the_tests") -> httpx.Response:
    return httpx.post(f"{sandbox.url}/sendgrid/v3/mail/send", json=mail, headers={"authorization": f"Bearer {key}"})


def test_a_mail_is_taken_and_found(sandbox: Any) -> None:
    taken = send(sandbox, MAIL)
    assert (taken.status_code, taken.content) == (202, b"")
    (mail,) = sandbox.inbox("Amina@example.dz")
    assert mail["message_id"] == taken.headers["x-message-id"]
    assert (mail["subject"], mail["text"], mail["custom_args"]) == (MAIL["subject"], "مرحبا", {"delivery_id": "d1"})
    assert sandbox.inbox("karim@example.dz") == []


def test_the_same_mail_twice_is_two_mails(sandbox: Any) -> None:
    send(sandbox, MAIL)
    send(sandbox, MAIL)
    assert len(sandbox.inbox()) == 2


def test_the_page_runs_nothing_a_mail_brings(sandbox: Any) -> None:
    id = send(sandbox, MAIL).headers["x-message-id"]
    overview, shown = httpx.get(sandbox.url), httpx.get(f"{sandbox.url}/emails/{id}")
    assert "<b>is</b>" not in overview.text + shown.text
    assert "Your booking &lt;b&gt;is&lt;/b&gt; confirmed" in overview.text
    assert "<iframe sandbox" in shown.text and "<script>" not in shown.text
    assert "default-src 'none'" in overview.headers["content-security-policy"]
    assert "sandbox" in httpx.get(f"{sandbox.url}/emails/{id}/html").headers["content-security-policy"]


def test_a_wrong_key_is_refused(sandbox: Any) -> None:
    refused = send(sandbox, MAIL, "SG.other")
    assert refused.status_code == 401
    assert "authorization grant is invalid" in refused.json()["errors"][0]["message"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"personalizations": []}, "personalizations"),
        ({"personalizations": [{"to": []}]}, "personalizations.0.to"),
        ({"personalizations": [{"to": [{"email": "nobody"}]}]}, "personalizations.0.to.0.email"),
        ({"personalizations": [{"to": [{"email": "a@b.dz"}], "cc": [{"email": "A@b.dz"}]}]}, "personalizations.0"),
        ({"from": {}}, "from.email"),
        ({"subject": ""}, "subject"),
        ({"content": []}, "content"),
        ({"content": [{"type": "text/plain", "value": ""}]}, "content.0.value"),
        ({"content": list(reversed(MAIL["content"]))}, "content"),
        ({"headers": {"Subject": "x"}}, "headers.Subject"),
        ({"headers": {"X-Ref": "a\r\nBcc: all@example.dz"}}, "headers.X-Ref"),
        ({"custom_args": {"n": 1}}, "custom_args"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_fault_is_named_and_nothing_is_sent(sandbox: Any, change: dict[str, Any], field: str) -> None:
    refused = send(sandbox, MAIL | change)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, field)
    assert sandbox.inbox() == []


def test_the_knobs_reach_it(sandbox: Any) -> None:
    sandbox.knob(provider="sendgrid", operation="mail.send", fail=1, status=503)
    assert [send(sandbox, MAIL).status_code for _ in range(2)] == [503, 202]
    assert len(sandbox.inbox()) == 1


@pytest.mark.parametrize(("to", "outcome"), [("amina@example.dz", "delivered"), ("bounce.amina@example.dz", "bounce")])
def test_what_became_of_a_mail_is_told_and_signed(
    sandbox: Any, receiver: Any, wait: Any, to: str, outcome: str
) -> None:
    entry = {"to": [{"email": to}], "custom_args": {"delivery_id": "d1"}}
    send(sandbox, MAIL | {"personalizations": [entry]})
    wait(lambda: len(receiver.taken) == 2, "both events arrive")
    public = load_pem_private_key(
        (sandbox.directory / "sendgrid_webhook_signing_key.pem").read_bytes(), None
    ).public_key()
    told = []
    for headers, body in receiver.taken:
        signature = base64.b64decode(headers["x-twilio-email-event-webhook-signature"])
        signed = headers["x-twilio-email-event-webhook-timestamp"].encode() + body
        public.verify(signature, signed, ec.ECDSA(SHA256()))
        told += json.loads(body)
    assert {event["event"] for event in told} == {"processed", outcome}
    assert {(event["email"], event["delivery_id"]) for event in told} == {(to, "d1")}
