"""The settings in ``.env``: written once from ``.env.example``, then read and checked as a whole.

Compose reads the same file by rules of its own, which have changed between its releases: quotes,
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
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from scripts.host.faults import Fault, Refused

MEBIBYTE = 1024 * 1024
KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
EMAIL = re.compile(r"[A-Za-z0-9_%+-]+(\.[A-Za-z0-9_%+-]+)*@(?P<host>[^@]+)")
# An image's name as the engine takes it: registry[:port]/path:tag@digest, all but the path free.
IMAGE = re.compile(
    r"([A-Za-z0-9.-]+(:[0-9]{1,5})?/)?"
    r"[a-z0-9]+([._-]+[a-z0-9]+)*(/[a-z0-9]+([._-]+[a-z0-9]+)*)*"
    r"(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@sha256:[0-9a-f]{64})?"
)
PATH = re.compile(r"(\.\.?)?/[A-Za-z0-9._/-]*[A-Za-z0-9_-]")

# A check returns None, or what is wrong and what to write instead.
Problem = tuple[str, str] | None


@dataclass(frozen=True)
class Setting:
    """One key of ``.env``; ``needed`` ones may be left out but not left empty."""

    name: str
    default: str
    check: Callable[[str], Problem]
    needed: bool = True


def _one_of(*allowed: str) -> Callable[[str], Problem]:
    def check(value: str) -> Problem:
        if value in allowed:
            return None
        return f"{value} is none of the values it can have", f"write {', '.join(allowed)}"

    return check


def _whole_number(value: str, *, least: int, most: int) -> Problem:
    if re.fullmatch(r"0|[1-9][0-9]{0,8}", value) and least <= int(value) <= most:
        return None
    return (
        f"{value} is not a whole number from {least} to {most}",
        f"write a number from {least} to {most}, digits alone",
    )


def _number(least: int, most: int) -> Callable[[str], Problem]:
    return partial(_whole_number, least=least, most=most)


def _processors(value: str) -> Problem:
    if re.fullmatch(r"(0|[1-9][0-9]{0,3})(\.[0-9]{1,2})?", value) and float(value) >= 0.1:
        return None
    return f"{value} is not a number of processors", "write one such as 2 or 0.5, at least 0.1"


def _memory(least: int) -> Callable[[str], Problem]:
    """Check a memory size of at least ``least`` mebibytes."""

    def check(value: str) -> Problem:
        if not re.fullmatch(r"[1-9][0-9]{0,6}[mg]", value):
            return (
                f"{value} is not a memory size",
                "write a whole number and m or g, such as 512m or 1g",
            )
        if size(value) < least * MEBIBYTE:
            return f"{value} is less than the service works with", f"write {least}m or more"
        return None

    return check


def _host_name(value: str) -> Problem:
    """A host name after RFC 1123, or an IPv4 address."""
    example = "write the bare name, such as data.example.org"
    if "://" in value or "/" in value:
        return f"{value} is a URL or has a path", example
    if "*" in value:
        return f"{value} is a pattern", example + ": one certificate is made for one name"
    if ":" in value:
        return f"{value} has a port or is an IPv6 address", example + "; ports have their own keys"
    if value != value.lower():
        return f"{value} has capital letters", f"write {value.lower()}"
    labels = value.split(".")
    if labels[-1].isdigit():
        # Browsers take a name whose last part is a number for an IPv4 address.
        try:
            ipaddress.IPv4Address(value)
        except ValueError:
            return f"{value} is not an IPv4 address, yet ends like one", example
        return None
    if len(value) > 253 or not all(LABEL.fullmatch(label) for label in labels):
        return (
            f"{value} is not a host name",
            "write parts of a-z, 0-9 and inner hyphens, each of 1 to 63, between single dots",
        )
    return None


def _address(value: str) -> Problem:
    bracketed = re.fullmatch(r"\[([0-9A-Fa-f:.]+)\]", value)
    try:
        address = ipaddress.ip_address(bracketed[1] if bracketed else value)
    except ValueError:
        return f"{value} is not an IP address", "write 127.0.0.1, 0.0.0.0 or one of this host's own"
    # Compose cannot tell a bare IPv6 address from the port that follows it.
    if address.version == 6 and not bracketed:
        return f"{value} is an IPv6 address without brackets", f"write [{value}]"
    if address.version == 4 and bracketed:
        return f"{value} is an IPv4 address in brackets", f"write {address}"
    return None


def _networks(value: str) -> Problem:
    """Addresses and networks between commas, none of them so large that anybody is in it."""
    example = "write addresses or networks between commas, such as 10.0.0.5,192.168.7.0/24"
    for each in value.split(","):
        try:
            network = ipaddress.ip_network(each)
        except ValueError:
            if re.fullmatch(r"[0-9A-Fa-f.:]+/[0-9]+", each):
                with contextlib.suppress(ValueError):
                    inside = ipaddress.ip_interface(each)
                    return f"{each} is an address within a network", f"write {inside.network}"
            return f"{each or 'nothing between two commas'} is not an address or network", example
        if network.prefixlen < 8:
            return f"{each} is a large part of the internet", "name the proxies alone"
    return None


def _email(value: str) -> Problem:
    """An address that the web takes too; that one knows a few more, such as with an apostrophe."""
    match = EMAIL.fullmatch(value)
    what, todo = f"{value} is not an e-mail address", "write one such as admin@example.org"
    if not match or len(value) > 254 or "." not in match["host"]:
        return what, todo
    labels = match["host"].split(".")
    if _host_name(match["host"]) or not labels[-1][-1].isalpha() or not all(map(_plain, labels)):
        return f"{what}: {match['host']} is not the name of a domain", todo
    return None


def _plain(label: str) -> bool:
    """Whether a part of a domain's name stands for itself, or is readable Punycode (RFC 5890)."""
    if label[2:4] != "--":
        return True
    try:
        return label.startswith("xn--") and label.encode().decode("idna") != label
    except UnicodeError:
        return False


