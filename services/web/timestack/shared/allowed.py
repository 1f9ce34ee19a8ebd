"""The allowed values of each setting of ``.env``: the one place for the host and the web.

Standard library only, since the host has nothing else. Each check returns None, or what is wrong
with a value and what to write instead. Defaults are in ``.env.example``.
"""

from __future__ import annotations

import contextlib
import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

MEBIBYTE = 1024 * 1024
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
    check: Callable[[str], Problem]
    needed: bool = True


def _one_of(*allowed: str) -> Callable[[str], Problem]:
    def check(value: str) -> Problem:
        if value in allowed:
            return None
        return f"{value} is not allowed", f"write one of {', '.join(allowed)}"

    return check


def _whole_number(value: str, *, least: int, most: int) -> Problem:
    if re.fullmatch(r"0|[1-9][0-9]{0,8}", value) and least <= int(value) <= most:
        return None
    return (
        f"{value} is not a whole number from {least} to {most}",
        f"write a number from {least} to {most}, digits only",
    )


def _number(least: int, most: int) -> Callable[[str], Problem]:
    return partial(_whole_number, least=least, most=most)


def _rate(value: str) -> Problem:
    if re.fullmatch(r"[1-9][0-9]{0,6}/(second|minute|hour|day)", value):
        return None
    return f"{value} is not a rate", "write one such as 1200/minute; also per second, hour or day"


def _processors(value: str) -> Problem:
    if re.fullmatch(r"(0|[1-9][0-9]{0,3})(\.[0-9]{1,2})?", value) and float(value) >= 0.1:
        return None
    return f"{value} is not a number of processors", "write one such as 2 or 0.5, at least 0.1"


def _bytes(value: str) -> Problem:
    if re.fullmatch(r"[1-9][0-9]{0,6}[mg]", value):
        return None
    return f"{value} is not a size", "write a whole number and m or g, such as 512m or 1g"


def _memory(least: int) -> Callable[[str], Problem]:
    """Check a memory size of at least ``least`` mebibytes."""

    def check(value: str) -> Problem:
        if wrong := _bytes(value):
            return wrong
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
    """Addresses and networks separated by commas, none of them as large as the internet."""
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
            return f"{each} is a large part of the internet", "name only the proxies"
    return None


def _email(value: str) -> Problem:
    """An address that the web accepts too; it accepts a few more, such as with an apostrophe."""
    match = EMAIL.fullmatch(value)
    what, todo = f"{value} is not an e-mail address", "write one such as admin@example.org"
    if not match or len(value) > 254 or "." not in match["host"]:
        return what, todo
    labels = match["host"].split(".")
    if _host_name(match["host"]) or not labels[-1][-1].isalpha() or not all(map(_plain, labels)):
        return f"{what}: {match['host']} is not the name of a domain", todo
    return None


def _plain(label: str) -> bool:
    """Whether a label of a domain's name is plain, or readable Punycode (RFC 5890)."""
    if label[2:4] != "--":
        return True
    try:
        return label.startswith("xn--") and label.encode().decode("idna") != label
    except UnicodeError:
        return False


def _origin(value: str) -> Problem:
    if re.fullmatch(r"https?://[a-z0-9]([a-z0-9.-]{0,252}[a-z0-9])?(:[1-9][0-9]{0,4})?", value):
        return None
    return f"{value} is not an origin", "write one such as http://localhost:5173, without a path"


def _url(value: str) -> Problem:
    if re.fullmatch(
        r"https?://[A-Za-z0-9._-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*[A-Za-z0-9_~-])?", value
    ):
        return None
    return (
        f"{value} is not a URL",
        "write one such as https://media.example.org, no slash at the end",
    )


def _directory(value: str) -> Problem:
    """The address that an ACME authority's other addresses are read from (RFC 8555, 7.1.1)."""
    if re.fullmatch(r"https://[A-Za-z0-9._-]+(:[0-9]{1,5})?/[A-Za-z0-9._~/-]*", value):
        return None
    return (
        f"{value} is not the directory of an authority",
        "write one such as https://acme-v02.api.letsencrypt.org/directory",
    )


def _prices_url(value: str) -> Problem:
    host, place = r"https?://[A-Za-z0-9._-]+(:[0-9]{1,5})?/", r"[A-Za-z0-9._~/?&=:,%+*!@;()-]*"
    if re.fullmatch(rf"{host}{place}\{{symbol\}}{place}", value):
        return None
    return (
        f"{value} is not a URL with {{symbol}} in its path or query",
        "write one such as https://prices.example.org/{symbol}.csv",
    )


