"""The Python environments of the project's tools: each made from its lock, at first use."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

from scripts.host import apt
from scripts.host.console import Phase, Phases
from scripts.host.faults import Fault, Refused


@dataclass(frozen=True)
class Tools:
    """A folder below the project's root, and the lock that says what is in it."""

    folder: Path
    lock: Path

    def path(self, root: Path, name: str) -> str:
        """Where the command `name` is, whether it is there yet or not."""
        return str(root / self.folder / "bin" / name)


TESTS = Tools(Path(".venv"), Path("tests/requirements.txt"))
# Needs older versions of what the tests use; see tests/requirements-scan.in.
SCAN = Tools(Path(".venv-scan"), Path("tests/requirements-scan.txt"))


def ensure(root: Path, *names: str) -> None:
    """Provide these commands of the tests' environment; making it is a phase."""
    if not all(Path(TESTS.path(root, name)).exists() for name in names):
        with Phases().phase("tools") as phase:
            environment(root, phase)


def environment(root: Path, phase: Phase, tools: Tools = TESTS) -> None:
    """Bring the environment to exactly what its lock names."""
    folder, lock = root / tools.folder, root / tools.lock
    stamp = folder / "locked"
    wanted = hashlib.sha256(lock.read_bytes()).hexdigest() + sys.version
    if stamp.exists() and stamp.read_text() == wanted:
        phase.result = f"{tools.folder} as locked"
        return
    try:
        venv.create(folder, clear=True, with_pip=True)
    except (subprocess.CalledProcessError, ModuleNotFoundError):
        install(root, phase, "python3-venv", "python3 -m venv has no pip")
        venv.create(folder, clear=True, with_pip=True)
    phase.run(
        (tools.path(root, "pip"), "install", "--no-input", "--require-hashes", "-r", str(lock)),
        root / "build" / "logs" / f"tools{tools.folder}.log",
        what=f"the packages of {tools.lock} could not be installed",
        todo="the lines above say which; check that this host reaches its package index",
    )
    stamp.write_text(wanted)
    phase.result = f"{tools.folder} made"


def install(root: Path, phase: Phase, package: str, why: str) -> None:
    """Install the distribution's `package`; Refused where this process may not."""
    if os.geteuid() != 0 or not apt.is_debian_like(apt.release()):
        raise Refused([Fault(package, why, f"install {package} and run the same command again")])
    phase.status = f"installing {package}"
    for words in (("update",), ("install", "-y", "--no-install-recommends", package)):
        phase.run(
            ("apt-get", *words),
            root / "build" / "logs" / f"{package}.log",
            what=f"{package} could not be installed",
            todo="run `apt-get update` and read what it says",
            env=apt.environment(),
        )
