"""CPU per request of the edge, beside Envoy's own transcoder and beside the seed's gateway, on the same data.

The candidates take turns, a batch each, and every ratio is formed within a turn. What stands behind the edge, the
service and its database, is not part of its figure; the service's own is shown beside it.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import yaml

from bench import mesh as meshes
from bench.figures import Figure, Target
from bench.load import Connection, get_all
from bench.mesh import ROOT, Mesh, free_base, running, state_directory
from bench.peers import envoy_transcoder
from bench.processes import Meter, environment, executable, free_port, program
from bench.samples import Summary, ratios, summary

DESCRIPTORS = ROOT / "gen" / "descriptors.binpb"
LISTINGS = 200
SEARCH = "/v1/properties:search?pageSize=20&guestCount=2"
EDGE, CACHED, BARE, GUARDED, GATEWAY = "edge", "edge cached", "Envoy", "Envoy with the edge's guards", "FastAPI gateway"
# What says when or which version, and not what: the peers keep their own.
_OWN = frozenset({"etag", "createTime", "updateTime", "publishTime", "nextPageToken"})


@dataclass(frozen=True)
class Size:
    """How much is asked: turns, and requests in each."""

    turns: int
    resources: int
    pages: int


SHORT, FULL = Size(3, 120, 60), Size(15, 300, 150)


@dataclass(frozen=True)
class Candidate:
    """A way to the property service: its port, its own processes by name, and the service process behind it."""

    name: str
    port: int
    parts: Mapping[str, int]
    service: int

    def meter(self) -> Meter:
        groups: dict[str, Sequence[int]] = {name: [pid] for name, pid in self.parts.items()}
        return Meter({**groups, "service": [self.service]})


@dataclass(frozen=True)
class Sample:
    """Microseconds of CPU per request in one batch: the candidate's own, the service's, and the own part by part."""

    own: float
    service: float
    parts: Mapping[str, float]


def run(short: bool, note: Callable[[str], None]) -> list[Figure]:
    """Small resource and search page, uncached and cached, against both peers."""
    size = SHORT if short else FULL
    with state_directory() as home, running(home) as mesh, ExitStack() as stack:
        note(f"loading {LISTINGS} listings")
        _seed(mesh)
        candidates = _candidates(mesh, stack)
        resources = [f"/v1/properties/{name}" for name in asyncio.run(_published(mesh))]
        asyncio.run(_check(candidates, [resources[0], SEARCH]))
        note(f"one resource, {size.turns} turns of {size.resources} requests")
        one = asyncio.run(_measure(candidates, resources, size.turns, size.resources))
        note(f"search page of 20 results, {size.turns} turns of {size.pages} requests")
        page = asyncio.run(_measure(candidates, [SEARCH], size.turns, size.pages))
    return [*_figures("one resource", one, 1.7, 0.4, 0.2), *_figures("search page of 20", page, 0.8, None, 0.3)]


def _figures(
    what: str, samples: dict[str, list[Sample]], envoy: float, cached: float | None, gateway: float
) -> list[Figure]:
    own = {name: [sample.own for sample in found] for name, found in samples.items()}

    def ratio(name: str, mine: str, theirs: str, target: Target | None) -> Figure:
        found = ratios(own[mine], own[theirs])
        peers = {f"{candidate} µs": summary(own[candidate]).median for candidate in (mine, theirs)}
        return Figure(f"{what}: {name}", found.median, "×", target, peers, found.spread)

    bound = Target("<=", cached) if cached else None
    return [
        *(_cost(what, name, found) for name, found in samples.items()),
        ratio("edge to Envoy's own transcoder", EDGE, BARE, Target("<=", envoy)),
        ratio("edge to Envoy's own transcoder behind the edge's guards", EDGE, GUARDED, None),
        ratio("cached edge to Envoy's own transcoder", CACHED, BARE, bound),
        ratio("edge to the FastAPI gateway", EDGE, GATEWAY, Target("<=", gateway)),
    ]


def _cost(what: str, name: str, samples: list[Sample]) -> Figure:
    found: Summary = summary([sample.own for sample in samples])
    parts = {f"{part} µs": summary([sample.parts[part] for sample in samples]).median for part in samples[0].parts}
    parts["service behind µs"] = summary([sample.service for sample in samples]).median
    return Figure(f"{what}: {name}, CPU per request", found.median, "µs", None, parts, found.spread)


async def _measure(
    candidates: Sequence[Candidate], targets: Sequence[str], turns: int, count: int
) -> dict[str, list[Sample]]:
    samples: dict[str, list[Sample]] = defaultdict(list)
    for turn in range(-1, turns):
        # The order changes, so that nobody always follows the same neighbour; the first turn only warms up.
        for candidate in random.sample(list(candidates), len(candidates)):
            sample = await _batch(candidate, targets, count)
            if turn >= 0:
                samples[candidate.name].append(sample)
    return {candidate.name: samples[candidate.name] for candidate in candidates}


async def _batch(candidate: Candidate, targets: Sequence[str], count: int) -> Sample:
    if candidate.name == CACHED:
        targets = targets[:1]
        await get_all(candidate.port, targets, concurrency=1)  # an entry that has run out is made again uncounted
    meter = candidate.meter()
    before = meter.read()
    await get_all(candidate.port, islice(cycle(targets), count))
    after = meter.read()
    spent = {name: (after[name] - before[name]) / count * 1e6 for name in after}
    service = spent.pop("service")
    return Sample(sum(spent.values()), service, spent)


def _candidates(mesh: Mesh, stack: ExitStack) -> list[Candidate]:
    """The mesh's own edge caches; a second one beside it, and the peers, do not."""
    service = mesh.pid("property")
    cached = Candidate(CACHED, mesh.http, {"envoy": mesh.pid("envoy"), "transcoder": mesh.pid("transcoder")}, service)
    own = _second_edge(mesh, stack)
    return [own, cached, *_envoys(mesh, stack), _fastapi(mesh, stack)]


