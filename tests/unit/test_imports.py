"""The imports of the package run one way, and what is one module's alone is done by no other."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "services" / "web" / "timestack"

# Layer -> the layers it may import, besides itself. `app` puts the faces together, and `wsgi`
# and `server` serve it.
FOUNDATION = {"settings", "logs", "prepared", "progress", "validation"}
DATA = {"db", *FOUNDATION}
RULES = {"series", "models", "queue", "cache", *DATA}
FACE = {"domains", "ingest", "errors", "words", *RULES}
ALLOWED = {
    # Other services' images have a copy of it, and the host uses it as well.
    "shared": set(),
    "prepared": set(),
    "progress": set(),
    "validation": set(),
    "words": set(),
    "settings": {"shared"},
    "logs": {"settings"},
    "db": FOUNDATION,
    "deadline": DATA,
    "models": DATA,
    "queue": FOUNDATION,
    "cache": FOUNDATION,
    "series": {"models", "shared", *DATA},
    "domains": {"shared", *RULES},
    "ingest": {"domains", "shared", *RULES},
    "errors": {"words", *DATA},
    "health": {"queue", "serving", *DATA},
    "assets": set(),
    "metrics": FOUNDATION,
    "edge": FOUNDATION,
    "auth": FACE,
    # It asks what a token may.
    "api": {"auth", *FACE},
    "pages": FACE,
    "dash": FACE,
    "tasks": {"metrics", *FACE},
    "shell": FACE,
    "exporter": {"deadline", "metrics", *FACE},
    "__init__": set(),
    "probe": {"serving"},
    "serving": set(),
    "monitor": {"metrics", "queue", "shared", *FOUNDATION},
    "app": {"assets", "edge", "health", "metrics", "auth", "api", "pages", "dash", *FACE},
    "wsgi": {"app", *DATA},
    "server": {"app", "errors", "health", "serving", "metrics", *DATA},
}
# What knows neither Flask nor Celery.
RULES_ALONE = ("domains", "ingest", "series")
FILES = sorted(PACKAGE.rglob("*.py"))
ARCHITECTURE = PACKAGE.parents[2] / "docs" / "architecture.md"
SCRIPTS = PACKAGE.parents[2] / "scripts"
PROVISION = sorted((SCRIPTS / "provision").rglob("*.py"))
SCAN = sorted((SCRIPTS / "scan").rglob("*.py"))
# Simulates a service that is not ours.
PLATFORM = sorted((PACKAGE.parents[1] / "platform" / "media_platform").rglob("*.py"))


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


@pytest.mark.parametrize("file", sorted((PACKAGE / "shared").glob("*.py")))
def test_what_others_use_too_needs_only_the_standard_library(file: Path) -> None:
    roots = {module.split(".")[0] for module in imported(ast.parse(file.read_text()))}
    assert roots <= sys.stdlib_module_names


def test_the_architecture_shows_these_imports() -> None:
    diagram = re.search(r"```\n(wsgi ->.+?)```", ARCHITECTURE.read_text(), re.DOTALL)[1]
    groups = {"nothing": set()}
    # From the last line up: a group is made of those below it.
    for line in reversed(diagram.splitlines()):
        if ":" in line:
            name, members = line.split(": ")
            groups[name] = expanded(members, groups)
    shown = {
        name: expanded(allowed, groups)
        for names, _, allowed in (line.partition(" -> ") for line in diagram.splitlines())
        for name in names.split(", ")
        if allowed
    }
    assert shown == {name: layers for name, layers in ALLOWED.items() if name != "__init__"}


def expanded(names: str, groups: dict[str, set[str]]) -> set[str]:
    """The modules in a list, a group being all of its own."""
    return set().union(*(groups.get(name, {name}) for name in names.split(", ")))


# Calls that open a connection to PostgreSQL, or make what does.
OPENS = {"create_engine", "raw_connection", "psycopg2.connect"}
# In the package the engine's own ways in as well; provisioning is given an engine and uses them.
OPENS_BY_ENGINE = {"connect", "begin"}
READS = {"os.environ", "os.getenv", "environ", "getenv"}
# The health check imports nothing, not even the settings.
MAY_READ = {"settings.py", "probe.py"}


def written(node: ast.AST) -> str:
    """`os.environ.get` as it is written; empty for what is not a name with attributes."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{written(node.value)}.{node.attr}".lstrip(".")
    return ""


