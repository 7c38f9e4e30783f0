"""Puts a service together and starts it; what was started is stopped in reverse."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

from services.chassis.cache import Cache, RedisStore
from services.chassis.clock import Clock
from services.chassis.consumer import Consumers
from services.chassis.contract import Contract
from services.chassis.database import Database
from services.chassis.health import Dependency, Health
from services.chassis.housekeeping import housekeeping
from services.chassis.idempotency import IdempotencyStore
from services.chassis.jetstream import JetStream
from services.chassis.jobs import Jobs
from services.chassis.limits import Limiter
from services.chassis.ops import serve_ops
from services.chassis.relay import Relay
from services.chassis.revocations import Revocations
from services.chassis.rpc.access import AccessStage, OwnerStage
from services.chassis.rpc.deadline import DeadlineStage
from services.chassis.rpc.errors import ErrorStage
from services.chassis.rpc.idempotency import IdempotencyStage
from services.chassis.rpc.identity import IdentityStage
from services.chassis.rpc.limit import LimitStage
from services.chassis.rpc.pipeline import Pipeline
from services.chassis.rpc.server import RpcServer
from services.chassis.rpc.telemetry import TelemetryStage
from services.chassis.rpc.validate import ValidateStage
from services.chassis.secrets import Secrets
from services.chassis.service import Chassis, Service
from services.chassis.settings import ChassisSettings
from services.chassis.statements import on_statement
from services.chassis.supervision import Supervised
from services.chassis.tls import Identity
from services.chassis.tokens import KeyFile, TokenVerifier

# A bus that is down at the start does not stop a service from starting.
BUS_WAIT_SECONDS = 3.0


async def start(
    stack: AsyncExitStack,
    build: Callable[[Chassis, Any], Awaitable[Service]],
    settings: ChassisSettings,
    contract: Contract,
) -> None:
    """Starts the service that `build` makes; `stack` stops it. Raises where something it cannot do without is missing."""
    package = f"kerya.{settings.service}.v1"
    identity = Identity(settings.tls_directory) if settings.tls_directory else None
    database = _database(settings)
    stack.push_async_callback(database.close)
    limits, caches = (RedisStore(settings.redis_url.get_secret_value()) for _ in range(2))
    stack.push_async_callback(limits.close)
    stack.push_async_callback(caches.close)
    bus = settings.nats_url.get_secret_value()
    tls = identity.client_context() if identity and bus.startswith("tls://") else None
    jetstream = JetStream(bus, name=settings.service, replicas=settings.stream_replicas, tls=tls)
    await jetstream.start(BUS_WAIT_SECONDS)
    stack.push_async_callback(jetstream.stop)

    chassis = _chassis(settings, contract, database, caches, identity)
    stack.push_async_callback(chassis.close)
    service = await build(chassis, settings)
    revocations = Revocations(jetstream, contract, chassis.clock)
    keys = IdempotencyStore(database, chassis.cache, chassis.cipher, chassis.blind_index)
    health = Health(
        _dependencies(service, database, jetstream, limits), {rule.service for rule in contract.methods_of(package)}
    )
    pipeline = _pipeline(settings, contract, chassis, service, revocations, limits, keys)

    await _start(stack, revocations.start, revocations.stop)
    declaring = Supervised("streams", partial(jetstream.declare, contract, package), pause=60.0)
    declaring.start()
    stack.push_async_callback(declaring.stop)
    relay = Relay(database, jetstream, settings.service)
    await _start(stack, relay.start, relay.stop)
    jobs = Jobs(database, [*service.jobs, *housekeeping(database)])
    await _start(stack, jobs.start, jobs.stop)
    consumers = Consumers(jetstream, contract, settings.service, service.consumers)
    await _start(stack, consumers.start, consumers.stop)
    await health.start()
    stack.push_async_callback(await serve_ops(settings.metrics_listen, health))
    server = RpcServer(settings, contract, pipeline, health, identity)
    await server.start(service.servicers)
    stack.push_async_callback(server.stop)


async def _start(
    stack: AsyncExitStack, begin: Callable[[], Awaitable[None]], end: Callable[[], Awaitable[None]]
) -> None:
    await begin()
    stack.push_async_callback(end)


def _database(settings: ChassisSettings) -> Database:
    replica = settings.database_read_url
    return Database(
        settings.database_url.get_secret_value(),
        read_url=replica.get_secret_value() if replica else None,
        application=settings.service,
        pool_size=settings.database_pool_size,
        on_statement=on_statement,
    )


def _chassis(
    settings: ChassisSettings, contract: Contract, database: Database, caches: RedisStore, identity: Identity | None
) -> Chassis:
    if settings.secrets_directory is None:
        raise ValueError("KERYA_SECRETS_DIRECTORY is not set")
    cache = Cache(caches, settings.service)
    return Chassis(settings, contract, database, cache, Clock(), Secrets(settings.secrets_directory), identity)


def _dependencies(
    service: Service, database: Database, jetstream: JetStream, redis: RedisStore
) -> dict[str, Dependency]:
    # Without the bus the outbox waits, without Redis caches are cold: both degrade, neither stops a service.
    own = {name: Dependency(check, required=False) for name, check in service.dependencies.items()}
    return {
        "database": Dependency(database.check),
        "nats": Dependency(jetstream.check, required=False),
        "redis": Dependency(redis.check, required=False),
        **own,
    }


def _pipeline(
    settings: ChassisSettings,
    contract: Contract,
    chassis: Chassis,
    service: Service,
    revocations: Revocations,
    limits: RedisStore,
    keys: IdempotencyStore,
) -> Pipeline:
    assert settings.secrets_directory is not None
    verifier = TokenVerifier(KeyFile(settings.secrets_directory / "jwks.json"), revocations.is_revoked)
    return Pipeline(
        contract,
        [
            TelemetryStage(),
            ErrorStage(contract, service.details),
            DeadlineStage(settings.default_deadline, settings.max_deadline),
            IdentityStage(verifier, settings.environment, mutual_tls=settings.tls_directory is not None),
            AccessStage(),
            LimitStage(Limiter(limits), settings.limit_scale),
            ValidateStage(),
            IdempotencyStage(keys),
            OwnerStage(),
        ],
    )