def _second_edge(mesh: Mesh, stack: ExitStack) -> Candidate:
    """Envoy and transcoder as the mesh runs them, but with no room in the cache."""
    base = free_base()
    port = base + meshes.TRANSCODER
    env = mesh.environment("transcoder") | {
        "KERYA_LISTEN": f"127.0.0.1:{port}",
        "KERYA_METRICS_LISTEN": f"127.0.0.1:{free_port()}",
        "KERYA_TRANSCODER_CACHE_BYTES": "0",
    }
    argv = [sys.executable, "-m", "edge.transcoder"]
    transcoder = stack.enter_context(program(argv, env, port, mesh.home / "second-transcoder.log", ROOT))
    config = _edge_config(mesh, "second", base, {"transcoder": f"127.0.0.1:{port}"})
    envoy = _envoy(mesh, stack, config, base + meshes.HTTP)
    return Candidate(EDGE, base + meshes.HTTP, {"envoy": envoy, "transcoder": transcoder}, mesh.pid("property"))


def _envoys(mesh: Mesh, stack: ExitStack) -> Iterator[Candidate]:
    service = mesh.pid("property")
    base = free_base()
    path = _edge_config(mesh, "guarded", base, {})
    edge = yaml.safe_load(path.read_text())
    port = free_port()
    bare = envoy_transcoder.bare(DESCRIPTORS, edge, port, free_port())
    pid = _envoy(mesh, stack, envoy_transcoder.write(bare, path.with_name("bare.yaml")), port)
    yield Candidate(BARE, port, {"envoy": pid}, service)
    guarded = envoy_transcoder.guarded(DESCRIPTORS, edge)
    pid = _envoy(mesh, stack, envoy_transcoder.write(guarded, path), base + meshes.HTTP)
    yield Candidate(GUARDED, base + meshes.HTTP, {"envoy": pid}, service)


def _edge_config(mesh: Mesh, name: str, base: int, targets: Mapping[str, str]) -> Path:
    """What `python -m edge.envoy` writes for another port base in front of this mesh's services."""
    path = mesh.home / name / "envoy.yaml"
    outer = mesh.environment("transcoder")
    env = outer | {
        "KERYA_SERVICE": "envoy",
        "KERYA_TLS_DIRECTORY": str(mesh.home / "pki" / "envoy"),
        "KERYA_PORT_BASE": str(base),
        "KERYA_TARGETS": json.dumps({**json.loads(outer["KERYA_TARGETS"]), **targets}),
    }
    subprocess.run([sys.executable, "-m", "edge.envoy", "--output", str(path)], env=env, cwd=ROOT, check=True)
    return path


def _envoy(mesh: Mesh, stack: ExitStack, config: Path, port: int) -> int:
    """Started as the supervisor starts the mesh's own."""
    argv: list[str | Path] = [executable(mesh.pid("envoy")), "--config-path", config, "--use-dynamic-base-id"]
    argv += ["--concurrency", "2", "--log-level", "warn"]
    return stack.enter_context(program(argv, dict(os.environ), port, config.with_suffix(".log"), mesh.home))


def _fastapi(mesh: Mesh, stack: ExitStack) -> Candidate:
    env = environment(mesh.pid("property"))
    behind, front = free_port(), free_port()
    module = [sys.executable, "-m", "bench.peers.fastapi_service", "--port", str(behind)]
    service = stack.enter_context(program(module, env, behind, mesh.home / "service.log", ROOT))
    module = [sys.executable, "-m", "bench.peers.fastapi_gateway", "--port", str(front)]
    module += ["--service", f"http://127.0.0.1:{behind}"]
    gateway = stack.enter_context(program(module, env, front, mesh.home / "gateway.log", ROOT))
    return Candidate(GATEWAY, front, {"gateway": gateway}, service)


def _seed(mesh: Mesh) -> None:
    """Listings that the generator makes, the same in every run, through the public API."""
    subprocess.run(
        [sys.executable, "-m", "deploy.local.cli", "seed", "--count", str(LISTINGS), "--hosts", "4"],
        cwd=ROOT,
        env=meshes.mesh_environment(mesh.home, mesh.base) | {"KERYA_DATA": str(mesh.home / "none")},
        stdout=subprocess.DEVNULL,
        check=True,
    )


async def _published(mesh: Mesh) -> list[str]:
    async with Connection(mesh.http) as connection:
        answer = await connection.request("GET", "/v1/properties:search?pageSize=100")
    return [card["propertyId"] for card in answer.json()["properties"]]


async def _check(candidates: Sequence[Candidate], targets: Sequence[str]) -> None:
    """All candidates must give the same answer, or their costs could not be compared."""
    for target in targets:
        answers = {}
        for candidate in candidates:
            async with Connection(candidate.port) as connection:
                answer = await connection.request("GET", target)
            answers[candidate.name] = _comparable(answer.json()) if answer.status == 200 else answer
        expected = answers[EDGE]
        for name, found in answers.items():
            if found != expected:
                raise AssertionError(f"{name} answers {target} otherwise:\n{found}\nand not\n{expected}")


def _comparable(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _comparable(item) for key, item in value.items() if key not in _OWN}
    return [_comparable(item) for item in value] if isinstance(value, list) else value
