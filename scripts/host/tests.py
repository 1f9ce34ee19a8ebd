"""`make test`, `faults`, `fuzz`, `bench`, `sbom`, `audit`, `lock`: what needs the tests' tools."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from scripts.host import images, lint, stack, tools
from scripts.host.console import Phase, Phases, info, warn

# Lock file -> what it is made from and the Python it is for.
LOCKS = {
    "services/web/requirements.txt": ("services/web/requirements.in", "3.13", ()),
    # What the image has already is left out, and is of the same version here.
    "services/web/requirements-forecast.txt": (
        "services/web/requirements-forecast.in",
        "3.13",
        (
            *("-c", "services/web/requirements.txt"),
            *("--no-emit-package", "numpy", "--no-emit-package", "narwhals"),
        ),
    ),
    "services/web/requirements-data.txt": (
        "services/web/requirements-data.in",
        "3.13",
        ("--no-deps",),
    ),
    "scripts/scan/requirements.txt": ("scripts/scan/requirements.in", "3.11", ()),
    "services/platform/requirements.txt": ("services/platform/requirements.in", "3.13", ()),
    "services/pgadmin/requirements.txt": ("services/pgadmin/requirements.in", "3.13", ()),
    "traefik/requirements.txt": ("traefik/requirements.in", "3.13", ("--no-deps",)),
    "tests/requirements.txt": ("tests/requirements.in", "3.11", ()),
    "tests/requirements-scan.txt": ("tests/requirements-scan.in", "3.11", ()),
}
# By npm, each from the package.json beside it.
NPM_LOCKS = ("services/web/package-lock.json", "services/web/frontend/package-lock.json")

# The tests start the platform and metrics, whether this folder's own stack does or not.
PROFILES = {"COMPOSE_PROFILES": "test,metrics"}
UNIT = "tests/unit"
FUZZ = "tests/integration/db/test_api_fuzz.py"
QUICK_LOG = Path("build/logs/test-quick.log")
# Most of what a test does is wait for a container, so this does not depend on processors. Tests
# that share a stack are one group, which one process runs: tests/conftest.py.
PARALLEL = ("-n4", "--no-loadscope-reorder", "--durations=10")


def test(root: Path, arguments: list[str]) -> int:
    """Prepare engine, images, the tests' environment and a browser; then lint, then pytest.

    With arguments for pytest, the tests that they choose. Without, all: those that need no images
    run while these are built.
    """
    phases = Phases()
    with stack.only_one(root):
        stack.ready_engine(root, phases, serve=False)
        with phases.phase("tools") as phase:
            tools.environment(root, phase)
        with contextlib.nullcontext() if arguments else beside(root) as begun:
            compose = stack.build(root, phases, **PROFILES)
            with phases.phase("community edition") as phase:
                community = images.community(compose, phase)
            with phases.phase("browser") as phase:
                browser(root, phase)
            if begun:
                with phases.phase("quick") as phase:
                    status = begun.wait()
                    phase.result = "lint and unit tests"
                info((root / QUICK_LOG).read_text())
            else:
                status = lint.lint(root)
    chosen = arguments or [f"--ignore={UNIT}"]
    rest = pytest(root, *chosen, TIMESCALEDB_IMAGE=community)
    if begun and status:
        # What failed is told where the output is read: at its end.
        info((root / QUICK_LOG).read_text())
    return status or rest


def quick(root: Path, arguments: list[str]) -> int:
    """Lint, then the unit tests, which need no engine."""
    with Phases().phase("tools") as phase:
        tools.environment(root, phase)
    found = lint.lint(root)
    # These compute more than they wait.
    status = pytest(root, "-n3", UNIT, *arguments)
    if found:
        # Its findings are some screens above by now.
        warn("lint found something: it is told before the tests, and alone by `make lint`")
    return max(found, status)


def pytest(root: Path, *arguments: str, **environment: str) -> int:
    """Run pytest; of its options, the last one that is given counts."""
    command = [tools.TESTS.path(root, "pytest"), *PARALLEL, *arguments]
    with subprocess.Popen(command, cwd=root, env={**os.environ, **environment}) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:
            # It got the signal as well, and stops the stacks that it brought up.
            return process.wait()


@contextlib.contextmanager
def beside(root: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`make test-quick` at work, its output kept in a file; ended with the block."""
    log = root / QUICK_LOG
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "scripts.host", "test-quick"],
            cwd=root,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            # A group of its own, which is ended as a whole.
            start_new_session=True,
        )
    before = signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        yield process
    finally:
        signal.signal(signal.SIGTERM, before)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()


def check(root: Path, name: str) -> int:
    """Run what scripts/checks calls NAME on the images as they are."""
    with Phases().phase("tools") as phase:
        tools.environment(root, phase)
    command = [tools.TESTS.path(root, "python"), "-m", "scripts.checks", name]
    return subprocess.run(command, cwd=root, check=False).returncode


def bench(root: Path, arguments: list[str]) -> int:
    """Run tests/benchmarks/bench_NAME.py on the images as they are now; prints ratios."""
    name, *more = arguments
    ready(root)
    module = f"tests.benchmarks.bench_{name}"
    paths = f"{root}{os.pathsep}{root / 'services' / 'web'}"
    return subprocess.run(
        [tools.TESTS.path(root, "python"), "-m", module, *more],
        # testcontainers' reaper is an image, which needs a registry.
        env={"TESTCONTAINERS_RYUK_DISABLED": "true", **os.environ, "PYTHONPATH": paths},
        check=False,
    ).returncode


def faults(root: Path, arguments: list[str]) -> int:
    """Cause every fault of tests/faults on a running stack, one after the other."""
    ready(root)
    return pytest(root, "-n0", "--faults", "tests/faults", *arguments)


def fuzz(root: Path, arguments: list[str]) -> int:
    """Try the API for about twenty minutes with what its document allows and forbids."""
    ready(root)
    return pytest(root, "-n0", "--fuzz", FUZZ, *arguments)


def ready(root: Path) -> None:
    """Prepare engine, images and the tests' environment."""
    phases = Phases()
    with stack.only_one(root):
        stack.ready_engine(root, phases, serve=False)
        stack.build(root, phases, **PROFILES)
        with phases.phase("tools") as phase:
            tools.environment(root, phase)


def browser(root: Path, phase: Phase) -> None:
    """Make sure there is a Chromium: an installed one, else the distribution's."""
    found = [name for name in ("chromium", "google-chrome") if shutil.which(name)]
    if not found:
        tools.install(root, phase, "chromium", "the browser tests need Chromium")
    phase.result = found[0] if found else "chromium, installed"


def npm(root: Path, phase: Phase) -> None:
    """Make sure there is npm: an installed one, else the distribution's."""
    if shutil.which("npm"):
        phase.result = "npm"
    else:
        tools.install(root, phase, "npm", f"npm is not here, and writes {' and '.join(NPM_LOCKS)}")
        phase.result = "npm, installed"


def lock(root: Path) -> int:
    """Update every lock file: versions and hashes, no address."""
    phases = Phases()
    with phases.phase("tools") as phase:
        tools.environment(root, phase)
    with phases.phase("npm") as phase:
        npm(root, phase)
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
    for target in NPM_LOCKS:
        done = subprocess.run(
            [
                *("npm", "update", "--package-lock-only", "--ignore-scripts", "--no-audit"),
                *("--no-fund", "--loglevel=error", "--omit-lockfile-registry-resolved"),
            ],
            cwd=(root / target).parent,
            check=False,
        )
        if done.returncode:
            return done.returncode
        info(f"wrote {target}")
    return 0
