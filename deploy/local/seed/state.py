"""What a run has done, so that the next one goes on from there."""

from __future__ import annotations

import hashlib
from pathlib import Path

import orjson


class SeedState:
    """One JSON line per fact, appended as it becomes true; a torn last line is ignored.

    `namespace` is made once per state file and goes into every idempotency key and address: a wiped state and a fresh mesh
    begin anew, a rerun repeats itself exactly.
    """

    def __init__(self, path: Path, namespace: str) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        facts = _facts(path)
        self.namespace = next((str(fact["namespace"]) for fact in facts if "namespace" in fact), "")
        self.hosts = {str(fact["host"]): str(fact["refresh_token"]) for fact in facts if "host" in fact}
        self.created = {str(fact["created"]): str(fact["property_id"]) for fact in facts if "created" in fact}
        self.published = {str(fact["published"]) for fact in facts if "published" in fact}
        self._file = path.open("ab")
        if path.stat().st_size and not path.read_bytes().endswith(b"\n"):
            self._file.write(b"\n")
        path.chmod(0o600)
        if not self.namespace:
            self.namespace = namespace
            self._note({"namespace": namespace})

    def key(self, action: str, key: str) -> str:
        """The idempotency key of one step."""
        return hashlib.sha256(f"{self.namespace}/{action}/{key}".encode()).hexdigest()

    def add_host(self, host_key: str, refresh_token: str) -> None:
        self.hosts[host_key] = refresh_token
        self._note({"host": host_key, "refresh_token": refresh_token})

    def add_created(self, listing_key: str, property_id: str) -> None:
        self.created[listing_key] = property_id
        self._note({"created": listing_key, "property_id": property_id})

    def add_published(self, listing_key: str) -> None:
        self.published.add(listing_key)
        self._note({"published": listing_key})

    def close(self) -> None:
        self._file.close()

    def _note(self, fact: dict[str, str]) -> None:
        self._file.write(orjson.dumps(fact) + b"\n")
        self._file.flush()


def _facts(path: Path) -> list[dict[str, object]]:
    if not path.exists():
        return []
    facts = []
    for line in path.read_bytes().splitlines():
        try:
            facts.append(orjson.loads(line))
        except orjson.JSONDecodeError:
            continue
    return facts
