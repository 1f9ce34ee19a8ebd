"""`make lint`: Python, Dockerfiles and Compose files, each by the linter made for it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from scripts.host import tools
from scripts.host.compose import docker
from scripts.host.console import info, warn

BASE = "compose.yaml"
RULES = ".compose-lint.yml"
# Not our code: hidden folders, environments, other projects.
SKIPPED = re.compile(r"\..*|build|node_modules|__pycache__")


def lint(root: Path) -> int:
    """Run every linter, even after one has found something; 0 when none has."""
    tools.ensure(root, "ruff", "hadolint", "compose-lint")
    return max([python(root), dockerfiles(root), compose_files(root)])


def python(root: Path) -> int:
    """Ruff's checks and its format, over everything we wrote in Python."""
    ruff = tools.TESTS.path(root, "ruff")
    return max(_run(root, ruff, *words) for words in (("check", "."), ("format", "--check", ".")))


def dockerfiles(root: Path) -> int:
    """Hadolint over every Dockerfile below `root`; ignored rules are in .hadolint.yaml."""
    found = [str(file.relative_to(root)) for file in sorted(find_dockerfiles(root))]
    hadolint = (tools.TESTS.path(root, "hadolint"), "--no-color", "--config", ".hadolint.yaml")
    status = _run(root, *hadolint, *found)
    if not status:
        info(f"hadolint: {len(found)} Dockerfiles, no finding")
    return status


def find_dockerfiles(root: Path) -> Iterator[Path]:
    """Every Dockerfile, Dockerfile.NAME and NAME.Dockerfile, but for what git never sees."""
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if not SKIPPED.fullmatch(name)]
        for name in files:
            if name.endswith(".dockerignore"):
                continue
            if name.split(".")[0] == "Dockerfile" or name.endswith(".Dockerfile"):
                yield Path(folder) / name


def compose_files(root: Path) -> int:
    """Compose's own schema and compose-lint over the stack alone and under each other file.

    An overlay says only what it changes, so it is judged merged into the stack, as it runs.
    """
    files = sorted((root / "compose").glob("*.yaml"), key=lambda file: (file.name != BASE, file))
    overlays = [file.name for file in files if file.name != BASE]
    checks = [_rules]
    if docker("compose", "version"):
        checks.append(_schema)
    else:
        warn("docker compose is not installed: its own check of the files (its schema) was not run")
    runs = ([BASE], *([BASE, name] for name in overlays))
    status = max(check(root, names) for names in runs for check in checks)
    if not status:
        info(f"compose: {len(files)} files, no finding")
    return status


def _rules(root: Path, names: list[str]) -> int:
    """The linter merges what a `.env` names as COMPOSE_FILE: a folder of that kind is made."""
    with tempfile.TemporaryDirectory(prefix="timestack-lint-") as name:
        folder = Path(name)
        for each in names:
            shutil.copy(root / "compose" / each, folder)
        (folder / ".env").write_text(f"COMPOSE_FILE={':'.join(names)}\n")
        done = subprocess.run(
            [
                *(tools.TESTS.path(root, "compose-lint"), "check", "--quiet", "--fail-on", "low"),
                *("--strict-config", "--skip-suppressed", "--config", str(root / RULES)),
            ],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        warn(f"compose-lint, compose/{' with '.join(names)}:\n{done.stdout}{done.stderr}")
    return done.returncode


def _schema(root: Path, names: list[str]) -> int:
    """Compose's own check, with the defaults of the files and no `.env`."""
    files = [word for each in names for word in ("-f", str(root / "compose" / each))]
    return _run(
        root,
        *("docker", "compose", "--project-directory", str(root), "--env-file", os.devnull),
        *(*files, "config", "--quiet"),
    )


def _run(root: Path, *command: str) -> int:
    return subprocess.run(command, cwd=root, check=False).returncode
