"""Composition of the sandbox: store, faults and dispatcher shared, each provider under its own name."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import orjson

from deploy.local.sandbox import page
from deploy.local.sandbox.faults import Faults
from deploy.local.sandbox.provider import Provider, mount
from deploy.local.sandbox.sendgrid.api import SendGrid
from deploy.local.sandbox.sendgrid.events import Events
from deploy.local.sandbox.settings import Settings
from deploy.local.sandbox.store import Store
from deploy.local.sandbox.stripe.api import Stripe
from deploy.local.sandbox.web import App, Request, Response, Route, json
from deploy.local.sandbox.webhooks import Dispatcher

DEVELOPMENT_WEBHOOK_SECRET = "whsec_sandbox"


def build(settings: Settings) -> App:
    """The whole sandbox as an ASGI application."""
    store, faults = Store(settings.sandbox_directory / "sandbox.sqlite3"), Faults()
    dispatcher = Dispatcher(
        store,
        faults,
        settings.sandbox_webhook_backoff_seconds,
        settings.sandbox_webhook_attempts,
    )
    stripe = Stripe(
        store,
        dispatcher,
        public_url=f"http://{settings.sandbox_listen}",
        webhook_url=settings.sandbox_stripe_webhook_url,
        webhook_secret=settings.secret("stripe_webhook_secret") or DEVELOPMENT_WEBHOOK_SECRET,
        api_key=settings.secret("stripe_api_key"),
    )
    events = Events(
        dispatcher, settings.sandbox_sendgrid_webhook_url, settings.secret("sendgrid_webhook_signing_key.pem")
    )
    sendgrid = SendGrid(store, events, api_key=settings.secret("sendgrid_api_key"))
    providers: list[Provider] = [stripe, sendgrid]
    routes = [route for provider in providers for route in mount(provider, faults)]
    desk = Desk(store, faults, dispatcher, providers, sendgrid)
    return App([*routes, *desk.routes()], _life(store, dispatcher))


@asynccontextmanager
async def _life(store: Store, dispatcher: Dispatcher) -> AsyncIterator[None]:
    delivering = asyncio.create_task(dispatcher.run())
    try:
        yield
    finally:
        delivering.cancel()
        with suppress(asyncio.CancelledError):
            await delivering
        store.close()


class Desk:
    """What is not any provider's API: the page, the inbox for tests, the webhooks and the knobs."""

    def __init__(
        self,
        store: Store,
        faults: Faults,
        dispatcher: Dispatcher,
        providers: list[Provider],
        sendgrid: SendGrid,
    ) -> None:
        self._store = store
        self._faults = faults
        self._dispatcher = dispatcher
        self._providers = providers
        self._sendgrid = sendgrid

    def routes(self) -> list[Route]:
        return [
            Route("GET", "/", self._page),
            Route("GET", "/healthz", self._health),
            Route("GET", "/inbox", self._inbox),
            Route("GET", "/emails/{id}", self._email),
            Route("GET", "/emails/{id}/html", self._email_body),
            Route("GET", "/webhooks", self._webhooks),
            Route("POST", "/webhooks/{id}:resend", self._resend),
            Route("GET", "/knobs", self._knobs),
            Route("POST", "/knobs", self._set_knob),
            Route("DELETE", "/knobs", self._clear_knobs),
            Route("POST", "/reset", self._reset),
        ]

    async def _page(self, _: Request) -> Response:
        sections = [section for provider in self._providers for section in provider.sections()]
        return page.overview(sections, self._store.webhooks())

    async def _health(self, _: Request) -> Response:
        return json({"status": "ok"})

    async def _inbox(self, request: Request) -> Response:
        return json({"emails": self._sendgrid.inbox(request.first("to"))})

    async def _email(self, request: Request) -> Response:
        mail = self._sendgrid.mail(request.params["id"])
        return page.email(mail) if mail else json({"error": "no such e-mail"}, 404)

    async def _email_body(self, request: Request) -> Response:
        mail = self._sendgrid.mail(request.params["id"])
        return page.email_body(mail) if mail else json({"error": "no such e-mail"}, 404)

    async def _webhooks(self, _: Request) -> Response:
        found = self._store.webhooks()
        fields = (
            "sequence",
            "provider",
            "event_id",
            "type",
            "url",
            "state",
            "attempts",
            "answer",
        )
        return json({"webhooks": [{name: getattr(webhook, name) for name in fields} for webhook in found]})

    async def _resend(self, request: Request) -> Response:
        number = request.params["id"]
        webhook = self._store.webhook(int(number)) if number.isdigit() else None
        if webhook is None:
            return json({"error": "no such webhook"}, 404)
        self._dispatcher.resend(webhook)
        return json({"resent": webhook.event_id})

    async def _knobs(self, _: Request) -> Response:
        return json({"knobs": self._faults.knobs})

    async def _set_knob(self, request: Request) -> Response:
        try:
            return json(self._faults.set(dict(orjson.loads(request.body))))
        except (ValueError, TypeError) as error:
            return json({"error": str(error)}, 400)

    async def _clear_knobs(self, _: Request) -> Response:
        self._faults.clear()
        return json({"knobs": []})

    async def _reset(self, _: Request) -> Response:
        self._faults.clear()
        self._store.clear()
        return json({"reset": True})
