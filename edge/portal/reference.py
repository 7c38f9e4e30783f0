"""The reference page: the OpenAPI document for people, one page of plain HTML that needs no script and no other host."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any

Document = dict[str, Any]


def render(document: Document) -> str:
    """The page. Operations by tag in contract order, then the schemas."""
    by_tag: dict[str, list[tuple[str, str, Document]]] = {tag["name"]: [] for tag in document["tags"]}
    for path, verbs in document["paths"].items():
        for verb, operation in verbs.items():
            by_tag[operation["tags"][0]].append((verb.upper(), path, operation))
    menu = "".join(_menu(tag, operations) for tag, operations in by_tag.items())
    sections = "".join(_section(tag, by_tag[tag["name"]], document) for tag in document["tags"])
    schemas = "".join(_schema(name, schema) for name, schema in document["components"]["schemas"].items())
    return _PAGE.format(about=_text(document["info"]["description"]), menu=menu, sections=sections, schemas=schemas)


def _menu(tag: str, operations: list[tuple[str, str, Document]]) -> str:
    items = "".join(
        f'<li><a href="#{operation["operationId"]}"><b class="{verb}">{verb}</b> {escape(path)}</a></li>'
        for verb, path, operation in operations
    )
    return f"<details open><summary>{escape(tag)}</summary><ul>{items}</ul></details>"


def _section(tag: Document, operations: list[tuple[str, str, Document]], document: Document) -> str:
    body = "".join(_operation(verb, path, operation, document) for verb, path, operation in operations)
    return f"<section><h2>{escape(tag['name'])}</h2>{_text(tag['description'])}{body}</section>"


def _operation(verb: str, path: str, operation: Document, document: Document) -> str:
    rows = "".join(_parameter(_resolve(each, document)) for each in operation.get("parameters", ()))
    parameters = f"<h4>Parameters</h4><table>{rows}</table>" if rows else ""
    body = operation.get("requestBody", {}).get("content", {})
    request = f"<h4>Body</h4><p>{_content(body)}</p>" if body else ""
    answers = "".join(_answer(status, _resolve(each, document)) for status, each in operation["responses"].items())
    return (
        f'<article id="{operation["operationId"]}"><h3><b class="{verb}">{verb}</b> <code>{escape(path)}</code></h3>'
        f"{_text(operation['description'])}{parameters}{request}<h4>Answers</h4><table>{answers}</table></article>"
    )


def _parameter(each: Document) -> str:
    need = "<em>required</em>" if each.get("required") else ""
    kind = f"{escape(each['in'])}, {_type(each['schema'])}"
    return f"<tr><th><code>{escape(each['name'])}</code> {need}</th><td>{kind}{_text(each['description'])}</td></tr>"


def _answer(status: str, response: Document) -> str:
    shape = _content(response.get("content", {})) if status == "200" else ""
    return f"<tr><th>{escape(status)}</th><td>{shape}{_text(response['description'])}</td></tr>"


def _content(content: Document) -> str:
    return "<br>".join(f"{escape(media)}: {_type(each['schema'])}" for media, each in content.items())


def _schema(name: str, schema: Document) -> str:
    required = set(schema.get("required", ()))
    rows = "".join(
        f"<tr><th><code>{escape(key)}</code> {'<em>required</em>' if key in required else ''}</th>"
        f"<td>{_type(value)} {_bounds(value)}{_text(value.get('description', ''))}</td></tr>"
        for key, value in schema.get("properties", {}).items()
    )
    heading = f"<h3><code>{escape(name)}</code></h3>"
    return (
        f'<article id="{escape(name)}">{heading}{_text(schema.get("description", ""))}<table>{rows}</table></article>'
    )


def _type(schema: Document) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f'<a href="#{escape(name)}">{escape(name.removeprefix("kerya."))}</a>'
    if schema.get("type") == "array":
        return f"array of {_type(schema.get('items', {}))}"
    if isinstance(schema.get("additionalProperties"), dict):
        return f"map of {_type(schema['additionalProperties'])}"
    kinds = schema.get("type", "any")
    return escape(" or ".join(kinds) if isinstance(kinds, list) else f"{kinds} {schema.get('format', '')}".strip())


def _bounds(schema: Document) -> str:
    return " ".join(
        f"<small>{label} <code>{escape(str(schema[key]))}</code></small>" for key, label in _LIMITS if key in schema
    )


_LIMITS = (
    ("minimum", "≥"),
    ("maximum", "≤"),
    ("minLength", "length ≥"),
    ("maxLength", "length ≤"),
    ("minItems", "items ≥"),
    ("maxItems", "items ≤"),
    ("pattern", "pattern"),
)


def _resolve(node: Document, document: Document) -> Document:
    found: Any = node
    if "$ref" in node:
        found = document
        for step in node["$ref"].removeprefix("#/").split("/"):
            found = found[step]
    return dict(found)


def _text(text: str) -> str:
    return "".join(f"<p>{''.join(_inline(block))}</p>" for block in text.split("\n\n") if block.strip())


def _inline(block: str) -> Iterator[str]:
    for index, part in enumerate(block.split("`")):
        yield f"<code>{escape(part)}</code>" if index % 2 else escape(part).replace("\n- ", "<br>· ")


_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Kerya API</title>
<style>
:root {{ color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; scroll-padding-top: 1rem }}
body {{ margin: 0; display: grid; grid-template-columns: minmax(14rem, 22rem) minmax(0, 60rem); gap: 2rem }}
nav {{ position: sticky; top: 0; height: 100vh; overflow: auto; padding: 1rem; box-sizing: border-box; font-size: .85rem;
  border-right: 1px solid #8884 }}
nav ul {{ list-style: none; margin: 0 0 .5rem; padding: 0 }} nav li {{ overflow-wrap: anywhere }}
nav summary {{ font-weight: 600; cursor: pointer }}
nav a {{ color: inherit; text-decoration: none }} a {{ color: #0969da }}
main {{ padding: 1rem }} article {{ border-top: 1px solid #8884; padding: .5rem 0 1rem }}
table {{ width: 100%; border-collapse: collapse }} th, td {{ text-align: left; vertical-align: top; padding: .35rem .5rem;
  border-top: 1px solid #8882; font-weight: 400; overflow-wrap: anywhere }} th {{ width: 32% }} td p {{ margin: .2rem 0 }}
code {{ font: .92em ui-monospace, monospace }} em, small {{ color: #8a6d00; font-size: .85em }}
.GET {{ color: #1a7f37 }} .POST {{ color: #0969da }} .PATCH, .PUT {{ color: #9a6700 }} .DELETE {{ color: #cf222e }}
@media (max-width: 50rem) {{ body {{ display: block }} nav {{ position: static; height: auto }} }}
</style>
<nav>{menu}<details><summary><a href="#schemas">Schemas</a></summary></details></nav>
<main><h1>Kerya API</h1>{about}<p><a href="/openapi.json">OpenAPI 3.1</a> · <a href="/status">Status</a></p>
{sections}<section id="schemas"><h2>Schemas</h2>{schemas}</section></main></html>
"""
