"""The imports of the package run one way, and none hides inside a function."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "services" / "web" / "timestack"

# Layer -> the layers it may import, besides itself. `app` puts the faces together, and `wsgi`
# and `server` serve it.
FOUNDATION = {"settings", "logs", "progress", "validation"}
DATA = {"db", *FOUNDATION}
RULES = {"series", "models", "queue", *DATA}
FACE = {"domains", "errors", *RULES}
ALLOWED = {
    "checks": set(),
    "progress": set(),
    "validation": set(),
    "settings": {"checks"},
    "logs": {"settings"},
    "db": FOUNDATION,
    "deadline": DATA,
    "models": DATA,
    "queue": FOUNDATION,
    "series": {"models", *DATA},
    "domains": RULES,
    "errors": FOUNDATION,
    "health": {"queue", *DATA},
    "assets": set(),
    "edge": FOUNDATION,
    "auth": FACE,
    "api": FACE,
    "pages": FACE,
    "dash": FACE,
    "tasks": FACE,
    "__init__": set(),
    "probe": set(),
    "monitor": {"queue", *FOUNDATION},
    # Stands for a service that is not ours: no layer may import it.
    "simulator": FOUNDATION,
    "app": {"assets", "edge", "health", "auth", "api", "pages", "dash", *FACE},
    "wsgi": {"app", *DATA},
    "server": {"app", "health", *DATA},
}
FILES = sorted(PACKAGE.rglob("*.py"))


def layer_of(module: str) -> str | None:
    """`timestack.series.query` -> `series`; None for what is not ours or is the root."""
    parts = module.split(".")
    return parts[1] if parts[0] == "timestack" and len(parts) > 1 else None


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            if node.module == "timestack":
                names = (alias.name for alias in node.names)
                yield from (f"timestack.{name}" for name in names if name != "__version__")
            else:
                yield node.module


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_a_module_imports_only_the_layers_below_it(file: Path) -> None:
    own = file.relative_to(PACKAGE).parts[0].removesuffix(".py")
    layers = {
        layer for module in imported(ast.parse(file.read_text())) if (layer := layer_of(module))
    }
    assert layers - {own} <= ALLOWED[own]


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_no_import_hides_inside_a_function(file: Path) -> None:
    hidden = [
        f"line {node.lineno}"
        for function in ast.walk(ast.parse(file.read_text()))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    assert hidden == []


def test_the_rules_of_the_domains_know_neither_flask_nor_celery() -> None:
    free = [file for file in FILES if file.relative_to(PACKAGE).parts[0] in ("domains", "series")]
    assert free
    for file in free:
        roots = {module.split(".")[0] for module in imported(ast.parse(file.read_text()))}
        assert not roots & {"flask", "dash", "celery"}, file
