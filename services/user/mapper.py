"""Messages of the contract to domain values, and back."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import singledispatch

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from kerya.contract.v1 import contract_pb2
from kerya.user.v1 import auth_service_pb2, user_events_pb2, user_pb2
from services.chassis.errors import invalid
from services.chassis.etag import etag
from services.chassis.ids import to_typeid
from services.chassis.principal import Principal
from services.user.domain import events, totp
from services.user.domain.accounts import DEFAULT_TIME_ZONE, Account, Profile, Role
from services.user.domain.api_keys import ApiKey
from services.user.domain.points import Balance, Entry
from services.user.domain.sessions import Session
from services.user.ports import AccessToken
from services.user.usecases.api_keys import Wish
from services.user.usecases.login import Credentials
from services.user.usecases.register import Registration
from services.user.usecases.second_factor import Proof
from services.user.usecases.sending import IssuedToken
from services.user.usecases.sessions import Device, SignedIn

WRITABLE = ("display_name", "given_name", "family_name", "about", "locale", "time_zone")
BEARER = "Bearer"


# from the contract


def registration(request: auth_service_pb2.RegisterRequest, caller: Principal) -> Registration:
    """What somebody registers with; language and time zone have defaults."""
    profile = {
        "display_name": request.display_name,
        "given_name": request.given_name,
        "family_name": request.family_name,
        "locale": request.locale or caller.locale,
        "time_zone": request.time_zone or DEFAULT_TIME_ZONE,
    }
    return Registration(
        email=request.email,
        password=request.password,
        profile=profile,
        roles=frozenset(Role(contract_pb2.Role.Name(role)) for role in request.roles),
        device=device(request.device_name, caller),
    )


def credentials(request: auth_service_pb2.LoginRequest) -> Credentials:
    """What somebody signs in with."""
    return Credentials(request.email, request.password, Proof(request.totp_code, request.recovery_code))


def device(name: str, caller: Principal) -> Device:
    """Where somebody signs in."""
    return Device(name, caller.address)


def wish(request: auth_service_pb2.CreateApiKeyRequest) -> Wish:
    """What an API key is to be."""
    expires_at = request.expire_time.ToDatetime(UTC) if request.HasField("expire_time") else None
    return Wish(request.display_name, tuple(request.scopes), expires_at)


def changes(user: user_pb2.User, paths: Iterable[str]) -> Profile:
    """The new values of the masked fields; of the fields that are set where there is no mask. Raises INVALID_REQUEST."""
    named = list(paths) or [name for name in WRITABLE if getattr(user, name)]
    named = list(WRITABLE) if named == ["*"] else [name for name in named if name != "etag"]
    for name in named:
        if name not in WRITABLE:
            raise invalid("update_mask", f"{name} cannot be changed here")
    profile = {name: getattr(user, name) for name in named}
    for name in ("display_name", "locale", "time_zone"):
        if name in profile and not profile[name].strip():
            raise invalid(f"user.{name}", "must not be empty")
    return profile


# to the contract


def user(account: Account) -> user_pb2.User:
    """An account as its owner sees it."""
    return user_pb2.User(
        user_id=to_typeid("user", account.user_id),
        email=account.email,
        email_verified=account.email_verified_at is not None,
        phone=account.phone,
        display_name=account.display_name,
        given_name=account.given_name,
        family_name=account.family_name,
        about=account.about,
        locale=account.locale,
        time_zone=account.time_zone,
        roles=_roles(account.roles),
        state=user_pb2.User.State.Value(account.state),
        totp_enabled=account.totp_enabled,
        create_time=_time(account.created_at),
        update_time=_time(account.updated_at),
        etag=etag(account.version),
    )


def profile(account: Account) -> user_pb2.Profile:
    """An account as everybody sees it."""
    return user_pb2.Profile(
        user_id=to_typeid("user", account.user_id),
        display_name=account.display_name,
        about=account.about,
        host=Role.HOST in account.roles,
        email_verified=account.email_verified_at is not None,
        create_time=_time(account.created_at),
    )


def contact(account: Account) -> user_pb2.Contact:
    """An account as the mesh sees it."""
    return user_pb2.Contact(
        user_id=to_typeid("user", account.user_id),
        email=account.email,
        email_verified=account.email_verified_at is not None,
        phone=account.phone,
        display_name=account.display_name,
        locale=account.locale,
        time_zone=account.time_zone,
    )


def token_pair(signed_in: SignedIn) -> user_pb2.TokenPair:
    """What a signed-in client holds."""
    return user_pb2.TokenPair(
        access_token=signed_in.access.text,
        token_type=BEARER,
        expire_time=_time(signed_in.access.expires_at),
        refresh_token=signed_in.refresh_token,
        refresh_expire_time=_time(signed_in.session.expires_at),
        session_id=to_typeid("session", signed_in.session.session_id),
        user_id=to_typeid("user", signed_in.session.user_id),
    )


def access_token(token: AccessToken) -> user_pb2.AccessToken:
    """A token that cannot be refreshed."""
    return user_pb2.AccessToken(access_token=token.text, token_type=BEARER, expire_time=_time(token.expires_at))


def session(of: Session, caller: Principal) -> user_pb2.Session:
    """A device somebody signed in on."""
    return user_pb2.Session(
        session_id=to_typeid("session", of.session_id),
        device_name=of.device_name,
        address=of.address,
        current=of.session_id == caller.session_id,
        create_time=_time(of.created_at),
        refresh_time=_time(of.refreshed_at),
        expire_time=_time(of.expires_at),
    )


def api_key(key: ApiKey, secret: str = "") -> user_pb2.ApiKey:
    """A key; `secret` only in the answer that makes it."""
    return user_pb2.ApiKey(
        api_key_id=to_typeid("apikey", key.api_key_id),
        display_name=key.display_name,
        scopes=key.scopes,
        secret=secret,
        create_time=_time(key.created_at),
        expire_time=_time(key.expires_at),
        use_time=_time(key.used_at),
    )


def enrolled(account: Account, secret: bytes) -> auth_service_pb2.EnrollTotpResponse:
    """The secret of an app, to type and to scan."""
    return auth_service_pb2.EnrollTotpResponse(secret=totp.base32(secret), otpauth_uri=totp.uri(secret, account.email))


def issued_token(issued: IssuedToken) -> auth_service_pb2.IssueEmailTokenResponse:
    """What goes into an e-mail."""
    return auth_service_pb2.IssueEmailTokenResponse(
        email=issued.verification.email,
        token=issued.token,
        purpose=user_pb2.EmailPurpose.Value(issued.verification.purpose),
        expire_time=_time(issued.verification.expires_at),
    )


def points(account_of: str, balance: Balance) -> user_pb2.PointsBalance:
    """How many points a user has."""
    return user_pb2.PointsBalance(
        user_id=account_of, balance=balance.balance, earned=balance.earned, spent=balance.spent
    )


def point_entry(entry: Entry) -> user_pb2.PointEntry:
    """One line of a ledger."""
    return user_pb2.PointEntry(
        point_entry_id=to_typeid("pointentry", entry.entry_id),
        amount=entry.amount,
        balance_after=entry.balance_after,
        cause=user_pb2.PointEntry.Cause.Value(entry.cause),
        create_time=_time(entry.created_at),
    )


def _roles(roles: Iterable[Role]) -> list[contract_pb2.Role.ValueType]:
    return [contract_pb2.Role.Value(role) for role in sorted(roles)]


def _time(instant: datetime | None) -> Timestamp | None:
    if instant is None:
        return None
    timestamp = Timestamp()
    timestamp.FromDatetime(instant)
    return timestamp


# events


@singledispatch
def event(happened: object) -> Message:
    """The message of a domain event."""
    raise TypeError(f"no event of the contract: {happened!r}")


@event.register
def _(happened: events.UserRegistered) -> Message:
    return user_events_pb2.UserRegistered(
        user_id=to_typeid("user", happened.user_id),
        roles=_roles(happened.roles),
        locale=happened.locale,
        version=happened.version,
    )


@event.register
def _(happened: events.EmailVerificationRequested) -> Message:
    return user_events_pb2.EmailVerificationRequested(
        user_id=to_typeid("user", happened.user_id),
        verification_id=to_typeid("verification", happened.verification_id),
        purpose=user_pb2.EmailPurpose.Value(happened.purpose),
        locale=happened.locale,
    )


@event.register
def _(happened: events.EmailVerified) -> Message:
    return user_events_pb2.EmailVerified(user_id=to_typeid("user", happened.user_id), version=happened.version)


@event.register
def _(happened: events.UserUpdated) -> Message:
    return user_events_pb2.UserUpdated(
        user_id=to_typeid("user", happened.user_id),
        display_name=happened.display_name,
        locale=happened.locale,
        roles=_roles(happened.roles),
        version=happened.version,
    )


@event.register
def _(happened: events.UserDeleted) -> Message:
    return user_events_pb2.UserDeleted(
        user_id=to_typeid("user", happened.user_id), purge_time=_time(happened.purge_at), version=happened.version
    )


@event.register
def _(happened: events.SessionRevoked) -> Message:
    return user_events_pb2.SessionRevoked(
        user_id=to_typeid("user", happened.user_id),
        session_id=to_typeid("session", happened.session_id),
        cause=user_events_pb2.SessionRevoked.Cause.Value(happened.cause),
    )


@event.register
def _(happened: events.ApiKeyRevoked) -> Message:
    return user_events_pb2.ApiKeyRevoked(
        user_id=to_typeid("user", happened.user_id), api_key_id=to_typeid("apikey", happened.api_key_id)
    )
