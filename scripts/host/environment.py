"""The settings in ``.env``: written once from ``.env.example``, then read and checked as a whole.

Compose reads the same file by its own rules, which have changed between its releases: quotes,
``$`` and ``#`` in a value. No setting needs them, so they are refused, and what is read here is
what every Compose reads.
"""

from __future__ import annotations

import contextlib
import difflib
import ipaddress
import itertools
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from scripts.host.faults import Fault, Refused
from timestack.shared.allowed import BY_NAME, problem

EXAMPLE = Path(__file__).resolve().parents[2] / ".env.example"
KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
PORTS = ("HTTP_PORT", "HTTPS_PORT", "DB_PORT")
NAMES = frozenset(BY_NAME)
# Which containers are this stack's, and by which files: all that most verbs need.
IDENTITY = frozenset(
    {
        "COMPOSE_PROJECT_NAME",
        "COMPOSE_PROFILES",
        "TIMESTACK_ENV",
        "AUTH_BACKEND",
        "SECRETS_PATH",
        "DB_PORT",
        "DB_VOLUME",
        "BACKUP_PATH",
        "BACKUP_S3_BUCKET",
        "WEB_INSTANCES",
        "TIMESTACK_TAG",
    }
)


@cache
def defaults() -> Mapping[str, str]:
    """The default of each setting, as ``.env.example`` has it.

    Raises Refused when that file was changed: your own values belong in ``.env``.
    """
    faults: list[Fault] = []
    found = _settings(EXAMPLE, NAMES, faults)
    if missing := sorted(NAMES - found.keys()):
        todo = "git checkout .env.example, and write values of your own into .env"
        faults.append(Fault(shown(EXAMPLE), f"{', '.join(missing)}: the line is missing", todo))
    if faults:
        raise Refused(faults)
    return {name: found[name][1] for name in BY_NAME}


def unreachable(values: dict[str, str]) -> str | None:
    """What to do when the ports are open to a network that cannot use the name."""
    bound = ipaddress.ip_address(values["BIND_ADDRESS"].strip("[]"))
    if bound.is_loopback or values["TIMESTACK_DOMAIN"] != "localhost":
        return None
    return (
        f"BIND_ADDRESS={values['BIND_ADDRESS']} opens the ports to the network, but"
        " TIMESTACK_DOMAIN=localhost is a name for this machine only, and no other is served:"
        " set TIMESTACK_DOMAIN to the name or address that people type, then make up"
    )


def replace(path: Path, content: str, mode: int) -> None:
    """Write a file whole or not at all: a temporary file beside it, synced, then renamed.

    Raises OSError. A process killed inside leaves at most ``.NAME.new``, which the next call
    overwrites.
    """
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(content)
        file.flush()
        # Not the mode given to open(), which the umask would narrow.
        os.fchmod(file.fileno(), mode)
        os.fsync(file.fileno())
    temporary.rename(path)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def ensure(root: Path) -> bool:
    """Write ``root/.env`` from ``root/.env.example`` when there is none; True when written.

    Raises Refused when the example cannot be read or the file cannot be written.
    """
    path, example = root / ".env", root / ".env.example"
    # lexists: a dangling link may be intended, so it is reported by read(), not replaced.
    if os.path.lexists(path):
        return False
    try:
        replace(path, example.read_text(encoding="utf-8"), 0o644)
    except OSError as error:
        where = shown(Path(error.filename or path))
        todo = f"check that {shown(example)} is there and {root} can be written to"
        raise Refused([Fault(where, f"cannot write .env: {error.strerror}", todo)]) from error
    return True


def change(root: Path, **values: str) -> None:
    """Set keys in ``root/.env``; all else stays as it is, and the file is whole at any time.

    A key that the file does not have is added at its end. Raises Refused when it cannot be
    written.
    """
    path = root / ".env"
    lines = path.read_text(encoding="utf-8").splitlines()
    for name, value in values.items():
        setting = f"{name}={value}"
        places = [i for i, line in enumerate(lines) if line.partition("=")[0] == name]
        if places:
            lines[places[0]] = setting
        else:
            lines.append(setting)
    try:
        replace(path, "\n".join(lines) + "\n", path.stat().st_mode & 0o777)
    except OSError as error:
        what = f"cannot be written: {error.strerror}"
        todo = f"write {' '.join(f'{name}={value}' for name, value in values.items())} there"
        raise Refused([Fault(shown(path), what, todo)]) from error


def read(path: Path, used: frozenset[str] = NAMES) -> dict[str, str]:
    """Return every setting's value, defaults filled in, in the order of ``.env.example``.

    A setting that is not ``used`` has its default where its value is faulty. Raises Refused with
    all other faults of the file, each with its line and key.
    """
    faults: list[Fault] = []
    found = _settings(path, used, faults)
    values = {**defaults(), **{name: value for name, (_, value) in found.items()}}
    for first, second in same_ports(values) if "HTTP_PORT" in used else ():
        number = max(found.get(name, (1, ""))[0] for name in (first, second))
        what = f"{second}: the same port as {first}, {values[second]}"
        faults.append(Fault(f"{shown(path)}:{number}", what, "give each its own port"))
    if faults:
        raise Refused(sorted(faults, key=_line_of))
    return values


def _settings(path: Path, used: frozenset[str], faults: list[Fault]) -> dict[str, tuple[int, str]]:
    """Line and value of each setting without a fault; the faults of others go to ``faults``.

    A faulty setting that is not ``used`` is passed over.
    """
    found: dict[str, tuple[int, str]] = {}
    for number, line in enumerate(_lines(path, faults), 1):
        with contextlib.suppress(_BadLine):
            _take(line, number, found, _Reporter(path, number, faults))
    for name, (number, value) in list(found.items()):
        if wrong := problem(name, value):
            del found[name]
            if name in used:
                faults.append(Fault(f"{shown(path)}:{number}", f"{name}: {wrong[0]}", wrong[1]))
    return found


