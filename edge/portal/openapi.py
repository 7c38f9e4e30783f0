"""The REST API as an OpenAPI 3.1 document, made from the descriptor set: comments become the manual."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from protobuf import DescField, DescFieldValueList, DescFieldValueMap, DescFieldValueMessage, DescMessage

from edge.portal.schemas import Schema, Schemas
from edge.portal.shared_components import ABOUT, ERROR, ERROR_RESPONSE, PARAMETERS, SECURITY
from edge.transcoder.contract import OPTIONS, Contract, HttpBinding, Method, option
from edge.transcoder.errors import DOMAIN, HTTP_OF_CODE, HTTP_OF_REASON, STATUS_NAMES
from edge.transcoder.template import MANY, Template, parse
from services.chassis.contract import domain_of
from services.chassis.rules import Idempotency

HTTP_BODY = "google.api.HttpBody"
# Deep enough for a date or a point within a filter.
QUERY_DEPTH = 2
_OUT_OF_QUERIES = {
    "google.protobuf.Struct",
    "google.protobuf.Value",
    "google.protobuf.ListValue",
    "google.protobuf.Any",
}
_REASON = re.compile(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b")


def build(contract: Contract, server_url: str = "https://localhost:8443") -> dict[str, Any]:
    """The document. Equal contracts give equal documents, key order included."""
    return _Document(contract).render(server_url)


class _Document:
    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._schemas = Schemas(contract)

    def render(self, server_url: str) -> dict[str, Any]:
        methods = [method for method in self._contract.methods if method.bindings and not method.internal_only]
        return {
            "openapi": "3.1.0",
            "info": {"title": "Kerya", "version": "1", "description": ABOUT},
            "servers": [{"url": server_url}],
            "tags": [self._tag(name) for name in dict.fromkeys(method.service for method in methods)],
            "paths": self._paths(methods),
            "components": {
                "securitySchemes": SECURITY,
                "parameters": PARAMETERS,
                "responses": {"Error": ERROR_RESPONSE},
                "schemas": dict(sorted(self._schemas.components.items())) | {"Error": ERROR},
            },
        }

    def _paths(self, methods: list[Method]) -> dict[str, dict[str, Any]]:
        paths: dict[str, dict[str, Any]] = {}
        # Paths that differ in parameter names only are one path: the first names given stay.
        by_form: dict[str, list[str]] = {}
        for method in methods:
            for number, http in enumerate(method.bindings):
                if http.verb == "*":
                    continue
                template = parse(http.template)
                own = [_json_name(method.input, variable.field_path) for variable in template.variables]
                names = by_form.setdefault(_path(template, [""] * len(own)), own)
                operation = self._operation(method, http, template, names, number)
                paths.setdefault(_path(template, names), {})[http.verb.lower()] = operation
        return paths

    def _tag(self, service: str) -> dict[str, str]:
        return {"name": service.rpartition(".")[2], "description": self._schemas.comments.get(service, "")}

    def _operation(
        self, method: Method, http: HttpBinding, template: Template, names: list[str], number: int
    ) -> dict[str, Any]:
        name = f"{method.service}.{method.name}"
        comment = self._schemas.comments.get(name, "")
        service = method.service.rpartition(".")[2]
        made: dict[str, Any] = {
            "operationId": f"{service}_{method.name}" + (f"_{number + 1}" if number else ""),
            "tags": [service],
            "summary": re.split(r"(?<=\.)\s", comment.replace("\n", " "))[0].removesuffix("."),
            "description": "\n\n".join(part for part in (comment, self._rules(method)) if part),
            "security": [] if method.public else self._security(method),
        }
        if parameters := self._parameters(method, http, template, names):
            made["parameters"] = parameters
        if http.body:
            made["requestBody"] = self._body(method, http, template)
        made["responses"] = {"200": self._answer(method, http), **self._errors(method, comment)}
        made |= {"deprecated": True} if method.desc.deprecated else {}
        return made

    def _rules(self, method: Method) -> str:
        options = method.desc.proto.options
        access, limit = (option(self._contract.registry, options, OPTIONS + name) for name in ("access", "limit"))
        parts = []
        if access is not None and access.roles:
            parts.append("Roles: " + ", ".join(f"`{role.name}`" for role in access.roles) + ".")
        if access is not None and access.scopes:
            parts.append("API key scopes: " + ", ".join(f"`{scope}`" for scope in access.scopes) + ".")
        if limit is not None:
            parts.append(f"Limit: {limit.rate} requests per {limit.per}.")
        return " ".join(parts)

    def _security(self, method: Method) -> list[dict[str, list[str]]]:
        access = option(self._contract.registry, method.desc.proto.options, OPTIONS + "access")
        schemes = ["bearer", "apiKey"] if access is not None and access.scopes else ["bearer"]
        return [{scheme: []} for scheme in schemes]

    def _parameters(
        self, method: Method, http: HttpBinding, template: Template, names: list[str]
    ) -> list[dict[str, Any]]:
        captured = {variable.field_path for variable in template.variables}
        made = [
            self._path_parameter(method.input, variable.field_path, name)
            for variable, name in zip(template.variables, names, strict=True)
        ]
        if http.body != "*":
            made += self._query(method.input, (), "", captured | {(http.body,)}, 0)
        if method.idempotency is not Idempotency.IGNORED:
            made.append({"$ref": f"#/components/parameters/IdempotencyKey{method.idempotency.name.capitalize()}"})
        has_etag = any(field.name == "etag" for field in method.output.fields)
        if has_etag and http.verb in ("GET", "PATCH", "PUT", "DELETE"):
            made.append({"$ref": f"#/components/parameters/{'IfNoneMatch' if http.verb == 'GET' else 'IfMatch'}"})
        return made

    def _path_parameter(self, message: DescMessage, path: tuple[str, ...], name: str) -> dict[str, Any]:
        field = _resolve(message, path)
        schema = self._schemas.field(field)
        text = schema.pop("description", "")
        schema.pop("readOnly", None)
        return {"name": name, "in": "path", "required": True, "description": text, "schema": schema}

    def _query(
        self, message: DescMessage, path: tuple[str, ...], prefix: str, taken: set[tuple[str, ...]], depth: int
    ) -> Iterator[dict[str, Any]]:
        for field in message.fields:
            at = (*path, field.name)
            name = f"{prefix}{field.json_name}"
            if at in taken or self._schemas.is_output_only(field) or not _in_query(field):
                continue
            inner = field.value.message if isinstance(field.value, DescFieldValueMessage) else None
            if (
                inner is not None
                and not inner.type_name.startswith("google.protobuf.")
                and inner.type_name != "google.type.Date"
            ):
                if depth < QUERY_DEPTH:
                    yield from self._query(inner, at, f"{name}.", taken, depth + 1)
                continue
            yield self._query_parameter(field, name, required=not depth and self._schemas.is_required(field))

    def _query_parameter(self, field: DescField, name: str, *, required: bool) -> dict[str, Any]:
        schema = self._schemas.field(field)
        text = schema.pop("description", "")
        if isinstance(field.value, DescFieldValueMessage) and field.value.message.type_name == "google.type.Date":
            schema = {"type": "string", "format": "date"}
        made: dict[str, Any] = {"name": name, "in": "query", "description": text, "schema": schema}
        if required:
            made["required"] = True
        if isinstance(field.value, DescFieldValueList):
            made |= {"style": "form", "explode": True}
        if isinstance(field.value, DescFieldValueMap):
            made |= {"style": "deepObject", "explode": True}
        return made

    def _body(self, method: Method, http: HttpBinding, template: Template) -> dict[str, Any]:
        if method.input.type_name == HTTP_BODY:
            return {"required": True, "content": {"*/*": {"schema": {}}}}
        bound = {variable.field_path[0] for variable in template.variables if len(variable.field_path) == 1}
        if http.body != "*":
            schema = self._schemas.field(_resolve(method.input, (http.body,)))
        elif bound:
            schema = self._schemas.object(method.input, bound)
        else:
            schema = self._schemas.message(method.input)
        content = {"application/json": {"schema": schema}}
        if method.client_streaming:
            content["application/json"] = {"schema": {"type": "array", "items": schema}}
            content["application/x-ndjson"] = {"schema": schema}
        return {"required": True, "content": content}

    def _answer(self, method: Method, http: HttpBinding) -> dict[str, Any]:
        if method.output.type_name == HTTP_BODY:
            return {"description": "The bytes.", "content": {"*/*": {"schema": {}}}}
        if http.response_body:
            schema = self._schemas.field(_resolve(method.output, (http.response_body,)))
        else:
            schema = self._schemas.message(method.output)
        content: dict[str, Schema] = {"application/json": {"schema": schema}}
        if method.server_streaming:
            content["application/json"] = {"schema": {"type": "array", "items": schema}}
            content |= {media: {"schema": schema} for media in ("application/x-ndjson", "text/event-stream")}
        return {"description": "The answer.", "content": content}

    def _errors(self, method: Method, comment: str) -> dict[str, Any]:
        package, reasons = method.service.rpartition(".")[0], self._contract.rules.reasons
        by_status: dict[int, list[str]] = {}
        for name in dict.fromkeys(_REASON.findall(comment)):
            reason = reasons.get((domain_of(package), name)) or reasons.get((DOMAIN, name))
            if reason is not None:
                status = HTTP_OF_REASON.get(name) or HTTP_OF_CODE[STATUS_NAMES.index(reason.code)]
                by_status.setdefault(status, []).append(f"`{name}`: {reason.texts['en']}")
        content = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
        made = {
            str(status): {"description": "\n\n".join(texts), "content": content}
            for status, texts in sorted(by_status.items())
        }
        return {**made, "default": {"$ref": "#/components/responses/Error"}}


def _path(template: Template, names: list[str]) -> str:
    parts = list(template.segments)
    for variable, name in reversed(list(zip(template.variables, names, strict=True))):
        parts[variable.start : variable.end] = ["{" + name + "}"]
    anonymous = [part if part not in ("*", MANY) else "{segment}" for part in parts]
    return "/" + "/".join(anonymous) + (f":{template.verb}" if template.verb else "")


def _json_name(message: DescMessage, path: tuple[str, ...]) -> str:
    return _resolve(message, path).json_name


def _resolve(message: DescMessage, path: tuple[str, ...]) -> DescField:
    field = next(field for field in message.fields if field.name == path[0])
    if len(path) > 1 and isinstance(field.value, DescFieldValueMessage):
        return _resolve(field.value.message, path[1:])
    return field


def _in_query(field: DescField) -> bool:
    value = field.value
    element = getattr(value, "element", None) or getattr(value, "message", None) or getattr(value, "value", None)
    if not isinstance(element, DescMessage):
        return True
    single = isinstance(value, DescFieldValueMessage)
    return element.type_name not in _OUT_OF_QUERIES and (single or element.type_name.startswith("google.protobuf."))
