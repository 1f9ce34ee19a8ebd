"""Files of the host in a one-off container, whatever their names and modes are."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from scripts.host.compose import Compose
from scripts.host.faults import Fault, Refused

PREFIX = "mounts-"


@contextmanager
def mounted(compose: Compose, service: str, files: Mapping[str, Path]) -> Iterator[list[str]]:
    """The beginning of a Compose command in which `service` has each file, read-only.

    `files` maps the path inside to the file. They are in a Compose file of their own, since
    `-v` splits a path at its colons. A container's user reads only what everybody may read: any
    other file is copied into a private folder for as long as the command runs. Raises Refused
    when there is no room for it.
    """
    place = _place(compose.root / "build")
    with tempfile.TemporaryDirectory(prefix=f"{PREFIX}{os.getpid()}-", dir=place) as name:
        folder = Path(name)
        volumes = [
            {
                "type": "bind",
                # Compose would take a dollar sign for a variable.
                "source": str(_readable(file, folder / str(number))).replace("$", "$$"),
                "target": inside,
                "read_only": True,
            }
            for number, (inside, file) in enumerate(files.items())
        ]
        override = folder / "compose.json"
        override.write_text(json.dumps({"services": {service: {"volumes": volumes}}}))
        yield [*compose.command, "-f", str(override)]


def bind(source: Path, target: str) -> tuple[str, str]:
    """The option of `docker run` that mounts a file read-only; its value is a line of CSV."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(
        ["type=bind", f"source={source}", f"target={target}", "readonly"]
    )
    return "--mount", line.getvalue()


def _readable(file: Path, copy: Path) -> Path:
    """The file with no link in its path, or its copy where not everybody may read it."""
    found = file.resolve(strict=True)
    if found.stat().st_mode & stat.S_IROTH:
        return found
    try:
        shutil.copyfile(found, copy)
    except OSError as error:
        what = f"cannot be copied for the container to read: {error.strerror}"
        todo = f"make room in {copy.parent.parent}, or let everybody read it: chmod o+r"
        raise Refused([Fault(str(file), what, todo)], untouched=True) from None
    copy.chmod(0o444)
    return copy


def _place(build: Path) -> Path | None:
    """The clone's folder for copies, or None (the system's) where it is another user's."""
    with suppress(PermissionError):
        build.mkdir(exist_ok=True)
    if not os.access(build, os.W_OK):
        return None
    _sweep(build)
    return build


def _sweep(build: Path) -> None:
    """Delete the copies of killed commands."""
    for left in build.glob(f"{PREFIX}*"):
        try:
            os.kill(int(left.name.removeprefix(PREFIX).partition("-")[0]), 0)
        except ProcessLookupError:
            shutil.rmtree(left, ignore_errors=True)
        except PermissionError:
            # Another user's command, which runs.
            continue
