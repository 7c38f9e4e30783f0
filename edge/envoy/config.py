"""The few shapes every part of an Envoy configuration repeats."""

from __future__ import annotations

from typing import Any

# A piece of configuration: what YAML and protobuf JSON hold in common.
Config = dict[str, Any]

LOOPBACK = "127.0.0.1"


def typed(name: str, message: str, **fields: Any) -> Config:
    """An extension by name, with its configuration message."""
    return {"name": name, "typed_config": message_of(message, **fields)}


def message_of(message: str, **fields: Any) -> Config:
    """A message packed as Any."""
    return {"@type": f"type.googleapis.com/{message}", **fields}


def seconds(value: float) -> str:
    """A Duration in JSON form."""
    return f"{value:g}s"


def socket(host: str, port: int, protocol: str = "TCP") -> Config:
    return {"socket_address": {"address": host, "port_value": port, "protocol": protocol}}


def header(name: str, value: str, action: str = "OVERWRITE_IF_EXISTS_OR_ADD") -> Config:
    """A header to add. `action` says what happens where it is there already."""
    return {"header": {"key": name, "value": value}, "append_action": action}
