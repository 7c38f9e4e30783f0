"""What can be wrong with a request, as the caller is told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Violation(NamedTuple):
    """One field that is wrong: its path in JSON names, and what is wrong with it, in English."""

    field: str
    description: str


class Fault(Exception):
    """A failure the edge itself answers. `reason` is one of kerya.contract.v1.ErrorReason; its code and texts are there.

    `http_status` overrides the status of the reason's code; `headers` go on the response; `retry_after` is in seconds.
    """

    def __init__(
        self,
        reason: str,
        *,
        violations: Sequence[Violation] = (),
        http_status: int | None = None,
        headers: Sequence[tuple[bytes, bytes]] = (),
        retry_after: float | None = None,
        **metadata: object,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.violations = violations
        self.http_status = http_status
        self.headers = headers
        self.retry_after = retry_after
        self.metadata = {key: str(value) for key, value in metadata.items()}


def body_malformed(problem: str, violations: Sequence[Violation] = ()) -> Fault:
    """The fault of a body that cannot be read."""
    return Fault("BODY_MALFORMED", problem=problem, violations=violations)


def invalid_request(violations: Sequence[Violation]) -> Fault:
    """The fault of a path, query or field value that cannot be taken."""
    return Fault("INVALID_REQUEST", violations=violations)
