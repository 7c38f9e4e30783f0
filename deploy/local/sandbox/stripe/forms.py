"""Stripe's form encoding: `metadata[key]=value`, `expand[]=charge`, and the typed reading of it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl

from deploy.local.sandbox.stripe.errors import StripeError, missing

PART = re.compile(r"\[([^\]]*)\]")


def decode(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Pairs -> nested dicts and lists of strings. `a[b]=1` is {"a": {"b": "1"}}; `a[]=1` and `a[0]=1` are lists."""
    form: dict[str, Any] = {}
    for key, value in pairs:
        name, _, rest = key.partition("[")
        if not rest:
            form[name] = value
            continue
        parts = PART.findall("[" + rest)
        if parts[0] == "" or parts[0].isdigit():
            form.setdefault(name, []).append(value)
        else:
            _nest(form.setdefault(name, {}), parts, value)
    return form


def _nest(target: Any, parts: list[str], value: str) -> None:
    for part in parts[:-1]:
        target = target.setdefault(part, {})
    target[parts[-1]] = value


def body(raw: bytes) -> dict[str, Any]:
    """A form-encoded body, decoded."""
    return decode(parse_qsl(raw.decode(), keep_blank_values=True))


class Params:
    """The parameters of one call. Reading takes; what is left over at `done` is unknown to Stripe, and refused."""

    def __init__(self, form: dict[str, Any]) -> None:
        self._form = dict(form)
        self._form.pop("expand", None)

    def text(self, name: str, default: str | None = None) -> str | None:
        value = self._form.pop(name, default)
        if value is not None and not isinstance(value, str):
            raise StripeError("Invalid string", param=name)
        return value

    def required(self, name: str) -> str:
        if not (value := self.text(name)):
            raise missing(name)
        return value

    def integer(self, name: str) -> int | None:
        value = self.text(name)
        if value is None:
            return None
        if not re.fullmatch(r"-?\d{1,12}", value):
            raise StripeError(
                f"Invalid integer: {value}",
                code="parameter_invalid_integer",
                param=name,
            )
        return int(value)

    def flag(self, name: str) -> bool:
        value = self.text(name, "false")
        if value not in ("true", "false"):
            raise StripeError(f"Invalid boolean: {value}", param=name)
        return value == "true"

    def choice(self, name: str, options: tuple[str, ...]) -> str | None:
        value = self.text(name)
        if value is not None and value not in options:
            listed = ", ".join(options)
            raise StripeError(f"Invalid {name}: must be one of {listed}", param=name)
        return value

    def metadata(self) -> dict[str, str] | None:
        """At most 50 keys of 40 characters with values of 500, as Stripe allows. An empty value removes its key."""
        value = self._form.pop("metadata", None)
        if value is None:
            return None
        if value == "":
            return {}
        if not isinstance(value, dict) or len(value) > 50:
            raise StripeError("Invalid metadata", param="metadata")
        for key, text in value.items():
            if len(key) > 40 or not isinstance(text, str) or len(text) > 500:
                raise StripeError(f"Metadata is too long or nested: {key}", param=f"metadata[{key}]")
        return value

    def ignore(self, *names: str) -> None:
        """Parameters that Stripe takes and the sandbox has no use for."""
        for name in names:
            self._form.pop(name, None)

    def done(self) -> None:
        for name in self._form:
            raise StripeError(
                f"Received unknown parameter: {name}",
                code="parameter_unknown",
                param=name,
            )
