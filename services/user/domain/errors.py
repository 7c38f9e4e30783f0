"""What the user service refuses, by the reasons of its contract."""

from __future__ import annotations

import math
from typing import ClassVar


class UserError(Exception):
    """A refusal; `reason` is a value of kerya.user.v1.ErrorReason, `metadata` what its texts speak of."""

    reason: ClassVar[str]

    def __init__(self, **metadata: object) -> None:
        super().__init__(self.reason)
        self.metadata = {key: str(value) for key, value in metadata.items()}


class UserNotFound(UserError):
    reason = "USER_NOT_FOUND"


class SignInRefused(UserError):
    reason = "SIGN_IN_REFUSED"


class SecondFactorRequired(UserError):
    reason = "SECOND_FACTOR_REQUIRED"


class SecondFactorRefused(UserError):
    reason = "SECOND_FACTOR_REFUSED"


class _ComeBackLater(UserError):
    """Carries `retry_after` in seconds, for RetryInfo."""

    def __init__(self, retry_after: float) -> None:
        super().__init__(retry_after_seconds=math.ceil(retry_after))
        self.retry_after = retry_after


class SignInThrottled(_ComeBackLater):
    reason = "SIGN_IN_THROTTLED"


class SignInBusy(_ComeBackLater):
    reason = "SIGN_IN_BUSY"


class PasswordRefused(UserError):
    reason = "PASSWORD_REFUSED"


class PasswordWrong(UserError):
    reason = "PASSWORD_WRONG"


class RefreshTokenInvalid(UserError):
    reason = "REFRESH_TOKEN_INVALID"


class RefreshTokenReused(UserError):
    reason = "REFRESH_TOKEN_REUSED"


class SessionNotFound(UserError):
    reason = "SESSION_NOT_FOUND"


class EmailTokenInvalid(UserError):
    reason = "EMAIL_TOKEN_INVALID"


class VerificationNotFound(UserError):
    reason = "VERIFICATION_NOT_FOUND"


class EmailAlreadyVerified(UserError):
    reason = "EMAIL_ALREADY_VERIFIED"


class TotpAlreadyEnabled(UserError):
    reason = "TOTP_ALREADY_ENABLED"


class TotpNotEnrolled(UserError):
    reason = "TOTP_NOT_ENROLLED"


class ApiKeyNotFound(UserError):
    reason = "API_KEY_NOT_FOUND"


class ApiKeyInvalid(UserError):
    reason = "API_KEY_INVALID"


class ApiKeyLimitReached(UserError):
    reason = "API_KEY_LIMIT_REACHED"


class TimeZoneUnknown(UserError):
    reason = "TIME_ZONE_UNKNOWN"


class PointsInsufficient(UserError):
    reason = "POINTS_INSUFFICIENT"