def _url(value: str) -> Problem:
    if re.fullmatch(
        r"https?://[A-Za-z0-9._-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*[A-Za-z0-9_~-])?", value
    ):
        return None
    return (
        f"{value} is not a URL",
        "write one such as https://media.example.org, no slash at the end",
    )


def _mail_user(value: str) -> Problem:
    if re.fullmatch(r"[A-Za-z0-9@._%+=/-]{1,254}", value):
        return None
    return f"{value} is not a user name", "write letters, digits and @ . _ % + = / - alone"


def _url_prefix(value: str) -> Problem:
    if not re.fullmatch(r"(/[a-z0-9_-]+)*", value):
        return (
            f"{value} is not a path to serve below",
            "leave it empty or write one such as /timestack: leading slash, no trailing slash,"
            " only a-z, 0-9, - and _",
        )
    if value.split("/")[1:2] == ["pgadmin"]:
        return f"{value} is where pgAdmin is served", "choose another path"
    return None


def _project_name(value: str) -> Problem:
    if re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,62}", value):
        return None
    return (
        f"{value} is not a project name",
        "write a-z, 0-9, - and _, beginning with a letter or digit, at most 63",
    )


def _image(value: str) -> Problem:
    if IMAGE.fullmatch(value):
        return None
    return f"{value} is not an image's name", "write one such as debian:trixie-slim"


def _path(value: str) -> Problem:
    if PATH.fullmatch(value):
        return None
    return (
        f"{value} is not a folder that Compose reads the same way",
        "begin with ./, ../ or /, use letters, digits, . _ - and /, and end without a slash",
    )


# The service `platform` of compose.yaml.
SIMULATED = "http://platform:9000"

