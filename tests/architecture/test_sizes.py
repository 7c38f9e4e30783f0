"""The size budgets of docs/handbook.md."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("services", "edge", "deploy")


def _modules() -> list[Path]:
    found = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]
    return [path for path in found if path.read_text().strip() and "versions" not in path.parts]


def _quantile(values: list[int], share: float) -> int:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def test_modules_are_small() -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in _modules()}
    values = list(lengths.values())
    assert [str(path.relative_to(ROOT)) for path, lines in lengths.items() if lines > 500] == []
    assert _quantile(values, 0.5) <= 120
    assert _quantile(values, 0.9) <= 300


def test_functions_are_short() -> None:
    lengths = [
        (node.end_lineno or node.lineno) - node.lineno + 1
        for path in _modules()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert _quantile(lengths, 0.5) <= 10
    assert _quantile(lengths, 0.9) <= 35


def test_an_rpc_is_a_paragraph() -> None:
    long = [
        f"{path.relative_to(ROOT)}:{method.lineno} {method.name}"
        for path in (ROOT / "services").glob("*/servicer*")
        for file in ([path] if path.is_file() else path.rglob("*.py"))
        for servicer in ast.walk(ast.parse(file.read_text()))
        if isinstance(servicer, ast.ClassDef)
        for method in servicer.body
        if isinstance(method, ast.AsyncFunctionDef) and _too_long(method)
    ]
    assert long == []


def _too_long(method: ast.AsyncFunctionDef) -> bool:
    body = (method.end_lineno or 0) - method.body[0].lineno + 1
    return body > 12 or any(isinstance(node, ast.Try) for node in ast.walk(method))
