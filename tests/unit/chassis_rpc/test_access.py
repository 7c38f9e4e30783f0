"""Access by the contract: who may call what, for every method and every kind of caller."""

from __future__ import annotations

import uuid

import pytest

from services.chassis.contract import Contract
from services.chassis.principal import ANONYMOUS, Principal
from services.chassis.rpc.access import refusal_of
from services.chassis.rules import AccessRule

USER = uuid.UUID(int=1)
RULES = Contract.load().methods.values()


def rule(**given: object) -> AccessRule:
    base: dict[str, object] = {
        "public": False,
        "roles": frozenset(),
        "scopes": frozenset(),
        "internal": frozenset(),
        "owners": (),
    }
    return AccessRule(**{**base, **given})  # type: ignore[arg-type]


def person(*roles: str, **given: object) -> Principal:
    return Principal(user_id=USER, roles=frozenset(roles), workload="transcoder", **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("access", "principal", "refusal"),
    [
        (rule(public=True), ANONYMOUS, None),
        (rule(roles=frozenset({"CLIENT"})), ANONYMOUS, "TOKEN_MISSING"),
        (rule(roles=frozenset({"CLIENT"})), person("CLIENT"), None),
        (rule(roles=frozenset({"HOST"})), person("CLIENT"), "ACCESS_DENIED"),
        (rule(roles=frozenset({"ADMIN"})), person("CLIENT", "HOST"), "ACCESS_DENIED"),
        (rule(internal=frozenset({"booking"})), ANONYMOUS, "ACCESS_DENIED"),
        (rule(internal=frozenset({"booking"})), Principal(workload="booking"), None),
        (rule(internal=frozenset({"booking"})), Principal(workload="review"), "ACCESS_DENIED"),
        (rule(internal=frozenset({"booking"})), person("ADMIN"), "ACCESS_DENIED"),
        (rule(internal=frozenset({"booking"}), roles=frozenset({"HOST"})), person("HOST"), None),
    ],
)
def test_roles_and_workloads(access: AccessRule, principal: Principal, refusal: str | None) -> None:
    assert refusal_of(access, principal) == refusal


def test_an_api_key_needs_every_scope_and_a_method_that_names_one() -> None:
    key = {"api_key_id": uuid.UUID(int=2)}
    reads = rule(roles=frozenset({"CLIENT"}), scopes=frozenset({"bookings.read"}))
    assert refusal_of(reads, person("CLIENT", scopes=frozenset({"bookings.read", "x"}), **key)) is None
    assert refusal_of(reads, person("CLIENT", scopes=frozenset({"bookings.write"}), **key)) == "ACCESS_DENIED"
    closed = rule(roles=frozenset({"CLIENT"}))
    assert refusal_of(closed, person("CLIENT", scopes=frozenset({"bookings.read"}), **key)) == "ACCESS_DENIED"


@pytest.mark.parametrize("method", RULES, ids=lambda method: method.full_name)
def test_no_method_is_open_by_accident(method: object) -> None:
    """Whatever the method: without a token only public ones answer, and no end user reaches an internal one."""
    access = getattr(method, "access")
    assert (refusal_of(access, ANONYMOUS) is None) == access.public
    if access.internal_only:
        everybody = person("CLIENT", "HOST", "ADMIN")
        assert refusal_of(access, everybody) == "ACCESS_DENIED"