SETTINGS: tuple[Setting, ...] = (
    Setting("TIMESTACK_DOMAIN", "localhost", _host_name),
    Setting("BIND_ADDRESS", "127.0.0.1", _address),
    Setting("HTTP_PORT", "8080", _number(1, 65535)),
    Setting("HTTPS_PORT", "8443", _number(1, 65535)),
    Setting("DB_PORT", "", _number(1, 65535), needed=False),
    Setting("URL_PREFIX", "", _url_prefix, needed=False),
    Setting("TRUSTED_PROXIES", "", _networks, needed=False),
    Setting("PUBLIC_PORT", "", _number(1, 65535), needed=False),
    Setting("ADMIN_EMAIL", "admin@example.org", _email),
    Setting("REGISTRATION", "no", _one_of("yes", "no")),
    Setting("AUTH_BACKEND", "local", _one_of("local", "platform")),
    Setting("PLATFORM_URL", SIMULATED, _url),
    Setting("PLATFORM_INGEST", "no", _one_of("yes", "no")),
    Setting("SMTP_HOST", "", _host_name, needed=False),
    Setting("SMTP_PORT", "587", _number(1, 65535)),
    Setting("SMTP_TLS", "starttls", _one_of("starttls", "implicit", "none")),
    Setting("SMTP_USER", "", _mail_user, needed=False),
    Setting("MAIL_FROM", "timestack@example.org", _email),
    Setting("SECRETS_PATH", "./.secrets", _path),
    Setting("TIMESTACK_ENV", "development", _one_of("development", "production", "test")),
    Setting("COMPOSE_PROFILES", "dev", _one_of("dev", "test"), needed=False),
    Setting("LOG_LEVEL", "info", _one_of("debug", "info", "warning", "error", "critical")),
    Setting("SEED", "yes", _one_of("yes", "no")),
    Setting("COMPOSE_PROJECT_NAME", "timestack", _project_name),
    Setting("BASE_IMAGE", "debian:trixie-slim", _image),
    Setting("TIMESCALEDB_BASE", "", _image, needed=False),
    Setting("TRAEFIK_BASE", "", _image, needed=False),
    Setting("DB_MEMORY", "1g", _memory(256)),
    Setting("DB_CPUS", "2", _processors),
    Setting("APP_CPUS", "2", _processors),
    Setting("WEB_MEMORY", "512m", _memory(256)),
    Setting("WEB_WORKERS", "1", _number(1, 64)),
    Setting("WEB_THREADS", "8", _number(1, 256)),
    Setting("WORKER_MEMORY", "512m", _memory(256)),
    Setting("WORKER_CONCURRENCY", "2", _number(1, 64)),
    Setting("PGADMIN_MEMORY", "512m", _memory(256)),
    Setting("REDIS_MEMORY", "256m", _memory(64)),
    Setting("TRAEFIK_MEMORY", "256m", _memory(128)),
)
_BY_NAME = {setting.name: setting for setting in SETTINGS}
PORTS = ("HTTP_PORT", "HTTPS_PORT", "DB_PORT")
NAMES = frozenset(_BY_NAME)
# What says which containers are this stack's, and by which files; all that most verbs need to know.
IDENTITY = frozenset(
    {
        "COMPOSE_PROJECT_NAME",
        "COMPOSE_PROFILES",
        "TIMESTACK_ENV",
        "AUTH_BACKEND",
        "SECRETS_PATH",
        "DB_PORT",
    }
)


def unreachable(values: dict[str, str]) -> str | None:
    """What to do where the ports are open to the network under a name that it cannot use."""
    bound = ipaddress.ip_address(values["BIND_ADDRESS"].strip("[]"))
    if bound.is_loopback or values["TIMESTACK_DOMAIN"] != "localhost":
        return None
    return (
        f"BIND_ADDRESS={values['BIND_ADDRESS']} opens the ports to the network, but"
        " TIMESTACK_DOMAIN=localhost is a name for this machine alone, and no other is served:"
        " set TIMESTACK_DOMAIN to the name or address that people type, then make up"
    )


def size(memory: str) -> int:
    """Bytes of a checked memory size, such as ``512m`` or ``1g``."""
    return int(memory[:-1]) * MEBIBYTE * (1024 if memory[-1] == "g" else 1)


def replace(path: Path, content: str, mode: int) -> None:
    """Write a file whole or not at all: a temporary file beside it, synced, then renamed.

    Raises OSError. A process killed inside leaves at most ``.NAME.new``, which the next call
    writes anew.
    """
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(content)
        file.flush()
        # Not the mode given to open(): that one the umask would narrow.
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
    # lexists: a dangling link is somebody's intention, so it is reported by read(), not replaced.
    if os.path.lexists(path):
        return False
    try:
        replace(path, example.read_text(encoding="utf-8"), 0o644)
    except OSError as error:
        where = shown(Path(error.filename or path))
        todo = f"see that {shown(example)} is there and {root} can be written to"
        raise Refused([Fault(where, f"cannot write .env: {error.strerror}", todo)]) from error
    return True


