"""`make load`: a file of the host into a table, by a container that ends when this process does.

The container's standard input is held open for as long as this process lives: that tells the
loader that its client is still there. A file that everybody may read is mounted, and so is
Parquet, which is not read in order; any other, and a pipe, goes by standard input in frames
(scripts/provision/client.py).
"""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from scripts.host import database, stack
from scripts.host.compose import Compose, image, one_off
from scripts.host.console import warn
from scripts.host.faults import Fault, Refused
from scripts.host.mounts import mounted

PARQUET = b"PAR1"
# Where a mounted file is in the container.
INSIDE = "/load"
FRAME = 1 << 20
# Seconds between two looks at whether `make` is still there, and for a load to clean up.
PATIENCE, GRACE = 0.5, 25.0
KILLED = 128 + 9


@dataclass(frozen=True)
class File:
    """FILE as it was typed, open for reading; `size` is what it holds now, None for a pipe."""

    name: str
    descriptor: int
    size: int | None

    @property
    def shown(self) -> str:
        return "standard input" if self.name == "-" else self.name

    @property
    def is_mounted(self) -> bool:
        """Whether it is mounted: a file that the container may read, and Parquet."""
        if self.name == "-" or not self.size or not os.path.exists(os.path.realpath(self.name)):
            return False
        open_to_all = os.fstat(self.descriptor).st_mode & stat.S_IROTH
        return bool(open_to_all) or os.pread(self.descriptor, len(PARQUET), 0) == PARQUET


def load(root: Path, file: str, table: str, options: list[str]) -> int:
    """Load FILE into TABLE; `options` are the loader's own. Returns its exit code."""
    if {"-h", "--help"} & set(options):
        return usage()
    if not file or not table:
        what, todo = "needs FILE and TABLE", "make load FILE=readings.csv TABLE=readings"
        raise _refusal("make load", what, f"{todo} (FILE=- reads standard input)")
    compose = database.running(root)
    with _open(file) as source, _aside(options, source) as (more, output):
        files = {database.SCHEMA: stack.schema(root)}
        if source.is_mounted:
            files[INSIDE] = Path(file)
        with mounted(compose, "provision", files) as command:
            arguments = [
                *(*command, *database.RUN, "python", "-m", "scripts.provision.load"),
                *("--attached", f"--name={source.shown}", f"--table={table}"),
                *([] if source.size is None else [f"--size={source.size}"]),
                *("--progress", "bar" if sys.stderr.isatty() else "plain"),
                *more,
                INSIDE if source.is_mounted else "-",
            ]
            code = _run(compose, arguments, source, output)
    if code == KILLED:
        warn("the loader was killed, most likely for lack of memory: what it began is undone")
    return code


def usage() -> int:
    """Print the loader's options; no stack need run."""
    columns = f"COLUMNS={shutil.get_terminal_size().columns}"
    command = one_off(
        *(image("web"), "python", "-m", "scripts.provision.load", "--help"),
        options=("--pull", "never", "-e", columns),
    )
    code = subprocess.run(command, check=False).returncode
    if code:
        raise _refusal(image("web"), "is not built yet", "make up")
    return 0


@contextmanager
def _open(name: str) -> Iterator[File]:
    """FILE, open; raises Refused for what cannot be read from beginning to end."""
    try:
        if name != "-" and stat.S_ISFIFO(os.stat(name).st_mode):
            warn(f"{name} is a pipe: the load ends when its writer does")
        descriptor = os.dup(0) if name == "-" else os.open(name, os.O_RDONLY)
    except OSError as error:
        raise _refusal(f"FILE={name}", str(error.strerror), "check the path") from None
    try:
        found = os.fstat(descriptor)
        for kind, is_kind in (("a folder", stat.S_ISDIR), ("a block device", stat.S_ISBLK)):
            if is_kind(found.st_mode):
                raise _refusal(f"FILE={name}", f"is {kind}", "name a file, or a pipe")
        size = None
        if stat.S_ISREG(found.st_mode):
            # Another program may have read from standard input before.
            size = max(found.st_size - os.lseek(descriptor, 0, os.SEEK_CUR), 0)
        yield File(name, descriptor, size)
    finally:
        os.close(descriptor)


@contextmanager
def _aside(options: Sequence[str], source: File) -> Iterator[tuple[list[str], BinaryIO | None]]:
    """The options as the container gets them, and the file that its standard output goes to.

    It writes bad rows there, since it sees no folder of the host.
    """
    more, name = list(options), None
    for number, word in enumerate(more):
        if word == "--quarantine" and number + 1 < len(more):
            name, more[number + 1] = more[number + 1], "-"
        elif word.startswith("--quarantine="):
            name, more[number] = word.removeprefix("--quarantine="), "--quarantine=-"
    if name in (None, "-"):
        yield more, None
        return
    where = f"--quarantine {name}"
    try:
        opened = open(name, "ab")  # noqa: SIM115
    except OSError as error:
        todo = "name a file in a folder that exists"
        raise _refusal(where, str(error.strerror), todo) from None
    with opened:
        found = os.fstat(opened.fileno())
        if os.path.samestat(found, os.fstat(source.descriptor)):
            raise _refusal(where, "is the file to be loaded", "name another one")
        if stat.S_ISREG(found.st_mode):
            opened.truncate(0)
        yield more, opened


def _run(compose: Compose, command: list[str], source: File, output: BinaryIO | None) -> int:
    """Run the container to its end, or end it with this process or with `make`."""
    process = subprocess.Popen(
        command,
        env=compose.environment,
        stdin=subprocess.PIPE,
        stdout=output,
        bufsize=0,
        # Ctrl-C reaches only this process, which then ends the container in order.
        start_new_session=True,
    )
    if not source.is_mounted:
        threading.Thread(target=_send, args=(source, process.stdin), daemon=True).start()
    parent = os.getppid()
    try:
        while os.getppid() == parent:
            with suppress(subprocess.TimeoutExpired):
                return process.wait(PATIENCE)
    except KeyboardInterrupt:
        pass
    process.stdin.close()
    for end in (process.terminate, process.kill):
        with suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
            return process.wait(GRACE)
        end()
    return process.wait()


def _send(source: File, pipe: BinaryIO) -> None:
    """Send the file in frames; what it grows by meanwhile is left out."""
    left = source.size
    try:
        while data := os.read(source.descriptor, FRAME if left is None else min(FRAME, left)):
            _write(pipe, len(data).to_bytes(4, "big"))
            _write(pipe, data)
            left = None if left is None else left - len(data)
        _write(pipe, bytes(4))
    except (BrokenPipeError, ValueError):
        # The container has ended already, or is being ended.
        return
    except OSError as error:
        warn(f"{source.shown}: {error.strerror}")
        pipe.close()


def _write(pipe: BinaryIO, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[pipe.write(rest) :]


def _refusal(where: str, what: str, todo: str) -> Refused:
    return Refused([Fault(where, what, f"{todo}; nothing was loaded")], untouched=True)