def opened(tree: ast.AST, *, by_engine: bool) -> list[str]:
    """The lines that open a connection, each with the call."""
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = written(node.func) or getattr(node.func, "attr", "")
        parts = name.split(".")
        is_engine = "engine" in parts[-2:-1] or parts[-2:-1] == ["_engine"]
        if (
            name in OPENS
            or parts[-1] in OPENS - {"psycopg2.connect"}
            or (by_engine and is_engine and parts[-1] in OPENS_BY_ENGINE)
        ):
            found.append(f"line {node.lineno}: {name}")
    return found


def read(tree: ast.AST) -> list[str]:
    """The lines that read the environment of the process."""
    return [
        f"line {node.lineno}"
        for node in ast.walk(tree)
        if (isinstance(node, ast.Attribute) and written(node) in READS)
        or (
            isinstance(node, ast.ImportFrom)
            and node.module == "os"
            and any(alias.name in READS for alias in node.names)
        )
    ]


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_the_package_opens_connections_in_db_alone(file: Path) -> None:
    found = opened(ast.parse(file.read_text()), by_engine=True)
    assert bool(found) == (file == PACKAGE / "db.py"), found


@pytest.mark.parametrize(
    "file", PROVISION + SCAN, ids=lambda file: f"{file.parent.name}-{file.name}"
)
def test_provisioning_and_the_scanner_are_given_their_engine(file: Path) -> None:
    tree = ast.parse(file.read_text())
    assert opened(tree, by_engine=file in SCAN) == []
    assert read(tree) == []


def test_the_scanner_knows_no_face_and_needs_little_beside_the_package() -> None:
    """What it imports at run time is what scripts/scan/requirements.in has."""
    code = "import sys, scripts.scan.__main__; print(*sorted(sys.modules))"
    paths = f"{SCRIPTS.parent}:{PACKAGE.parent}"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = done.stdout.split()
    assert {layer_of(module) for module in loaded} <= {None, "domains", "shared", *RULES}
    heavy = {"flask", "celery", "dash", "numpy", "httpx", "redis", "alembic", "pyarrow"}
    assert not heavy & {module.partition(".")[0] for module in loaded}


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_the_settings_alone_read_the_environment(file: Path) -> None:
    if str(file.relative_to(PACKAGE)) not in MAY_READ:
        assert read(ast.parse(file.read_text())) == []


@pytest.mark.parametrize(
    "text",
    [
        "import psycopg2\npsycopg2.connect('')",
        "create_engine(url)",
        "sqlalchemy.create_engine(url)",
        "self._engine.connect()",
        "session.get_bind().engine.begin()",
        "engine.raw_connection()",
    ],
)
def test_the_rule_sees_what_opens_a_connection(text: str) -> None:
    assert opened(ast.parse(text), by_engine=True)


@pytest.mark.parametrize("text", ["os.environ['A']", "os.getenv('A')", "from os import environ"])
def test_the_rule_sees_what_reads_the_environment(text: str) -> None:
    assert read(ast.parse(text))


def test_the_rules_of_the_domains_know_neither_flask_nor_celery() -> None:
    free = [file for file in FILES if file.relative_to(PACKAGE).parts[0] in RULES_ALONE]
    assert free
    for file in free:
        roots = {module.split(".")[0] for module in imported(ast.parse(file.read_text()))}
        assert not roots & {"flask", "dash", "celery"}, file


def test_the_simulated_platform_and_the_package_know_nothing_of_each_other() -> None:
    assert PLATFORM
    for files, other in ((PLATFORM, {"timestack", "scripts"}), (FILES, {"media_platform"})):
        for file in files:
            roots = {module.split(".")[0] for module in imported(ast.parse(file.read_text()))}
            assert not roots & other, file