def _time_of_day(value: str) -> Problem:
    if re.fullmatch(r"([01][0-9]|2[0-3]):[0-5][0-9]", value):
        return None
    return f"{value} is not a time of day", "write hour and minute from 00:00 to 23:59"


def _zone(value: str) -> Problem:
    if _is_zone(value) or not _is_zone("UTC"):
        # A host without any zones leaves it to the containers, which have them.
        return None
    return f"{value} is not a time zone", "write one such as UTC or Europe/Berlin"


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def webhook(value: str) -> Problem:
    """The content of a secret file; so neither the problem nor what to do repeats it."""
    if re.fullmatch(r"https?://[A-Za-z0-9._-]+(:[0-9]{1,5})?/[!-~]+", value):
        return None
    return (
        "does not hold the address of a webhook",
        "write one such as https://hooks.slack.com/services/T0/B0/secret on one line, or empty it",
    )


def store_key(value: str) -> Problem:
    """The content of a secret file, as `webhook` has it."""
    if re.fullmatch(r"[!-~]{3,200}", value):
        return None
    return "does not hold a key of a store", "write it on one line and nothing else, or empty it"


def _mail_user(value: str) -> Problem:
    if re.fullmatch(r"[A-Za-z0-9@._%+=/-]{1,254}", value):
        return None
    return f"{value} is not a user name", "write letters, digits and @ . _ % + = / - only"


