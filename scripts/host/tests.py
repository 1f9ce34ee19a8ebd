"""`make test`, `bench`, `sbom`, `audit` and `lock`: what runs in the tests' own environment."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from scripts.host import lint, stack, tools
from scripts.host.console import Phase, Phases, info

# Lock file -> what it is made from and the Python it is for.
LOCKS = {
    "services/web/requirements.txt": ("services/web/requirements.in", "3.13", ()),
    "services/web/requirements-data.txt": (
        "services/web/requirements-data.in",
        "3.13",
        ("--no-deps",),
    ),
    "services/platform/requirements.txt": ("services/platform/requirements.in", "3.13", ()),
    "services/pgadmin/requirements.txt": ("services/pgadmin/requirements.in", "3.13", ()),
    "traefik/requirements.txt": ("traefik/requirements.in", "3.13", ("--no-deps",)),
    "tests/requirements.txt": ("tests/requirements.in", "3.11", ()),
    "tests/requirements-scan.txt": ("tests/requirements-scan.in", "3.11", ()),
}


def test(root: Path, arguments: list[str]) -> int:
    """Have engine, images, the tests' environment and a browser; then lint, then pytest."""
    phases = Phases()
    with stack.only_one(root):
        _prepare(root, phases)
        with phases.phase("browser") as phase:
            browser(root, phase)
    status = lint.lint(root)
    info("")
    tests = subprocess.run([tools.TESTS.path(root, "pytest"), *arguments], check=False).returncode
    return status or tests


def check(root: Path, name: str) -> int:
    """Run what scripts/checks calls NAME on the images as they are."""
    with Phases().phase("tools") as phase:
        tools.environment(root, phase)
    command = [tools.TESTS.path(root, "python"), "-m", "scripts.checks", name]
    return subprocess.run(command, cwd=root, check=False).returncode


def bench(root: Path, arguments: list[str]) -> int:
    """Run tests/benchmarks/bench_NAME.py on the images as they are now; prints ratios."""
    name, *more = arguments
    with stack.only_one(root):
        _prepare(root, Phases())
    module = f"tests.benchmarks.bench_{name}"
    paths = f"{root}{os.pathsep}{root / 'services' / 'web'}"
    return subprocess.run(
        [tools.TESTS.path(root, "python"), "-m", module, *more],
        # testcontainers' reaper is an image that no registry may be there to give.
        env={"TESTCONTAINERS_RYUK_DISABLED": "true", **os.environ, "PYTHONPATH": paths},
        check=False,
    ).returncode


def _prepare(root: Path, phases: Phases) -> None:
    stack.prepare(root, phases, serve=False)
    with phases.phase("tools") as phase:
        tools.environment(root, phase)


def browser(root: Path, phase: Phase) -> None:
    """Have a browser of Chromium's kind: what there is, else the distribution's."""
    found = [name for name in ("chromium", "google-chrome") if shutil.which(name)]
    if not found:
        tools.install(root, phase, "chromium", "the browser tests need Chromium")
    phase.result = found[0] if found else "chromium, installed"


def lock(root: Path) -> int:
    """Write every lock file anew: versions and hashes, no address."""
    with Phases().phase("tools") as phase:
        tools.environment(root, phase)
    for target, (source, python, more) in LOCKS.items():
        done = subprocess.run(
            [
                *(tools.TESTS.path(root, "uv"), "pip", "compile", "--quiet", "--upgrade"),
                *("--generate-hashes", "--no-emit-index-url", "--no-emit-find-links"),
                *("--no-annotate", "--no-header"),
                *("--python-version", python, "--python-platform", "linux", *more),
                *(source, "-o", target),
            ],
            check=False,
        )
        if done.returncode:
            return done.returncode
        info(f"wrote {target}")
    return 0
