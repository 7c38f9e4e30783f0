"""The route table, made from the contract at start."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from edge.transcoder.binding import Binding
from edge.transcoder.contract import Contract, ContractFault, HttpBinding, Method
from edge.transcoder.faults import Fault
from edge.transcoder.metrics import Timing, timing
from edge.transcoder.reply import Encoder
from edge.transcoder.routes import RouteTable
from edge.transcoder.upstream import Upstream, service_of


@dataclass(frozen=True, slots=True)
class Route:
    """All that a request needs, precomputed."""

    method: Method
    wire_path: bytes
    binding: Binding
    encoder: Encoder
    upstream: Upstream
    timing: Timing
    safe: bool


def build_routes(contract: Contract, upstreams: Mapping[str, Upstream]) -> RouteTable[Route]:
    """Every http binding whose service has a target. Raises ContractFault, TemplateFault or RouteConflict."""
    table: RouteTable[Route] = RouteTable()
    for method in contract.methods:
        if method.internal_only or not method.bindings:
            continue
        upstream = upstreams.get(service_of(method))
        if upstream is None:
            continue
        if is_bidi(method):
            raise ContractFault(f"{method.path}: a stream in both directions has no http rule")
        for http in method.bindings:
            route = build_route(contract, method, http, upstream)
            table.add(http.verb, route.binding.template, route)
    return table


def build_bidi_routes(
    contract: Contract, upstreams: Mapping[str, Upstream], where: Callable[[str, str], HttpBinding]
) -> RouteTable[Route]:
    """The streams in both directions, at the binding that `where` gives a service and a method name."""
    table: RouteTable[Route] = RouteTable()
    for method in contract.methods:
        upstream = upstreams.get(service_of(method))
        if upstream is not None and is_bidi(method) and not method.internal_only:
            route = build_route(contract, method, where(method.service, method.name), upstream)
            table.add("GET", route.binding.template, route)
    return table


def is_bidi(method: Method) -> bool:
    """Whether both sides stream."""
    return method.client_streaming and method.server_streaming


def build_route(contract: Contract, method: Method, http: HttpBinding, upstream: Upstream) -> Route:
    """One route."""
    return Route(
        method=method,
        wire_path=method.path.encode(),
        binding=Binding(method, http),
        encoder=Encoder(method, http, contract.registry),
        upstream=upstream,
        timing=timing(http.verb, http.template),
        safe=http.verb == "GET",
    )


def not_found(table: RouteTable[Route], method: str, path: str) -> Fault | str:
    """What a request without a route is told; for OPTIONS on a known path, the Allow value."""
    allowed = table.allowed(path)
    if not allowed:
        return Fault("ROUTE_NOT_FOUND", path=path[:200])
    if "GET" in allowed:
        allowed.add("HEAD")
    allow = ", ".join(sorted(allowed | {"OPTIONS"}))
    if method == "OPTIONS":
        return allow
    return Fault("METHOD_NOT_ALLOWED", allow=allow, headers=[(b"allow", allow.encode())])