def read(path: Path, used: frozenset[str] = NAMES) -> dict[str, str]:
    """Return every setting's value, defaults filled in, in the order of ``SETTINGS``.

    A setting that is not ``used`` has its default where its value is faulty. Raises Refused with
    all other faults of the file, each with its line and key.
    """
    faults: list[Fault] = []
    found: dict[str, tuple[int, str]] = {}
    for number, line in enumerate(_lines(path, faults), 1):
        with contextlib.suppress(_BadLine):
            _take(line, number, found, _Reporter(path, number, faults))
    values = {
        setting.name: found[setting.name][1] if setting.name in found else setting.default
        for setting in SETTINGS
    }
    for name, (number, value) in found.items():
        problem = _problem(_BY_NAME[name], value)
        if problem and name not in used:
            values[name] = _BY_NAME[name].default
        elif problem:
            faults.append(Fault(f"{shown(path)}:{number}", f"{name}: {problem[0]}", problem[1]))
    for first, second in same_ports(values) if "HTTP_PORT" in used else ():
        number = max(found.get(name, (1, ""))[0] for name in (first, second))
        what = f"{second}: the same port as {first}, {values[second]}"
        faults.append(Fault(f"{shown(path)}:{number}", what, "give each its own port"))
    if faults:
        raise Refused(sorted(faults, key=_line_of))
    return values


def same_ports(values: Mapping[str, str]) -> list[tuple[str, str]]:
    """Each two of our ports that are one and the same."""
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
    for setting in SETTINGS:
        given = variables.get(setting.name)
        if given is None:
            continue
        problem = _problem(setting, given)
        if not problem:
            merged[setting.name] = given
        elif setting.name in used:
            todo = f"{problem[1]}; or `unset {setting.name}`, and .env's own value counts"
            what = f"{problem[0]}; it wins over {setting.name}={values[setting.name]} of .env"
            faults.append(Fault(f"variable {setting.name} of your shell", what, todo))
    for first, second in same_ports(merged) if "HTTP_PORT" in used else ():
        what = f"both ports are {merged[first]}"
        faults.append(Fault(f"{first}, {second}", what, "give each a port of its own"))
    if faults:
        raise Refused(faults)
    return merged


def shown(path: Path) -> str:
    """``path`` as the person sees it: relative to where they are, when it lies below."""
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def barred(folder: Path) -> PermissionError | None:
    """What keeps this user out of a folder, as another user's would; None where nothing does."""
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
        # The first that carries a setting says more than a comment's does.
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
    """Add the key and value of one line to ``found``; report what keeps it from being one."""
    if not line.strip(" \t") or line.lstrip(" \t").startswith("#"):
        return
    key, equals, value = line.partition("=")
    if not equals:
        name = line.strip()
        todo = f"write {name}=value" if name in _BY_NAME else "write KEY=value, or # before it"
        report.stop(f"{name}: there is no = on the line", todo)
    if not KEY.fullmatch(key):
        bare = key.strip().removeprefix("export ").strip()
        todo = "write KEY=value: no spaces before the =, no export, no quotes"
        report.stop(f"{bare or '(no key)'}: {key!r} is not a key", todo)
    if key not in _BY_NAME:
        report.stop(f"{key}: unknown key", _nearest(key))
    if key in found:
        what = f"{key}: duplicate key, set already on line {found[key][0]}"
        report.stop(what, f"keep line {found[key][0]} or line {number}, remove the other")
    # Compose drops blanks around a value without quotes.
    found[key] = (number, value.strip(" \t"))


def _nearest(key: str) -> str:
    near = difflib.get_close_matches(key.upper(), _BY_NAME, n=1)
    advice = f"did you mean {near[0]}? if not, remove" if near else "remove"
    return f"{advice} the line; .env.example lists every key"


def _problem(setting: Setting, value: str) -> Problem:
    if not value:
        if not setting.needed:
            return None
        return "the value is missing", f"write one, or remove the line for {setting.default}"
    if not value.isprintable():
        return f"{value!r} has a character that does not show", "type the value again"
    for character, why in (
        ("$", "Compose would put a variable in its place"),
        ("'", "a value is written without quotes"),
        ('"', "a value is written without quotes"),
        ("\\", "Compose reads it in more than one way"),
        ("#", "a comment needs a line of its own"),
    ):
        if character in value:
            return f"{character} in the value: {why}", f"write the value without {character}"
    return setting.check(value)


def _line_of(fault: Fault) -> int:
    return int(fault.where.rpartition(":")[2])
