"""`.env.example`, from the settings models of every process."""

from __future__ import annotations

import importlib
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings

from services.chassis.settings import ChassisSettings, MeshSettings
from services.chassis.topology import Topology

ROOT = Path(__file__).resolve().parents[2]
HEAD = """\
# Every setting of every process, with its default; an empty value has none.
# `kerya up` sets what it must; the chart sets the rest. Written by `make gen` from the settings models.
"""
EDGE = {"transcoder": "edge.transcoder.settings", "Envoy configuration": "edge.envoy.settings"}


def write_environment(topology: Topology, out: Path) -> None:
    """Writes .env.example under `out`."""
    seen: set[str] = set()
    sections = [HEAD, *_section("every process", MeshSettings, seen), *_section("every service", ChassisSettings, seen)]
    modules = {name: f"services.{name}.settings" for name in topology.services} | EDGE
    for name, module in modules.items():
        sections += _section(f"the {name}", _model(module), seen)
    (out / ".env.example").write_text("\n".join(sections))


def _model(module: str) -> type[BaseSettings]:
    """The settings model that a module defines."""
    found = importlib.import_module(module)
    models = [value for value in vars(found).values() if isinstance(value, type) and value.__module__ == module]
    return next(model for model in models if issubclass(model, BaseSettings))


def _section(title: str, settings: type[BaseSettings], seen: set[str]) -> Iterator[str]:
    lines = []
    prefix = settings.model_config.get("env_prefix", "")
    for name, field in settings.model_fields.items():
        variable = f"{prefix}{name}".upper()
        if variable not in seen:
            seen.add(variable)
            lines += textwrap.wrap(field.description or "", 118, initial_indent="# ", subsequent_indent="# ")
            lines.append(f"{variable}={_default(field.get_default(call_default_factory=True))}")
    if lines:
        yield f"\n# --- {title} ---\n" + "\n".join(lines) + "\n"


def _default(value: Any) -> str:
    if value is None or value is PydanticUndefined:
        return ""
    if isinstance(value, Path) and value.is_relative_to(ROOT):
        # The same on every machine.
        return str(value.relative_to(ROOT))
    return "{}" if value == {} else str(value)