def same_ports(values: Mapping[str, str]) -> list[tuple[str, str]]:
    """Each pair of our ports that are equal."""
    pairs = itertools.combinations(PORTS, 2)
    return [(first, second) for first, second in pairs if values[first] == values[second] != ""]


def overlay(
    values: dict[str, str], variables: Mapping[str, str], used: frozenset[str] = NAMES
) -> dict[str, str]:
    """Return the file's values under those of the shell's variables of the same names.

    A variable that is faulty and not ``used`` is passed over. Raises Refused with all others.
    """
    faults = []
    merged = dict(values)
    for name in BY_NAME:
        given = variables.get(name)
        if given is None:
            continue
        wrong = problem(name, given)
        if not wrong:
            merged[name] = given
        elif name in used:
            todo = f"{wrong[1]}; or `unset {name}`, and .env's own value counts"
            what = f"{wrong[0]}; it wins over {name}={values[name]} of .env"
            faults.append(Fault(f"variable {name} of your shell", what, todo))
    for first, second in same_ports(merged) if "HTTP_PORT" in used else ():
        what = f"both ports are {merged[first]}"
        faults.append(Fault(f"{first}, {second}", what, "give each a port of its own"))
    if faults:
        raise Refused(faults)
    return merged


def shown(path: Path) -> str:
    """``path`` for a person: relative to the current folder, when it is below that."""
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def barred(folder: Path) -> PermissionError | None:
    """Why this user cannot use a folder, such as another user's; None when they can."""
    try:
        os.listdir(folder)
        os.stat(folder / ".")
    except PermissionError as error:
        return error
    except OSError:
        pass
    return None


class _BadLine(Exception):
    """The line is reported; nothing in it is used."""


@dataclass(frozen=True)
class _Reporter:
    path: Path
    number: int
    faults: list[Fault]

    def __call__(self, what: str, todo: str) -> None:
        self.faults.append(Fault(f"{shown(self.path)}:{self.number}", what, todo))

    def stop(self, what: str, todo: str) -> None:
        self(what, todo)
        raise _BadLine


def _lines(path: Path, faults: list[Fault]) -> list[str]:
    """The file's lines without carriage returns; faults of the file as a whole are added."""
    where = shown(path)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        todo = "run `make up`, which writes it from .env.example"
        raise Refused([Fault(where, "the file is missing", todo)]) from None
    except IsADirectoryError:
        todo = f"remove it (rmdir {where}) and run `make up`, which writes the file"
        raise Refused([Fault(where, "a directory, not a file", todo)]) from None
    except OSError as error:
        what = f"cannot be read: {error.strerror}"
        todo = f"let the user who runs make read it (ls -l {where})"
        raise Refused([Fault(where, what, todo)]) from None
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        number = content.count(b"\n", 0, error.start) + 1
        what = f"not UTF-8 text: byte 0x{content[error.start]:02x}"
        raise Refused([Fault(f"{where}:{number}", what, "save the file as UTF-8")]) from None
    if text.startswith("\ufeff"):
        what = "the file begins with a byte order mark, which becomes part of the first key"
        faults.append(Fault(f"{where}:1", what, "save the file as UTF-8 without BOM"))
        text = text[1:]
    return _without_carriage_returns(text.split("\n"), where, faults)


def _without_carriage_returns(lines: list[str], where: str, faults: list[Fault]) -> list[str]:
    """One fault for all CRLF line ends: an editor writes them everywhere at once."""
    ended = [number for number, line in enumerate(lines, 1) if line.endswith("\r")]
    if ended:
        # The first line with a setting says more than a comment's line.
        telling = [n for n in ended if not lines[n - 1].startswith(("#", "\r"))]
        first = (telling or ended)[0]
        key, equals, _ = lines[first - 1].partition("=")
        what = (f"{key}: " if equals and telling else "") + "ends in CR LF, Windows' line end"
        if len(ended) > 1:
            what += f", as do {len(ended) - 1} more lines"
        todo = rf"convert the file: sed -i 's/\r$//' {where}"
        faults.append(Fault(f"{where}:{first}", what, todo))
    return [line.removesuffix("\r") for line in lines]


def _take(line: str, number: int, found: dict[str, tuple[int, str]], report: _Reporter) -> None:
    """Add the key and value of one line to ``found``, or report its fault."""
    if not line.strip(" \t") or line.lstrip(" \t").startswith("#"):
        return
    key, equals, value = line.partition("=")
    if not equals:
        name = line.strip()
        todo = f"write {name}=value" if name in BY_NAME else "write KEY=value, or # before it"
        report.stop(f"{name}: there is no = on the line", todo)
    if not KEY.fullmatch(key):
        bare = key.strip().removeprefix("export ").strip()
        todo = "write KEY=value: no spaces before the =, no export, no quotes"
        report.stop(f"{bare or '(no key)'}: {key!r} is not a key", todo)
    if key not in BY_NAME:
        report.stop(f"{key}: unknown key", _nearest(key))
    if key in found:
        what = f"{key}: duplicate key, set already on line {found[key][0]}"
        report.stop(what, f"keep line {found[key][0]} or line {number}, remove the other")
    # Compose drops blanks around a value without quotes.
    found[key] = (number, value.strip(" \t"))


def _nearest(key: str) -> str:
    near = difflib.get_close_matches(key.upper(), BY_NAME, n=1)
    advice = f"did you mean {near[0]}? if not, remove" if near else "remove"
    return f"{advice} the line; .env.example lists every key"


def _line_of(fault: Fault) -> int:
    return int(fault.where.rpartition(":")[2])
