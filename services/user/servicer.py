"""The RPCs of the user service. Phone numbers and exports are in the contract and not served yet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from google.api.httpbody_pb2 import HttpBody
from google.protobuf.empty_pb2 import Empty

from kerya.user.v1 import auth_service_pb2 as auth
from kerya.user.v1 import auth_service_pb2_grpc, user_pb2, user_service_pb2_grpc
from kerya.user.v1 import user_service_pb2 as pb
from services.chassis.call import caller, current_call
from services.chassis.ids import from_typeid, to_typeid
from services.chassis.paging import Paging
from services.user import mapper
from services.user.usecases import api_keys, emails, ledger, passwords, profiles, second_factor, sending, sessions
from services.user.usecases.login import Login
from services.user.usecases.register import Register

T = TypeVar("T")


@dataclass(frozen=True)
class AuthCases:
    """What the RPCs of AuthService call."""

    register: Register
    login: Login
    refresh: sessions.Refresh
    logout: sessions.Logout
    list_sessions: sessions.ListSessions
    delete_session: sessions.DeleteSession
    verify_email: emails.VerifyEmail
    request_email_verification: emails.RequestEmailVerification
    request_email_change: emails.RequestEmailChange
    issue_email_token: sending.IssueEmailToken
    request_password_reset: passwords.RequestPasswordReset
    reset_password: passwords.ResetPassword
    change_password: passwords.ChangePassword
    enroll_totp: second_factor.EnrollTotp
    confirm_totp: second_factor.ConfirmTotp
    disable_totp: second_factor.DisableTotp
    create_api_key: api_keys.CreateApiKey
    list_api_keys: api_keys.ListApiKeys
    delete_api_key: api_keys.DeleteApiKey
    exchange_api_key: api_keys.ExchangeApiKey


@dataclass(frozen=True)
class AccountCases:
    """What the RPCs of UserService call."""

    get: profiles.GetUser
    update: profiles.UpdateMe
    delete: profiles.DeleteMe
    points: ledger.GetPoints
    point_entries: ledger.ListPointEntries


class AuthServicer(auth_service_pb2_grpc.AuthServiceServicer):
    """kerya.user.v1.AuthService."""

    def __init__(self, use: AuthCases, paging: Paging, read_jwks: Callable[[], bytes]) -> None:
        self._use = use
        self._paging = paging
        self._read_jwks = read_jwks

    async def Register(self, request: auth.RegisterRequest, context: Any) -> auth.RegisterResponse:
        account, signed_in = await self._use.register(mapper.registration(request, caller()))
        return auth.RegisterResponse(user=mapper.user(account), tokens=mapper.token_pair(signed_in))

    async def Login(self, request: auth.LoginRequest, context: Any) -> user_pb2.TokenPair:
        device = mapper.device(request.device_name, caller())
        return mapper.token_pair(await self._use.login(mapper.credentials(request), device))

    async def Refresh(self, request: auth.RefreshRequest, context: Any) -> user_pb2.TokenPair:
        return mapper.token_pair(await self._use.refresh(request.refresh_token))

    async def Logout(self, request: auth.LogoutRequest, context: Any) -> Empty:
        await self._use.logout(caller().require_user(), caller().session_id, everywhere=request.all_sessions)
        return Empty()

    async def VerifyEmail(self, request: auth.VerifyEmailRequest, context: Any) -> auth.VerifyEmailResponse:
        user_id, earned = await self._use.verify_email(request.token)
        return auth.VerifyEmailResponse(user_id=to_typeid("user", user_id), points_earned=earned)

    async def RequestEmailVerification(self, request: auth.RequestEmailVerificationRequest, context: Any) -> Empty:
        await self._use.request_email_verification(caller().require_user())
        return Empty()

    async def RequestEmailChange(self, request: auth.RequestEmailChangeRequest, context: Any) -> Empty:
        await self._use.request_email_change(caller().require_user(), request.new_email, request.password)
        return Empty()

    async def RequestPasswordReset(self, request: auth.RequestPasswordResetRequest, context: Any) -> Empty:
        await self._use.request_password_reset(request.email)
        return Empty()

    async def ResetPassword(self, request: auth.ResetPasswordRequest, context: Any) -> Empty:
        await self._use.reset_password(request.token, request.new_password)
        return Empty()

    async def ChangePassword(self, request: auth.ChangePasswordRequest, context: Any) -> Empty:
        me, current = caller().require_user(), caller().session_id
        await self._use.change_password(me, current, request.current_password, request.new_password)
        return Empty()

    async def EnrollTotp(self, request: auth.EnrollTotpRequest, context: Any) -> auth.EnrollTotpResponse:
        account, secret = await self._use.enroll_totp(caller().require_user(), request.password)
        return mapper.enrolled(account, secret)

    async def ConfirmTotp(self, request: auth.ConfirmTotpRequest, context: Any) -> auth.ConfirmTotpResponse:
        codes = await self._use.confirm_totp(caller().require_user(), request.totp_code)
        return auth.ConfirmTotpResponse(recovery_codes=codes)

    async def DisableTotp(self, request: auth.DisableTotpRequest, context: Any) -> Empty:
        await self._use.disable_totp(caller().require_user(), request.password, request.totp_code)
        return Empty()

    async def ListSessions(self, request: auth.ListSessionsRequest, context: Any) -> auth.ListSessionsResponse:
        page = self._paging.open(request)
        before = UUID(str(page.after[0])) if page.after else None
        found = await self._use.list_sessions(caller().require_user(), size=page.size + 1, before=before)
        shown, more = _cut(found, page.size)
        return auth.ListSessionsResponse(
            sessions=[mapper.session(one, caller()) for one in shown],
            next_page_token=self._paging.token(request, (str(shown[-1].session_id),) if more else None),
        )

    async def DeleteSession(self, request: auth.DeleteSessionRequest, context: Any) -> Empty:
        await self._use.delete_session(caller().require_user(), from_typeid("session", request.session_id))
        return Empty()

    async def GetJwks(self, request: auth.GetJwksRequest, context: Any) -> HttpBody:
        return HttpBody(content_type="application/json", data=self._read_jwks())

    async def CreateApiKey(self, request: auth.CreateApiKeyRequest, context: Any) -> user_pb2.ApiKey:
        key, secret = await self._use.create_api_key(caller().require_user(), request.password, mapper.wish(request))
        return mapper.api_key(key, secret)

    async def ListApiKeys(self, request: auth.ListApiKeysRequest, context: Any) -> auth.ListApiKeysResponse:
        page = self._paging.open(request)
        before = UUID(str(page.after[0])) if page.after else None
        found = await self._use.list_api_keys(caller().require_user(), size=page.size + 1, before=before)
        shown, more = _cut(found, page.size)
        return auth.ListApiKeysResponse(
            api_keys=[mapper.api_key(one) for one in shown],
            next_page_token=self._paging.token(request, (str(shown[-1].api_key_id),) if more else None),
        )

    async def DeleteApiKey(self, request: auth.DeleteApiKeyRequest, context: Any) -> Empty:
        await self._use.delete_api_key(caller().require_user(), from_typeid("apikey", request.api_key_id))
        return Empty()

    async def ExchangeApiKey(self, request: auth.ExchangeApiKeyRequest, context: Any) -> user_pb2.AccessToken:
        return mapper.access_token(await self._use.exchange_api_key(request.api_key))

    async def IssueEmailToken(self, request: auth.IssueEmailTokenRequest, context: Any) -> auth.IssueEmailTokenResponse:
        verification_id = from_typeid("verification", request.verification_id)
        return mapper.issued_token(await self._use.issue_email_token(verification_id))


class UserServicer(user_service_pb2_grpc.UserServiceServicer):
    """kerya.user.v1.UserService."""

    def __init__(self, use: AccountCases, paging: Paging) -> None:
        self._use = use
        self._paging = paging

    async def GetMe(self, request: pb.GetMeRequest, context: Any) -> user_pb2.User:
        return mapper.user(await self._use.get(caller().require_user()))

    async def UpdateMe(self, request: pb.UpdateMeRequest, context: Any) -> user_pb2.User:
        changes = mapper.changes(request.user, request.update_mask.paths)
        me, seen = caller().require_user(), request.user.etag or _if_match()
        return mapper.user(await self._use.update(me, changes, seen))

    async def DeleteMe(self, request: pb.DeleteMeRequest, context: Any) -> Empty:
        await self._use.delete(caller().require_user(), request.etag or _if_match())
        return Empty()

    async def GetUser(self, request: pb.GetUserRequest, context: Any) -> user_pb2.Profile:
        return mapper.profile(await self._use.get.active(from_typeid("user", request.user_id)))

    async def GetPoints(self, request: pb.GetPointsRequest, context: Any) -> user_pb2.PointsBalance:
        me = caller().require_user()
        return mapper.points(to_typeid("user", me), await self._use.points(me))

    async def ListPointEntries(self, request: pb.ListPointEntriesRequest, context: Any) -> pb.ListPointEntriesResponse:
        page = self._paging.open(request)
        before = int(str(page.after[0])) if page.after else None
        found = await self._use.point_entries(caller().require_user(), size=page.size + 1, before=before)
        shown, more = _cut(found, page.size)
        return pb.ListPointEntriesResponse(
            point_entries=[mapper.point_entry(one) for one in shown],
            next_page_token=self._paging.token(request, (shown[-1].sequence,) if more else None),
        )

    async def GetContact(self, request: pb.GetContactRequest, context: Any) -> user_pb2.Contact:
        return mapper.contact(await self._use.get(from_typeid("user", request.user_id)))


def _cut(found: Sequence[T], size: int) -> tuple[Sequence[T], bool]:
    """At most `size` of what was found, and whether there was more."""
    return found[:size], len(found) > size


def _if_match() -> str:
    call = current_call()
    return call.metadata.get("if-match", "") if call else ""
