"""What the host must offer before anything starts. Only looks, changes nothing."""

from __future__ import annotations

import errno
import ipaddress
import os
import re
import runpy
import shutil
import socket
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path

from scripts.host.faults import Fault
from timestack.shared.allowed import MEBIBYTE, size

# The oldest releases that the stack's files are written for: `start_interval` of a health check is
# an engine's since 25.0 and Compose's since 2.20.2.
MINIMUMS = {"engine": "25.0", "compose": "2.20.2", "buildx": "0.11"}
_NAMES = {"engine": "Docker Engine", "compose": "Docker Compose", "buildx": "Docker buildx"}

# Mebibytes of the web: what its processes share, and what each takes beside that, 128 of them for
# the two passwords that it may check at one time (timestack.auth.hashes).
LIBRARIES, PROCESS = 112, 144
# Connections of the long worker, which loads files by four, of the owner's and beat, of pgAdmin, of
# `make psql` and `make load`, and those that PostgreSQL keeps back for its administrator.
OTHER_CONNECTIONS = 32

LISTENING = "0A"
GIBIBYTE = 1024**3
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def versions(engine: str | None, compose: str | None, **more: str | None) -> list[Fault]:
    """Faults of parts missing (None) or older than ``MINIMUMS``; ``more`` is ``buildx=...``."""
    faults = []
    for part, found in {"engine": engine, "compose": compose, **more}.items():
        name, least = _NAMES[part], MINIMUMS[part]
        todo = f"install {name} {least} or newer"
        if found is None:
            faults.append(Fault(name, "missing, or it does not answer", todo))
        elif _numbers(found) is None:
            faults.append(Fault(name, f"its version is not a number: {found!r}", todo))
        elif older(found, least):
            faults.append(Fault(name, f"{found} is too old, {least} is needed", todo))
    return faults


def older(version: str, minimum: str) -> bool:
    """Whether ``version``, such as ``v2.26.1-4`` or ``26.1.5+dfsg1``, comes before ``minimum``.

    What holds no version at all counts as older.
    """
    found, least = _numbers(version), _numbers(minimum)
    return found is None or (least is not None and found < least)


def _numbers(version: str) -> tuple[int, ...] | None:
    match = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", version)
    return tuple(int(number or 0) for number in match.groups()) if match else None


def ports(environment: Mapping[str, str], own: set[int]) -> list[Fault]:
    """Faults of HTTP_PORT, HTTPS_PORT and DB_PORT that are in use.

    ``environment`` is what ``environment.read`` returns; ``own`` are the ports that our running
    stack publishes already.
    """
    bound = environment["BIND_ADDRESS"].strip("[]")
    if _bind(0, bound) == errno.EADDRNOTAVAIL:
        what = f"{bound} is not an address of this host"
        todo = "set BIND_ADDRESS to 127.0.0.1, 0.0.0.0 or one that `ip address` lists"
        return [Fault("BIND_ADDRESS in .env", what, todo)]
    faults = []
    addresses = {"HTTP_PORT": bound, "HTTPS_PORT": bound, "DB_PORT": "127.0.0.1"}
    wanted = {key: int(environment[key]) for key in addresses if environment[key]}
    taken = set(wanted.values())
    for key, port in wanted.items():
        address = addresses[key]
        holder = None if port in own else holder_of(port, address)
        if holder is None:
            continue
        other = _free_port(port, address, taken)
        taken.add(other)
        todo = f"stop it, or set {key} in .env to a free port such as {other}"
        if holder.startswith("docker"):
            todo = f"see which container: docker ps --filter publish={port}\n     then {todo}"
        faults.append(Fault(f"port {port} on {address} ({key})", f"in use by {holder}", todo))
    return faults


def holder_of(port: int, address: str) -> str | None:
    """Name and pid of the process that listens there; None when nothing does."""
    refusal = _bind(port, address)
    if refusal is None:
        return None
    wanted = ipaddress.ip_address(address)
    inodes = {inode for at, inode in _listeners(port) if _collide(at, wanted)}
    # Binding fails for other reasons too (a port below 1024 needs root, and the engine is root),
    # so only "in use" is evidence by itself.
    if not inodes and refusal != errno.EADDRINUSE:
        return None
    return _process_of(inodes) or (
        "another process" if os.geteuid() == 0 else "another process (run as root to see which)"
    )


def _bind(port: int, address: str) -> int | None:
    """The error number of taking the address for a moment; None when it is free."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            # As servers do: connections that linger after a restart do not count as in use.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((address, port))
    except OSError as error:
        return error.errno
    return None


def _free_port(near: int, address: str, taken: set[int]) -> int:
    start = near if near > 1023 else near + 8000
    for port in range(start + 1, 65536):
        if port not in taken and _bind(port, address) is None:
            return port
    return start


def _listeners(port: int) -> Iterator[tuple[Address, str]]:
    """Address and inode of every socket that listens on ``port``; see proc(5), /proc/net/tcp."""
    for table in ("tcp", "tcp6"):
        try:
            lines = Path("/proc/net", table).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            host, _, number = fields[1].partition(":")
            if fields[3] == LISTENING and int(number, 16) == port:
                yield _decode(host), fields[9]


def _decode(host: str) -> Address:
    """The kernel prints each 32 bits of an address as one number in the machine's byte order."""
    words = [int(host[i : i + 8], 16) for i in range(0, len(host), 8)]
    packed = struct.pack(f"={len(words)}I", *words)
    address = ipaddress.ip_address(packed)
    return getattr(address, "ipv4_mapped", None) or address


def _collide(listening: Address, wanted: Address) -> bool:
    return listening == wanted or listening.is_unspecified or wanted.is_unspecified


