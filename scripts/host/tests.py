"""`make test`, `make lint` and `make lock`: the tests' own environment and what runs in it."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

from scripts.host import apt, stack
from scripts.host.console import Phase, Phases, info
from scripts.host.faults import Fault, Refused

LOCKED = Path("tests/requirements.txt")
ENVIRONMENT = Path(".venv")
# Lock file -> what it is made from and the Python it is for.
LOCKS = {
    "services/web/requirements.txt": ("services/web/requirements.in", "3.13", ()),
    "services/web/requirements-data.txt": (
        "services/web/requirements-data.in",
        "3.13",
        ("--no-deps",),
    ),
    "services/pgadmin/requirements.txt": ("services/pgadmin/requirements.in", "3.13", ()),
    "traefik/requirements.txt": ("traefik/requirements.in", "3.13", ("--no-deps",)),
    "tests/requirements.txt": ("tests/requirements.in", "3.11", ()),
}


def test(root: Path, arguments: list[str]) -> int:
    """Have engine, images, the tests' environment and a browser; then lint, then pytest."""
    phases = Phases()
    with stack.only_one(root):
        _prepare(root, phases)
        with phases.phase("browser") as phase:
            browser(root, phase)
    status = lint(root)
    info("")
    tests = subprocess.run([_tool(root, "pytest"), *arguments], check=False).returncode
    return status or tests


def bench(root: Path, arguments: list[str]) -> int:
    """Run tests/benchmarks/bench_NAME.py on the images as they are now; prints ratios."""
    name, *more = arguments
    with stack.only_one(root):
        _prepare(root, Phases())
    module = f"tests.benchmarks.bench_{name}"
    paths = f"{root}{os.pathsep}{root / 'services' / 'web'}"
    return subprocess.run(
        [_tool(root, "python"), "-m", module, *more],
        # testcontainers' reaper is an image that no registry may be there to give.
        env={"TESTCONTAINERS_RYUK_DISABLED": "true", **os.environ, "PYTHONPATH": paths},
        check=False,
    ).returncode


def _prepare(root: Path, phases: Phases) -> None:
    stack.prepare(root, phases, serve=False)
    with phases.phase("tools") as phase:
        environment(root, phase)


def lint(root: Path) -> int:
    """Ruff's checks and its format, over everything we wrote in Python."""
    if not (root / ENVIRONMENT / "bin" / "ruff").exists():
        with Phases().phase("tools") as phase:
            environment(root, phase)
    checks = [[_tool(root, "ruff"), "check", "."], [_tool(root, "ruff"), "format", "--check", "."]]
    return max(subprocess.run(check, check=False).returncode for check in checks)


def _tool(root: Path, name: str) -> str:
    return str(root / ENVIRONMENT / "bin" / name)


def environment(root: Path, phase: Phase) -> None:
    """Have `.venv` hold what tests/requirements.txt locks, and nothing of another version."""
    folder, stamp = root / ENVIRONMENT, root / ENVIRONMENT / "locked"
    wanted = hashlib.sha256((root / LOCKED).read_bytes()).hexdigest() + sys.version
    if stamp.exists() and stamp.read_text() == wanted:
        phase.result = f"{ENVIRONMENT} as locked"
        return
    try:
        venv.create(folder, clear=True, with_pip=True)
    except (subprocess.CalledProcessError, ModuleNotFoundError):
        _install(root, phase, "python3-venv", "python3 -m venv has no pip")
        venv.create(folder, clear=True, with_pip=True)
    phase.run(
        (_tool(root, "pip"), "install", "--no-input", "--require-hashes", "-r", str(LOCKED)),
        root / "build" / "logs" / "tools.log",
        what="the tests' packages could not be installed",
        todo="the lines above say which; see that this host reaches its package index",
    )
    stamp.write_text(wanted)
    phase.result = f"{ENVIRONMENT} made"


def browser(root: Path, phase: Phase) -> None:
    """Have a browser of Chromium's kind: what there is, else the distribution's."""
    found = [name for name in ("chromium", "google-chrome") if shutil.which(name)]
    if not found:
        _install(root, phase, "chromium", "the browser tests need Chromium")
    phase.result = found[0] if found else "chromium, installed"


def _install(root: Path, phase: Phase, package: str, why: str) -> None:
    if os.geteuid() != 0 or not apt.is_debian_like(apt.release()):
        raise Refused([Fault(package, why, f"install {package} and run `make test` again")])
    phase.status = f"installing {package}"
    for words in (("update",), ("install", "-y", "--no-install-recommends", package)):
        phase.run(
            ("apt-get", *words),
            root / "build" / "logs" / f"{package}.log",
            what=f"{package} could not be installed",
            todo="run `apt-get update` and read what it says",
            env=apt.environment(),
        )


def lock(root: Path) -> int:
    """Write every lock file anew: versions and hashes, no address."""
    with Phases().phase("tools") as phase:
        environment(root, phase)
    for target, (source, python, more) in LOCKS.items():
        done = subprocess.run(
            [
                *(_tool(root, "uv"), "pip", "compile", "--quiet", "--upgrade", "--generate-hashes"),
                *("--no-emit-index-url", "--no-emit-find-links", "--no-annotate", "--no-header"),
                *("--python-version", python, "--python-platform", "linux", *more),
                *(source, "-o", target),
            ],
            check=False,
        )
        if done.returncode:
            return done.returncode
        info(f"wrote {target}")
    return 0
