"""The configuration as YAML, and the files it needs on disk."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import yaml

from edge.envoy import tls
from edge.envoy.bootstrap import bootstrap
from edge.envoy.contract import Contract
from edge.envoy.mesh import Mesh
from edge.envoy.settings import Settings


class _Plain(yaml.SafeDumper):
    """No anchors: shared pieces are written out where they are used."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def dump(contract: Contract, mesh: Mesh, settings: Settings, directory: Path) -> str:
    """The bootstrap as YAML. `directory` is where its secret files will lie."""
    return _yaml(bootstrap(contract, mesh, settings, directory))


def write(path: Path, contract: Contract, mesh: Mesh, settings: Settings) -> None:
    """Writes the bootstrap to `path` and its secret files beside it; they point to key files and hold no key."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for name, content in tls.secrets(settings).items():
        _replace(tls.secret_file(path.parent, name), _yaml(content))
    _replace(path, dump(contract, mesh, settings, path.parent))


def _yaml(content: dict[str, Any]) -> str:
    return yaml.dump(content, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=120)


def _replace(path: Path, text: str) -> None:
    """Puts the file in place whole: Envoy reads secret files the moment they are moved there."""
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text)
    os.replace(partial, path)
