"""What computes forecasts needs scikit-learn, which the worker's image alone has."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.stack import ROOT
from tests.unit.test_imports import imported

PACKAGE = ROOT / "services" / "web" / "timestack"
ROOM = "timestack.domains.forecast"
HEAVY = {"sklearn", "scipy", "threadpoolctl", "joblib"}
# The only ones outside of the room that may import what needs it.
TASKS = PACKAGE / "tasks"


def name(file: Path) -> str:
    return ".".join(["timestack", *file.relative_to(PACKAGE).with_suffix("").parts])


def test_only_the_task_imports_what_needs_scikit_learn() -> None:
    imports = {}
    for file in PACKAGE.rglob("*.py"):
        tree = ast.parse(file.read_text())
        imports[name(file)] = set(imported(tree)) | {
            f"{node.module}.{alias.name}"
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module
            for alias in node.names
        }
    needing = {
        module
        for module, each in imports.items()
        if {one.partition(".")[0] for one in each} & HEAVY
    }
    assert f"{ROOM}.classifiers" in needing
    while more := {module for module, each in imports.items() if each & needing} - needing:
        needing |= more
    others = {module for module in needing if not module.startswith(f"{ROOM}.")}
    assert all(module.startswith(name(TASKS)) for module in others), others
    free = {f"{ROOM}.{part}" for part in ("asked", "daily", "errors", "store", "verdict")}
    assert not needing & free
