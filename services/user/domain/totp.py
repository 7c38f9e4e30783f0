"""Time-based one-time passwords (RFC 6238: SHA-1, six digits, 30 seconds, as authenticator apps speak it)."""

from __future__ import annotations

import base64
import hmac
import secrets
from datetime import datetime
from urllib.parse import quote, urlencode

from services.user.domain.errors import SecondFactorRefused

STEP_SECONDS = 30
DIGITS = 6
# The code of the step before is taken, too: people finish typing after it changed. ASVS 6.5.5 would have 30 seconds.
STEPS_BACK = 1
ISSUER = "Kerya"
RECOVERY_CODES = 10


def new_secret() -> bytes:
    """160 bits, the length of the hash (RFC 4226 §4)."""
    return secrets.token_bytes(20)


def base32(secret: bytes) -> str:
    """The form that people type into an app."""
    return base64.b32encode(secret).decode()


def uri(secret: bytes, account: str) -> str:
    """The otpauth:// URI that apps read from a QR code."""
    parameters = {"secret": base32(secret), "issuer": ISSUER, "digits": DIGITS, "period": STEP_SECONDS}
    return f"otpauth://totp/{quote(f'{ISSUER}:{account}')}?{urlencode(parameters)}"


def step_at(now: datetime) -> int:
    """The number of the 30-second step."""
    return int(now.timestamp()) // STEP_SECONDS


def code_at(secret: bytes, step: int) -> str:
    """The six digits of a step."""
    mac = hmac.digest(secret, step.to_bytes(8, "big"), "sha1")
    start = mac[-1] & 0xF
    number = int.from_bytes(mac[start : start + 4], "big") & 0x7FFFFFFF
    return str(number % 10**DIGITS).zfill(DIGITS)


def accepted_step(secret: bytes, code: str, now: datetime, last_step: int) -> int:
    """The step that `code` belongs to. Raises SecondFactorRefused if it is wrong, too old, or not newer than the last one
    accepted: each code is good once."""
    current = step_at(now)
    for step in range(current, current - STEPS_BACK - 1, -1):
        if hmac.compare_digest(code_at(secret, step).encode(), code.encode()) and step > last_step:
            return step
    raise SecondFactorRefused


def new_recovery_codes() -> list[str]:
    """Ten codes of 80 bits, grouped for reading: "abcde-fghij-…"."""
    return [_grouped(base64.b32encode(secrets.token_bytes(10)).decode().lower()) for _ in range(RECOVERY_CODES)]


def read_recovery_code(text: str) -> str:
    """A recovery code as it was handed out, however it was typed."""
    return _grouped("".join(letter for letter in text.lower() if letter.isalnum()))


def _grouped(letters: str) -> str:
    return "-".join(letters[start : start + 4] for start in range(0, len(letters), 4))