def _url_prefix(value: str) -> Problem:
    if not re.fullmatch(r"(/[a-z0-9][a-z0-9_-]*)*", value):
        return (
            f"{value} is not a path to serve below",
            "leave it empty or write one such as /timestack: leading slash, no trailing slash,"
            " only a-z, 0-9, - and _, each part beginning with a letter or digit",
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


def _profiles(value: str) -> Problem:
    words = value.split(",")
    if len(set(words)) == len(words) and {"dev", "test", "metrics"}.issuperset(words):
        return None
    return (
        f"{value} is not a list of profiles",
        "write dev, test or metrics, or some of them with a comma between, such as dev,metrics",
    )


def _volume(value: str) -> Problem:
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{1,127}", value):
        return None
    return f"{value} is not a volume's name", "write letters, digits, . - and _ (docker volume ls)"


def _tag(value: str) -> Problem:
    if re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", value):
        return None
    return f"{value} is not an image's tag", "write letters, digits, _ . and - (docker image ls)"


def _image(value: str) -> Problem:
    if IMAGE.fullmatch(value):
        return None
    return f"{value} is not an image's name", "write one such as debian:trixie-slim"


def _bucket(value: str) -> Problem:
    if re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", value):
        return None
    return f"{value} is not a bucket's name", "write 3 to 63 of a-z, 0-9, inner hyphens and dots"


def _region(value: str) -> Problem:
    if re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", value):
        return None
    return f"{value} is not a region", "write one such as eu-central-1"


def _store_path(value: str) -> Problem:
    if re.fullmatch(r"(/[A-Za-z0-9._-]+)+", value):
        return None
    return f"{value} is not a path in a bucket", "write one such as /timestack: no slash at its end"


def _endpoint(value: str) -> Problem:
    host, _, port = value.partition(":")
    if _host_name(host) is None and (value == host or re.fullmatch("[1-9][0-9]{0,4}", port)):
        return None
    return f"{value} is not a host", "write one such as s3.eu-central-1.amazonaws.com, or host:port"


def _path(value: str) -> Problem:
    if PATH.fullmatch(value):
        return None
    return (
        f"{value} is not a folder that Compose reads the same way",
        "begin with ./, ../ or /, use letters, digits, . _ - and /, and end without a slash",
    )


SETTINGS: tuple[Setting, ...] = (
    Setting("TIMESTACK_DOMAIN", _host_name),
    Setting("BIND_ADDRESS", _address),
    Setting("HTTP_PORT", _number(1, 65535)),
    Setting("HTTPS_PORT", _number(1, 65535)),
    Setting("DB_PORT", _number(1, 65535), needed=False),
    Setting("URL_PREFIX", _url_prefix, needed=False),
    Setting("TRUSTED_PROXIES", _networks, needed=False),
    Setting("PUBLIC_PORT", _number(1, 65535), needed=False),
    Setting("ACME_EMAIL", _email, needed=False),
    Setting("ACME_CHALLENGE", _one_of("http-01", "tls-alpn-01")),
    Setting("ACME_CA", _directory, needed=False),
    Setting("ADMIN_EMAIL", _email),
    Setting("REGISTRATION", _one_of("yes", "no")),
    Setting("AUTH_BACKEND", _one_of("local", "platform")),
    Setting("PLATFORM_URL", _url),
    Setting("PLATFORM_INGEST", _one_of("yes", "no")),
    Setting("PLATFORM_INGEST_AT", _time_of_day),
    Setting("PLATFORM_INGEST_ZONE", _zone),
    Setting("PRICES_URL", _prices_url, needed=False),
    Setting("SMTP_HOST", _host_name, needed=False),
    Setting("SMTP_PORT", _number(1, 65535)),
    Setting("SMTP_TLS", _one_of("starttls", "implicit", "none")),
    Setting("SMTP_USER", _mail_user, needed=False),
    Setting("MAIL_FROM", _email),
    Setting("NOTIFY_EMAIL", _email, needed=False),
    Setting("SECRETS_PATH", _path),
    Setting("TIMESTACK_ENV", _one_of("development", "production", "test")),
    Setting("FRONTEND_URL", _origin, needed=False),
    Setting("COMPOSE_PROFILES", _profiles, needed=False),
    Setting("LOG_LEVEL", _one_of("debug", "info", "warning", "error", "critical")),
    Setting("SEED", _one_of("yes", "no")),
    Setting("COMPOSE_PROJECT_NAME", _project_name),
    Setting("DB_VOLUME", _volume, needed=False),
    Setting("TIMESTACK_TAG", _tag, needed=False),
    Setting("TIMESTACK_PREVIOUS", _tag, needed=False),
    Setting("BACKUP_PATH", _path, needed=False),
    Setting("BACKUP_KEEP_FULL", _number(1, 520)),
    Setting("BACKUP_KEEP_DIFF", _number(1, 366)),
    Setting("BACKUP_S3_BUCKET", _bucket, needed=False),
    Setting("BACKUP_S3_ENDPOINT", _endpoint, needed=False),
    Setting("BACKUP_S3_REGION", _region, needed=False),
    Setting("BACKUP_S3_PATH", _store_path),
    Setting("BACKUP_S3_STYLE", _one_of("host", "path")),
    Setting("BASE_IMAGE", _image),
    Setting("TIMESCALEDB_BASE", _image, needed=False),
    Setting("TRAEFIK_BASE", _image, needed=False),
    Setting("DB_MEMORY", _memory(256)),
    Setting("DB_CPUS", _processors),
    Setting("APP_CPUS", _processors),
    Setting("WEB_MEMORY", _memory(256)),
    Setting("WEB_INSTANCES", _one_of("1", "2")),
    Setting("WEB_WORKERS", _number(1, 64)),
    Setting("WEB_THREADS", _number(1, 256)),
    Setting("API_RATE", _rate),
    Setting("UPLOAD_MAX", _bytes),
    Setting("WORKER_MEMORY", _memory(256)),
    Setting("WORKER_CONCURRENCY", _number(1, 64)),
    Setting("JOBS_KEEP_DAYS", _number(1, 3650)),
    Setting("METRICS_KEEP_DAYS", _number(1, 3650)),
    Setting("METRICS_SIZE", _memory(256)),
    Setting("PGADMIN_MEMORY", _memory(256)),
    Setting("REDIS_MEMORY", _memory(64)),
    Setting("TRAEFIK_MEMORY", _memory(128)),
)
BY_NAME = {setting.name: setting for setting in SETTINGS}


def size(memory: str) -> int:
    """Bytes of a checked size, such as ``512m`` or ``1g``."""
    return int(memory[:-1]) * MEBIBYTE * (1024 if memory[-1] == "g" else 1)


def problem(name: str, value: str) -> Problem:
    """Why a text cannot be the value of a setting."""
    setting = BY_NAME[name]
    if not value:
        if not setting.needed:
            return None
        return "the value is missing", "write one, or remove the line for the default"
    if not value.isprintable():
        return f"{value!r} has an invisible character", "type the value again"
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
