"""Who calls: the end user behind the token, and the workload behind the certificate."""

from __future__ import annotations

from dataclasses import dataclass, replace
from uuid import UUID

from services.chassis.errors import ChassisRefusal

LOCALES = ("en", "fr", "ar")


@dataclass(frozen=True, slots=True)
class Principal:
    """The caller of the current RPC. `address` is the client's, as the edge saw it; `locale` is "en", "fr" or "ar"."""

    user_id: UUID | None = None
    roles: frozenset[str] = frozenset()
    scopes: frozenset[str] = frozenset()
    session_id: UUID | None = None
    api_key_id: UUID | None = None
    workload: str = ""
    locale: str = "en"
    address: str = ""

    @property
    def is_admin(self) -> bool:
        """Whether the end user runs the marketplace."""
        return "ADMIN" in self.roles

    @property
    def subject(self) -> str:
        """A text that names the caller, for limits and idempotency: the user, else the workload, else the address."""
        if self.user_id is not None:
            return f"user:{self.user_id}"
        if self.workload and self.workload not in EDGE_WORKLOADS:
            return f"workload:{self.workload}"
        return f"address:{self.address}"

    def require_user(self) -> UUID:
        """The end user's id; TOKEN_MISSING where there is none."""
        if self.user_id is None:
            raise ChassisRefusal("TOKEN_MISSING")
        return self.user_id

    def at(self, *, workload: str, locale: str, address: str) -> Principal:
        """The same person, calling through `workload` from `address`."""
        return replace(self, workload=workload, locale=locale, address=address)


# The workloads whose word about the client's address is taken.
EDGE_WORKLOADS = frozenset({"envoy", "transcoder"})
ANONYMOUS = Principal()


def choose_locale(accept_language: str | None, fallback: str = "en") -> str:
    """The first language of an Accept-Language header that the house speaks; weights are honoured."""
    if not accept_language:
        return fallback
    ranked = sorted(
        ((_weight(part), -place, part) for place, part in enumerate(accept_language.split(",")[:16])), reverse=True
    )
    for weight, _, part in ranked:
        language = part.split(";")[0].strip().lower().split("-")[0]
        if weight > 0 and language in LOCALES:
            return language
    return fallback


def _weight(part: str) -> float:
    _, _, weight = part.partition(";q=")
    try:
        return float(weight) if weight else 1.0
    except ValueError:
        return 0.0
