"""Every RPC, tried by every kind of caller, generated from the contract (P24, P26): the answer is what the contract says."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import grpc
import jwt
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from services.chassis.contract import Contract
from services.chassis.ids import new_id, to_typeid
from services.chassis.rules import AccessRule, MethodRule
from tests.journeys.mesh import Mesh

METHODS = list(Contract.load().methods.values())
ALL_SCOPES = frozenset(scope for method in METHODS for scope in method.access.scopes)
# Neither a yes nor a no: a mesh that is not well proves nothing.
BROKEN = ("UNAVAILABLE", "INTERNAL", "UNKNOWN", "DEADLINE_EXCEEDED", "CANCELLED")
ALLOWED, NO_TOKEN, DENIED, NOT_ROUTED = "allowed", "UNAUTHENTICATED", "PERMISSION_DENIED", "UNIMPLEMENTED"


@dataclass(frozen=True)
class Caller:
    """A kind of end user. `scopes` is None for a session, a set for an API key."""

    name: str
    roles: frozenset[str] = frozenset()
    scopes: frozenset[str] | None = None
    forged: bool = False

    def expected(self, access: AccessRule) -> str:
        if self.forged:
            return NO_TOKEN
        if access.internal_only:
            return NOT_ROUTED
        if access.public:
            return ALLOWED
        if not self.roles:
            return NO_TOKEN
        if not self.roles & access.roles:
            return DENIED
        if self.scopes is not None and not (access.scopes and access.scopes <= self.scopes):
            return DENIED
        return ALLOWED


CALLERS = [
    Caller("anonymous"),
    Caller("client", frozenset({"CLIENT"})),
    Caller("host", frozenset({"CLIENT", "HOST"})),
    Caller("admin", frozenset({"CLIENT", "ADMIN"})),
    Caller("api key with every scope", frozenset({"CLIENT", "HOST"}), ALL_SCOPES),
    Caller("api key with no scope", frozenset({"CLIENT", "HOST"}), frozenset()),
    Caller("forged", frozenset({"ADMIN"}), forged=True),
]


def token(mesh: Mesh, caller: Caller) -> str:
    """A token of nobody who exists: what lies behind access finds nothing to change."""
    key = load_pem_private_key((mesh.home / "secrets" / "jwt_signing_key.pem").read_bytes(), None)
    key_id = mesh.ask("GET", "/.well-known/jwks.json")["keys"][0]["kid"]
    now = int(time.time())
    claims: dict[str, Any] = {
        "iss": "kerya",
        "aud": "kerya",
        "sub": to_typeid("user", new_id()),
        "roles": sorted(caller.roles),
        "jti": str(uuid4()),
        "iat": now,
        "nbf": now,
        "exp": now + 600,
    }
    if caller.scopes is None:
        claims["sid"] = to_typeid("session", new_id())
    else:
        claims |= {"scope": " ".join(sorted(caller.scopes)), "key": to_typeid("apikey", new_id())}
    made = jwt.encode(claims, key, "EdDSA", headers={"typ": "at+jwt", "kid": key_id})
    return made[:-8] + "AAAAAAAA" if caller.forged else made


def outcome(channel: grpc.Channel, method: MethodRule, metadata: list[tuple[str, str]]) -> str:
    """What a call with an empty request comes to; whatever lies behind access counts as allowed."""
    call = channel.unary_unary(method.path)
    try:
        call(b"", timeout=10, metadata=[*metadata, ("idempotency-key", str(uuid4()))])
    except grpc.RpcError as error:
        code = error.code().name
        # Not served yet is an answer from behind access. The edge says the same of what is internal, and those are served.
        details = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin", b"")
        if code == NOT_ROUTED and b"NOT_SERVED" in details and not method.access.internal_only:
            return ALLOWED
        if code in (NO_TOKEN, DENIED, NOT_ROUTED, *BROKEN):
            return str(code)
    return ALLOWED


def through_the_edge(mesh: Mesh) -> grpc.Channel:
    credentials = grpc.ssl_channel_credentials(mesh.authority.read_bytes())
    return grpc.secure_channel(f"localhost:{mesh.base + 443}", credentials)


@pytest.mark.parametrize("caller", CALLERS, ids=lambda caller: caller.name)
@pytest.mark.timeout(120)
def test_p24_every_rpc_answers_every_role_as_the_contract_says(mesh: Mesh, caller: Caller) -> None:
    metadata = [("authorization", f"Bearer {token(mesh, caller)}")] if caller.roles else []
    with through_the_edge(mesh) as channel:
        wrong = [
            f"{method.full_name}: {found}, not {expected}"
            for method in METHODS
            if (found := outcome(channel, method, metadata)) != (expected := caller.expected(method.access))
            and not _answers_by_itself(method, found)
        ]
    assert wrong == []


def _answers_by_itself(method: MethodRule, found: str) -> bool:
    """Signing in refuses an empty password, and a webhook a missing signature: that is their answer, not their access."""
    proves = method.service.endswith("AuthService") or bool(method.headers)
    return method.access.public and found == NO_TOKEN and proves


def _internal(mesh: Mesh) -> Iterator[tuple[MethodRule, str]]:
    for method in METHODS:
        if method.access.internal:
            yield method, mesh.status()[method.package.split(".")[1]]["address"]


def test_p26_an_internal_rpc_answers_the_named_workloads_and_no_other(mesh: Mesh) -> None:
    workloads = ["user", "property", "booking", "notification", "envoy", "transcoder", "operator"]
    wrong = []
    for method, address in _internal(mesh):
        for workload in workloads:
            with _as_workload(mesh, workload, address, method.package.split(".")[1]) as channel:
                found = outcome(channel, method, [])
            if found != (ALLOWED if workload in method.access.internal else DENIED):
                wrong.append(f"{workload} at {method.full_name}: {found}")
    assert wrong == []


def _as_workload(mesh: Mesh, workload: str, address: str, name: str) -> grpc.Channel:
    folder = mesh.home / "pki" / workload
    credentials = grpc.ssl_channel_credentials(
        mesh.authority.read_bytes(), (folder / "key.pem").read_bytes(), (folder / "cert.pem").read_bytes()
    )
    return grpc.secure_channel(address, credentials, [("grpc.ssl_target_name_override", name)])


def test_p26_a_stranger_without_a_certificate_gets_no_connection(mesh: Mesh) -> None:
    method, address = next(_internal(mesh))
    credentials = grpc.ssl_channel_credentials(mesh.authority.read_bytes())
    with grpc.secure_channel(address, credentials, [("grpc.ssl_target_name_override", "user")]) as channel:
        with pytest.raises(grpc.RpcError) as refused:
            channel.unary_unary(method.path)(b"", timeout=3)
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
