"""Adapters: the user service, and SendGrid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, timedelta
from http import HTTPStatus
from typing import Any
from uuid import UUID

import grpc
import httpx

from kerya.user.v1 import auth_service_pb2, user_service_pb2
from kerya.user.v1.auth_service_pb2_grpc import AuthServiceStub
from kerya.user.v1.user_service_pb2_grpc import UserServiceStub
from services.chassis.failures import DependencyDown
from services.chassis.ids import to_typeid
from services.notification.ports import Contact, Mail, OneTimeToken, Refused, Stale, Unavailable, Unreachable

# The account is gone, or the verification was used up meanwhile: asking again cannot help.
_FINAL = (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.FAILED_PRECONDITION)
# Ours to repair (a wrong key, a suspended account): mails wait for it rather than fail.
_OURS = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED)
MOST_PATIENT = timedelta(hours=1)


class UserDirectory:
    """The port Directory, over the user service."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._users: Any = UserServiceStub(channel)
        self._auth: Any = AuthServiceStub(channel)

    async def contact(self, user_id: UUID) -> Contact:
        request = user_service_pb2.GetContactRequest(user_id=to_typeid("user", user_id))
        found = await _called(self._users.GetContact, request, Unreachable())
        if not found.email:
            raise Unreachable
        return Contact(found.email, found.display_name or found.email.partition("@")[0], found.locale, found.time_zone)

    async def one_time_token(self, verification_id: str) -> OneTimeToken:
        request = auth_service_pb2.IssueEmailTokenRequest(verification_id=verification_id)
        made = await _called(self._auth.IssueEmailToken, request, Stale())
        return OneTimeToken(made.email, made.token, made.expire_time.ToDatetime(UTC))


async def _called(method: Callable[[Any], Any], request: Any, gone: Exception) -> Any:
    try:
        return await method(request)
    except grpc.aio.AioRpcError as error:
        if error.code() in _FINAL:
            raise gone from None
        raise Unavailable(f"user service: {error.code().name}") from error
    except DependencyDown as error:
        raise Unavailable(f"user service: {error.dependency} is down") from error


@dataclass(frozen=True)
class SendGridMailer:
    """The port Mailer, over SendGrid's v3 API.

    SendGrid has no idempotency key: what is sent twice arrives twice. Both copies carry one Message-ID, by which many
    mail programs show them as one, and one `delivery_id`, by which the provider's records tell.
    """

    client: httpx.AsyncClient
    api_key: Callable[[], str]
    sender: str
    sender_name: str

    async def send(self, mail: Mail) -> str:
        headers = {"authorization": f"Bearer {self.api_key()}"}
        try:
            response = await self.client.post("v3/mail/send", json=self._payload(mail), headers=headers)
        except httpx.TransportError as error:
            raise Unavailable(f"sendgrid: {type(error).__name__}") from error
        except DependencyDown as error:
            raise Unavailable("sendgrid: known to be down") from error
        if response.status_code == HTTPStatus.ACCEPTED:
            return str(response.headers.get("x-message-id", ""))
        raise _problem(response)

    def _payload(self, mail: Mail) -> dict[str, Any]:
        delivery_id = to_typeid("delivery", mail.delivery_id)
        headers = {"Message-ID": f"<{delivery_id}@{self.sender.rpartition('@')[2]}>"}
        if mail.unsubscribe_url:
            headers["List-Unsubscribe"] = f"<{mail.unsubscribe_url}>"
        return {
            "personalizations": [{"to": [{"email": mail.to}], "custom_args": {"delivery_id": delivery_id}}],
            "from": {"email": self.sender, "name": self.sender_name},
            "subject": mail.subject,
            "content": [
                {"type": "text/plain", "value": mail.text},
                {"type": "text/html", "value": mail.html},
            ],
            "headers": headers,
            "categories": [mail.category],
            # Links hold one-time tokens: they must not be rewritten to pass through somebody else's server.
            "tracking_settings": {"click_tracking": {"enable": False}, "open_tracking": {"enable": False}},
        }


def _problem(response: httpx.Response) -> Exception:
    status = response.status_code
    if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _OURS:
        return Unavailable(f"sendgrid: {status}", _asked_wait(response))
    return Refused(f"sendgrid: {status} {_faulty_field(response)}".strip())


def _asked_wait(response: httpx.Response) -> timedelta | None:
    text = response.headers.get("retry-after", "")
    return min(timedelta(seconds=int(text)), MOST_PATIENT) if text.isascii() and text.isdigit() else None


def _faulty_field(response: httpx.Response) -> str:
    """Which field it was; the message around it may quote an address."""
    try:
        return str(response.json()["errors"][0]["field"] or "")
    except (ValueError, LookupError, TypeError):
        return ""
