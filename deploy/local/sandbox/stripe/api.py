"""The HTTP face of the Stripe sandbox."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable, Sequence
from html import escape
from typing import Any

from deploy.local.sandbox.provider import Section
from deploy.local.sandbox.store import Document, Store
from deploy.local.sandbox.stripe.errors import StripeError
from deploy.local.sandbox.stripe.forms import body, decode
from deploy.local.sandbox.stripe.idempotency import Idempotency
from deploy.local.sandbox.stripe.intents import Intents
from deploy.local.sandbox.stripe.records import API_VERSION, Records, new_id, sign
from deploy.local.sandbox.stripe.refunds import Refunds
from deploy.local.sandbox.web import Handler, Request, Response, Route, json
from deploy.local.sandbox.webhooks import Dispatcher

Call = Callable[[Request, dict[str, Any]], Document]

AUTHENTICATION_PAGE = """<!doctype html><meta charset="utf-8"><title>Test bank</title>
<h1>Test bank</h1><p>Prove who you are to pay {amount} {currency}.</p>
<form method="post"><button name="outcome" value="succeed">It is me</button>
<button name="outcome" value="fail">Fail</button></form>"""


class Stripe:
    """The provider. `api_key` None takes any `sk_test_…` key."""

    name = "stripe"

    def __init__(
        self,
        store: Store,
        dispatcher: Dispatcher,
        *,
        public_url: str,
        webhook_url: str,
        webhook_secret: str,
        api_key: str | None,
    ) -> None:
        self._store = store
        self._api_key = api_key
        self._records = Records(store, dispatcher, webhook_url)
        self._intents = Intents(self._records, public_url)
        self._refunds = Refunds(self._records)
        self._idempotency = Idempotency(store)
        dispatcher.signer(self.name, lambda payload: sign(payload, webhook_secret))

    def routes(self) -> Sequence[Route]:
        intents, refunds, records = self._intents, self._refunds, self._records
        intent = "/v1/payment_intents/{id}"
        return [
            self._write(
                "/v1/payment_intents",
                "payment_intents.create",
                lambda _, form: intents.create(form),
            ),
            self._read(
                "/v1/payment_intents",
                "payment_intents.list",
                self._list("payment_intent", "customer"),
            ),
            self._read(
                intent,
                "payment_intents.retrieve",
                lambda r, _: intents.get(r.params["id"]),
            ),
            self._write(
                intent,
                "payment_intents.update",
                lambda r, form: intents.update(r.params["id"], form),
            ),
            self._write(
                intent + "/confirm",
                "payment_intents.confirm",
                lambda r, form: intents.confirm(r.params["id"], form),
            ),
            self._write(
                intent + "/capture",
                "payment_intents.capture",
                lambda r, form: intents.capture(r.params["id"], form),
            ),
            self._write(
                intent + "/cancel",
                "payment_intents.cancel",
                lambda r, form: intents.cancel(r.params["id"], form),
            ),
            self._write("/v1/refunds", "refunds.create", lambda _, form: refunds.create(form)),
            self._read(
                "/v1/refunds",
                "refunds.list",
                self._list("refund", "payment_intent", "charge"),
            ),
            self._read(
                "/v1/refunds/{id}",
                "refunds.retrieve",
                lambda r, _: refunds.get(r.params["id"]),
            ),
            self._read("/v1/charges", "charges.list", self._list("charge", "payment_intent")),
            self._read(
                "/v1/charges/{id}",
                "charges.retrieve",
                lambda r, _: records.get("charge", r.params["id"]),
            ),
            self._read("/v1/events", "events.list", self._list("event", "type")),
            self._read(
                "/v1/events/{id}",
                "events.retrieve",
                lambda r, _: records.get("event", r.params["id"]),
            ),
            Route("GET", "/authenticate/{id}", self._bank_page, "authenticate"),
            Route("POST", "/authenticate/{id}", self._bank_answer, "authenticate"),
        ]

    def failure(self, status: int) -> Response:
        type = "rate_limit_error" if status == 429 else "api_error"
        return StripeError("The sandbox was told to fail.", status=status, type=type).response()

    def sections(self) -> Sequence[Section]:
        intents = self._store.all("stripe.payment_intent", 100)
        refunds = self._store.all("stripe.refund", 100)
        return [
            Section(
                "Payments",
                ("intent", "amount", "currency", "status", "metadata"),
                [
                    (
                        d["id"],
                        str(d["amount"]),
                        d["currency"],
                        d["status"],
                        _plain(d["metadata"]),
                    )
                    for d in intents
                ],
            ),
            Section(
                "Refunds",
                ("refund", "intent", "amount", "currency", "status"),
                [
                    (
                        d["id"],
                        d["payment_intent"],
                        str(d["amount"]),
                        d["currency"],
                        d["status"],
                    )
                    for d in refunds
                ],
            ),
        ]

    def _list(self, noun: str, *filters: str) -> Call:
        def call(request: Request, query: dict[str, Any]) -> Document:
            equal = {name: query.get(name) for name in filters}
            return self._records.page(noun, request.path.removeprefix("/stripe"), query, **equal)

        return call

    def _read(self, path: str, operation: str, call: Call) -> Route:
        async def handler(request: Request) -> Response:
            try:
                query = decode(request.query)
                self._authorize(request, query)
                return _answer(call(request, query))
            except StripeError as error:
                return error.response()

        return Route("GET", path, handler, operation)

    def _write(self, path: str, operation: str, call: Call) -> Route:
        async def handler(request: Request) -> Response:
            try:
                form = body(request.body)
                self._authorize(request, form)
                return self._once(request, lambda: call(request, form))
            except StripeError as error:
                return error.response()

        return Route("POST", path, _form_only(handler), operation)

    def _once(self, request: Request, call: Callable[[], Document]) -> Response:
        key = request.headers.get("idempotency-key")
        if key and (kept := self._idempotency.replay(key, request)):
            return kept
        # A declined card changes the intent and is an answer like any other: it commits, and a repeat replays it.
        with self._store.transaction():
            try:
                response = _answer(call())
            except StripeError as error:
                if error.status != 402:
                    raise
                response = error.response()
            if key:
                self._idempotency.keep(key, request, response)
        return response

    def _authorize(self, request: Request, form: dict[str, Any]) -> None:
        scheme, _, credential = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":
            credential = base64.b64decode(credential + "==").decode("utf-8", "replace").partition(":")[0]
        if not credential:
            message = "You did not provide an API key. You need to provide your API key in the Authorization header."
            raise StripeError(message, status=401)
        if credential.startswith("pk_test_"):
            return self._authorize_payer(request, form)
        expected = self._api_key or "sk_test_"
        known = hmac.compare_digest(credential, expected) if self._api_key else credential.startswith(expected)
        if not known:
            raise StripeError(f"Invalid API Key provided: {credential[:8]}********", status=401)

    def _authorize_payer(self, request: Request, form: dict[str, Any]) -> None:
        """A publishable key opens one intent, with its client secret: what Stripe.js does in a browser."""
        allowed = request.path.endswith("/confirm") or request.method == "GET"
        if not allowed or "/v1/payment_intents/" not in request.path:
            raise StripeError("This API call cannot be made with a publishable API key.", status=403)
        intent = self._intents.get(request.params["id"])
        if form.get("client_secret") != intent["client_secret"]:
            message = "The client_secret provided does not match the client_secret associated with this object."
            raise StripeError(message, code="payment_intent_invalid_parameter", param="client_secret")

    async def _bank_page(self, request: Request) -> Response:
        try:
            intent = self._intents.get(request.params["id"])
        except StripeError as error:
            return error.response()
        page = AUTHENTICATION_PAGE.format(amount=intent["amount"], currency=escape(intent["currency"].upper()))
        return Response(200, page.encode(), {"content-type": "text/html; charset=utf-8"})

    async def _bank_answer(self, request: Request) -> Response:
        try:
            with self._store.transaction():
                outcome = body(request.body).get("outcome")
                return json(self._intents.authenticate(request.params["id"], outcome == "succeed"))
        except StripeError as error:
            return error.response()


def _answer(document: Document) -> Response:
    return json(document, headers={"request-id": new_id("req"), "stripe-version": API_VERSION})


def _form_only(handler: Handler) -> Handler:
    async def guarded(request: Request) -> Response:
        media = request.headers.get("content-type", "").partition(";")[0].strip()
        if request.body and media != "application/x-www-form-urlencoded":
            return StripeError(f"Invalid request: unsupported content type {media}.", status=400).response()
        return await handler(request)

    return guarded


def _plain(values: dict[str, str]) -> str:
    return " ".join(f"{key}={value}" for key, value in values.items())
