"""Tells a dependency that is down from a fault of ours."""

from __future__ import annotations

import socket

import asyncpg
import grpc
import httpx
import nats.errors
import redis.exceptions
import sqlalchemy.exc

_POSTGRES_DOWN = (
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.QueryCanceledError,
    asyncpg.LockNotAvailableError,
    # Losers of a conflict between transactions, and those that took too long: the same call may succeed at another try.
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.TransactionTimeoutError,
    asyncpg.InterfaceError,
    ConnectionError,
    TimeoutError,
    # A name that does not resolve; other OSErrors, a missing file among them, are faults of ours.
    socket.gaierror,
)
_DOWN: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], str], ...] = (
    (redis.exceptions.ConnectionError, "redis"),
    (redis.exceptions.TimeoutError, "redis"),
    (nats.errors.Error, "nats"),
    (httpx.TransportError, "provider"),
    (sqlalchemy.exc.TimeoutError, "database"),
    (_POSTGRES_DOWN, "database"),
)
_TRANSIENT_CODES = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED)


class DependencyDown(Exception):
    """Raised where a dependency is known to be down; `dependency` is its name in health and errors."""

    def __init__(self, dependency: str) -> None:
        super().__init__(dependency)
        self.dependency = dependency


def failed_dependency(error: BaseException) -> str | None:
    """The name of the dependency whose failure `error` is; None where it is a fault of ours."""
    if isinstance(error, DependencyDown):
        return error.dependency
    if isinstance(error, grpc.aio.AioRpcError):
        return "upstream" if error.code() in _TRANSIENT_CODES else None
    if isinstance(error, sqlalchemy.exc.DBAPIError):
        return "database" if error.connection_invalidated or _postgres_down(error) else None
    return next((name for kinds, name in _DOWN if isinstance(error, kinds)), None)


def _postgres_down(error: sqlalchemy.exc.DBAPIError) -> bool:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, _POSTGRES_DOWN):
            return True
        cause = cause.__cause__
    return False