def _process_of(inodes: set[str]) -> str | None:
    targets = {f"socket:[{inode}]" for inode in inodes}
    for process in sorted(Path("/proc").glob("[0-9]*"), key=lambda path: int(path.name)):
        try:
            if any(os.readlink(entry.path) in targets for entry in os.scandir(process / "fd")):
                return f"{(process / 'comm').read_text().strip()} (pid {process.name})"
        except OSError:
            # Ended meanwhile, or another user's.
            continue
    return None


def growth(environment: Mapping[str, str], root: Path) -> list[Fault]:
    """Faults of settings that are valid one by one but do not fit together."""
    return _connections(environment, root) + _processes(environment)


def _connections(environment: Mapping[str, str], root: Path) -> list[Fault]:
    """A fault when the services may open more connections than PostgreSQL takes."""
    workers, threads = (int(environment[key]) for key in ("WEB_WORKERS", "WEB_THREADS"))
    # A process of the web pools ten at most (timestack.db), one of them for its health check; while
    # a deploy replaces one of two webs, there are three.
    webs = 3 if environment["WEB_INSTANCES"] == "2" else 1
    each = min(threads + 1, 10) * webs
    jobs = int(environment["WORKER_CONCURRENCY"])
    others = OTHER_CONNECTIONS + 2 * jobs
    memory = environment["DB_MEMORY"]
    most = max_connections(root, memory)
    if workers * each + others <= most:
        return []
    enough = [
        f"{gigabytes}g"
        for gigabytes in range(1, 9)
        if max_connections(root, f"{gigabytes}g") >= workers * each + others
    ]
    where = " in three webs" if webs > 1 else ""
    what = (
        f"WEB_WORKERS={workers} with WEB_THREADS={threads}{where} may open {workers * each}"
        f" connections to the database, and the other services {others} with"
        f" WORKER_CONCURRENCY={jobs}; with DB_MEMORY={memory} it takes {most}"
    )
    if others + each <= most:
        todo = f"lower WEB_WORKERS to {(most - others) // each}"
    else:
        fit = max(1, (most - OTHER_CONNECTIONS - workers * each) // 2)
        todo = f"lower WORKER_CONCURRENCY to {fit}"
    if enough:
        todo = f"raise DB_MEMORY to {enough[0]}, or {todo}"
    return [Fault("WEB_WORKERS, WEB_THREADS, DB_MEMORY", what, todo)]


def max_connections(root: Path, memory: str) -> int:
    """What PostgreSQL takes with a DB_MEMORY; its entrypoint works that out at every start."""
    found = runpy.run_path(str(root / "services" / "timescaledb" / "tuning.py"))
    return int(found["tuning"](size(memory), 1)["max_connections"])


def _processes(environment: Mapping[str, str]) -> list[Fault]:
    """A fault when the processes of the web do not fit into its memory."""
    workers, memory = int(environment["WEB_WORKERS"]), environment["WEB_MEMORY"]
    needed = LIBRARIES + workers * PROCESS
    if size(memory) >= needed * MEBIBYTE:
        return []
    what = f"WEB_WORKERS={workers} processes need {needed}m, and WEB_MEMORY is {memory}"
    fit = max(1, (size(memory) // MEBIBYTE - LIBRARIES) // PROCESS)
    todo = f"raise WEB_MEMORY to {needed}m, or lower WEB_WORKERS to {fit}"
    return [Fault("WEB_WORKERS, WEB_MEMORY", what, todo)]


def migrations(folder: Path, revisions: set[str]) -> list[Fault]:
    """A fault when the database is at a migration that the code in ``folder`` cannot work with.

    ``revisions`` are the one that it is at and the oldest whose code it serves; none for a database
    without migrations, or one that cannot be asked.
    """
    known = {found[1] for file in folder.glob("*.py") if (found := _revision_of(file))}
    if not revisions or revisions & known:
        return []
    newest = max(revisions)
    what = f"is at migration {newest}, which this code does not know: a newer version made it"
    todo = "run that version, or restore a backup from before it"
    return [Fault("database", what, todo)]


def _revision_of(file: Path) -> re.Match[str] | None:
    """The line by which a migration's file names itself."""
    return re.search(r"^revision\b[^=\n]*=\s*[\"']([^\"']+)", file.read_text("utf-8"), re.M)


def disk(path: Path, needed: int) -> list[Fault]:
    """A fault when fewer than ``needed`` bytes are free where ``path`` is, or will be made."""
    place = path.absolute()
    # Not Path.exists(): that one raises inside a folder of root's, such as the engine's.
    while not os.path.exists(place):
        place = place.parent
    free = shutil.disk_usage(place).free
    if free >= needed:
        return []
    what = f"{_gigabytes(free)} of disk free, {_gigabytes(needed)} needed"
    todo = f"free some: `df -h {place}`, `docker builder prune` for old build layers"
    return [Fault(str(path), what, todo)]


def memory(needed: int) -> list[Fault]:
    """A fault when fewer than ``needed`` bytes of memory can be had without swapping."""
    match = re.search(r"^MemAvailable:\s+(\d+) kB$", Path("/proc/meminfo").read_text(), re.M)
    if match is None:
        # A sandbox hides it; the engine will report it.
        return []
    available = int(match[1]) * 1024
    if available >= needed:
        return []
    what = f"{_gigabytes(available)} available, {_gigabytes(needed)} needed"
    return [Fault("memory of this host", what, "stop other programs, or use a larger machine")]


def _gigabytes(count: int) -> str:
    return f"{count / GIBIBYTE:.1f} GiB"
