"""`make up`: from a bare host to a stack that serves; and `make down`, `make clean`."""

from __future__ import annotations

import fcntl
import http.client
import math
import os
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from scripts.host import (
    acme,
    certificates,
    credentials,
    engine,
    environment,
    images,
    preflight,
    readonly,
    repository,
)
from scripts.host.compose import (
    ONE_SHOTS,
    SLOTS,
    Compose,
    Service,
    docker,
    image,
    image_id,
    one_off,
)
from scripts.host.console import Phase, Phases, columns, confirm, info, warn
from scripts.host.faults import Fault, Refused
from scripts.host.mounts import bind
from scripts.host.preflight import GIBIBYTE
from timestack.shared import revision
from timestack.shared.roles import READONLY

# What all images and their build cache take, and what a running stack needs at least.
DISK_FIRST, DISK_LATER = 6 * GIBIBYTE, 1 * GIBIBYTE
MEMORY = int(1.5 * GIBIBYTE)
HEALTHY_SECONDS = 180
PROXY_SECONDS = 60
UNREACHED = (
    f", but the web did not answer through the proxy in {PROXY_SECONDS} s:"
    " see `make logs S=traefik`"
)
SCHEMA = "services/timescaledb/schema"
MIGRATIONS = "services/web/migrations/versions"
DATABASE, PROVISIONER = "timescaledb", "provision"


@contextmanager
def only_one(root: Path) -> Iterator[None]:
    """Hold the folder's lock: two `make up` at once would build and generate the same things."""
    path = root / "build" / "lock"
    path.parent.mkdir(exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            warn("another make runs in this folder: waiting for it to end")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def load(root: Path, used: frozenset[str] = environment.IDENTITY) -> Compose:
    """Compose with the settings of `.env`; `make up HTTP_PORT=9080` overrides one of them.

    A verb that makes no container needs no more than the settings that say which stack it is.
    """
    return Compose(root, settings(root, used))


def settings(root: Path, used: frozenset[str] = environment.NAMES) -> dict[str, str]:
    """The settings of `.env`; before the first `make up`, the defaults.

    A variable of the same name wins, as it does for Compose. Raises Refused with every fault of
    those that are used.
    """
    file = root / ".env"
    values = environment.read(file if file.exists() else root / ".env.example", used)
    return environment.overlay(values, os.environ, used)


def preflight_faults(root: Path, *, bootstrap: bool, serve: bool = True) -> list[Fault]:
    """Every fault that would stop it, found without changing anything.

    `serve` is False where images are built and this folder's own stack is not started: then its
    ports and its secrets do not matter.
    """
    faults: list[Fault] = []
    found = engine.versions()
    faults += engine.missing(found, bootstrap=bootstrap)
    if found.engine and found.compose:
        faults += preflight.versions(found.engine, found.compose, buildx=found.buildx)
    try:
        values = settings(root)
    except Refused as refused:
        return [*faults, *refused.faults]
    compose = Compose(root, values)
    running = bool(found.engine and found.compose)
    built = running and bool(image_id(image("web")))
    faults += preflight.growth(values, root)
    faults += acme.faults(values)
    faults += preflight.disk(engine_folder(), DISK_LATER if built else DISK_FIRST)
    own = compose.published_ports() if running else set()
    if not own:
        faults += preflight.memory(MEMORY)
    if serve:
        directory = secrets_folder(root, values)
        faults += credentials.check(directory, in_use=compose.secrets_in_use() if running else ())
        faults += certificates.check(directory)
        faults += preflight.ports(values, own)
        faults += preflight.migrations(root / MIGRATIONS, revisions(compose) if running else set())
    return faults


def revisions(compose: Compose) -> set[str]:
    """The migration that the running database is at, and the oldest one whose code it serves.

    Empty where there is none to ask.
    """
    psql = ("psql", "-X", "-A", "-t", "-F", " ", "-d", "timestack", "-c", revision.QUESTION)
    return set(compose.read("exec", "-T", DATABASE, *psql).split())


def secrets_folder(root: Path, values: dict[str, str]) -> Path:
    return (root / values["SECRETS_PATH"]).resolve()


def engine_folder() -> Path:
    """Where the engine stores images, or will store them."""
    return Path(docker("info", "--format", "{{.DockerRootDir}}").strip() or "/var/lib/docker")


def refuse(faults: list[Fault]) -> None:
    if faults:
        raise Refused(faults)


def prepare(root: Path, phases: Phases) -> Compose:
    """Preflight, engine, settings, secrets, base image and images: all but the start."""
    ready_engine(root, phases)
    with phases.phase("settings") as phase:
        settle(root, phase)
    return build(root, phases)


def ready_engine(
    root: Path, phases: Phases, *, serve: bool = True, more: Sequence[Fault] = ()
) -> None:
    """Preflight and engine. Without `serve`, nothing is to be started of this folder's own.

    `more` are faults that were found already, to be told with the others.
    """
    bootstrap = os.environ.get("BOOTSTRAP", "yes") != "no"
    with phases.phase("preflight") as phase:
        faults = [*more, *preflight_faults(root, bootstrap=bootstrap, serve=serve)]
        if faults:
            raise Refused(faults, untouched=True)
        phase.result = "no fault found"
    with phases.phase("engine") as phase:
        engine.ensure(phase)


def build(root: Path, phases: Phases, **changes: str) -> Compose:
    """The base image and the images that the settings, with these changes, ask for."""
    compose = load(root, environment.NAMES)
    compose.values.update(changes)
    if os.environ.get("BUILD") == "no":
        refuse(images.missing(compose))
        return compose
    with phases.phase("base image") as phase:
        images.ensure_base(compose, phase)
    with phases.phase("images") as phase:
        images.build(compose, phase, always=os.environ.get("BUILD") == "always")
    return compose


def settle(root: Path, phase: Phase | None = None) -> Compose:
    """`.env`, secrets and certificates: made once and kept. Raises Refused on a fault in them."""
    made = [".env"] if environment.ensure(root) else []
    compose = load(root, environment.NAMES)
    file = environment.read(root / ".env")
    won = [
        f"{name}={os.environ[name]}"
        for name in file
        if os.environ.get(name, file[name]) != file[name]
    ]
    if won:
        info(f"  variables of your shell, or of make, that win over .env: {' '.join(won)}")
    directory = secrets_folder(root, compose.values)
    refuse(credentials.check(directory, in_use=compose.secrets_in_use()))
    made += credentials.ensure(directory)
    made += certificates.ensure(directory, domain=acme.local_name(compose.values))
    if phase:
        phase.result = f"made {', '.join(made)}" if len(made) < 4 else f"{len(made)} files made"
        if not made:
            phase.result = ".env, secrets and certificates as they were"
    return compose


def report(compose: Compose, phases: Phases) -> None:
    """What took how long, and where everything is."""
    info("")
    info(phases.table())
    info("")
    info(addresses(compose))
    advice = [environment.unreachable(compose.values), *acme.warnings(compose.values)]
    for each in filter(None, advice):
        info("")
        warn(each)


def schema(root: Path) -> Path:
    """The folder of both files for a container: a copy where its user may not read ours."""
    folder = root / SCHEMA
    if all(each.stat().st_mode & 0o004 for each in (folder, *folder.rglob("*"))):
        return folder
    copy = root / "build" / "schema"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(folder, copy, copy_function=shutil.copyfile)
    for each in (copy, *copy.rglob("*")):
        each.chmod(0o755 if each.is_dir() else 0o644)
    return copy


def check_schema(compose: Compose, phase: Phase) -> None:
    """Refuse a broken hypertables.yaml or alerts.yaml while everything still runs as before."""
    mount = bind(schema(compose.root), "/app/schema")
    check = ("python", "-m", "scripts.provision.check")
    done = subprocess.run(
        one_off(image("web", compose.tag), *check, options=mount),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        text = (done.stderr or done.stdout).strip()
        raise Refused([Fault(SCHEMA, text, "correct the file")])
    phase.result = done.stdout.strip()


def start(compose: Compose, phases: Phases) -> None:
    """Start or replace every service: the database, then the provisioner, and then the others.

    When provisioning fails, the others keep running. Raises Refused naming what failed, with its
    log, and the services that no longer serve.
    """
    log = compose.root / "build" / "logs" / "start.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("")
    before = _serving(compose)
    others = set(compose.config()["services"]) - {DATABASE, PROVISIONER}
    try:
        with phases.phase("database") as phase:
            if compose.values["BACKUP_PATH"]:
                repository.own(compose)
            bring(compose, phase, log, {DATABASE})
            phase.result = "healthy"
            if readonly.end(compose.services()[DATABASE].container):
                phase.result = "healthy, and may be written again, as before a move"
        with phases.phase("provision") as phase:
            # It takes as long as the data do: a migration of a large table may run for hours.
            bring(compose, phase, log, {PROVISIONER}, seconds=math.inf)
            phase.result = "the database is what the code expects"
        _warnings(compose, phase)
        with phases.phase("start") as phase:
            # With the database again: the others depend on it.
            bring(compose, phase, log, {DATABASE, *others}, "--remove-orphans")
            if left := [name for name in SLOTS if name in compose.services().keys() - others]:
                compose.read("--profile", "*", "rm", "--stop", "--force", *left)
            reached = wait_for_proxy(compose, phase)
            phase.result = f"{len(others) + 2} services healthy" + ("" if reached else UNREACHED)
    except Refused as refused:
        refused.stopped = sorted(before - _serving(compose))
        raise


def _warnings(compose: Compose, phase: Phase) -> None:
    """Show what the provisioner warned of in this phase, which is over."""
    since = f"{math.ceil(phase.seconds)}s"
    lines = compose.read("logs", "--no-log-prefix", "--since", since, PROVISIONER)
    for line in lines.splitlines():
        if line.startswith("warning: "):
            warn(line.removeprefix("warning: "))


def _serving(compose: Compose) -> set[str]:
    return {name for name, each in compose.services().items() if each.good} - ONE_SHOTS


def bring(
    compose: Compose,
    phase: Phase,
    log: Path,
    names: set[str],
    *options: str,
    seconds: float = HEALTHY_SECONDS,
    restarts: float = math.inf,
) -> None:
    """Start these services and no other, and wait until all are healthy or have done their work.

    Raises Refused with the logs of those that are not after so many seconds, or that have ended
    and were started again so many times.
    """
    with log.open("a") as file:
        process = subprocess.Popen(
            [*compose.command, "--progress=plain", "up", "-d", "--no-deps", *options, *names],
            env=compose.environment,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
        )
        deadline = time.monotonic() + seconds
        while True:
            # In this order: what is seen after Compose has ended is not what it found.
            ended = process.poll()
            states = {name: s for name, s in compose.services().items() if name in names}
            phase.status = "  ".join(_progress(each) for _, each in sorted(states.items()))
            failed = [s for s in states.values() if s.bad or (s.restarts > restarts and not s.good)]
            if ended == 0 and names <= set(states) and all(s.good for s in states.values()):
                return
            if (ended not in (None, 0)) or (ended == 0 and failed) or time.monotonic() > deadline:
                process.terminate()
                raise Refused(_failures(compose, log, states))
            time.sleep(0.5)


def _progress(service: Service) -> str:
    """A service and its state; of a running one-shot, the last line that it wrote."""
    if service.name in ONE_SHOTS and service.state == "running":
        return docker("logs", "--tail", "1", service.container).strip()
    return f"{service.name} {service}"


def wait_for_proxy(compose: Compose, phase: Phase) -> bool:
    """Wait until the web answers where people ask for it; False when it has not in PROXY_SECONDS.

    This refuses nothing: a certificate of another authority is one that this cannot check.
    """
    deadline = time.monotonic() + PROXY_SECONDS
    phase.status = "waiting for the proxy to let requests through"
    while not (reached := serves(compose)) and time.monotonic() < deadline:
        time.sleep(0.5)
    return reached


def serves(compose: Compose) -> bool:
    """Whether the web answers at the published port, through the proxy."""
    bound = compose.values["BIND_ADDRESS"].strip("[]")
    address = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(bound, bound)  # noqa: S104
    context = ssl.create_default_context(cafile=str(compose.secret("ca.pem")))
    # By address, for which the certificate need not be; it must still be ours, as it is for whoever
    # asks by no name, with ACME_EMAIL too.
    context.check_hostname = False
    port = int(compose.values["HTTPS_PORT"])
    connection = http.client.HTTPSConnection(address, port, context=context, timeout=3)
    try:
        path = f"{compose.values['URL_PREFIX']}/health/live"
        connection.request("GET", path, headers={"Host": compose.values["TIMESTACK_DOMAIN"]})
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _failures(compose: Compose, log: Path, states: dict) -> list[Fault]:
    guilty = [each for each in states.values() if each.bad] or [
        each for each in states.values() if not each.good and each.state != "created"
    ]
    faults = []
    for each in guilty:
        lines = compose.read("logs", "--no-color", "--no-log-prefix", "--tail", "15", each.name)
        text = "\n    ".join([str(each), *lines.splitlines()])
        faults.append(Fault(f"service {each.name}", text, f"make logs S={each.name}"))
    if not faults:
        text = "\n    ".join(log.read_text(errors="replace").splitlines()[-15:])
        # Left behind by projects that were not ended by `make down`.
        is_full = "IPv4 address pool" in text
        todo = "docker network prune, which removes what nothing uses" if is_full else "make doctor"
        faults = [Fault(str(log), f"Compose could not start the stack:\n    {text}", todo)]
    return faults


def addresses(compose: Compose, *, first: bool = True) -> str:
    """The addresses of everything, and the first user where the database is a new one."""
    values = compose.values
    number = values["PUBLIC_PORT"] or values["HTTPS_PORT"]
    port = "" if number == "443" else f":{number}"
    root = f"https://{values['TIMESTACK_DOMAIN']}{port}{values['URL_PREFIX']}"
    secrets = values["SECRETS_PATH"].removeprefix("./")
    rows = [
        ("Landing page", f"{root}/"),
        ("Dashboards", f"{root}/dash/"),
        ("pgAdmin", f"{root}/pgadmin/"),
        ("Flower", f"{root}/flower/"),
        ("Traefik", f"{root}/traefik/"),
    ]
    if "metrics" in values["COMPOSE_PROFILES"]:
        rows += [("Prometheus", f"{root}/prometheus/"), ("Alertmanager", f"{root}/alertmanager/")]
    if values["DB_PORT"]:
        url = f"postgresql://{READONLY.name}@localhost:{values['DB_PORT']}/timestack"
        rows.append(("Database", f"{url}, password in {secrets}/{READONLY.secret}"))
    if first:
        password = f"first password in {secrets}/admin_password"
        rows.append(("Admin", f"{values['ADMIN_EMAIL']}, {password}"))
    found = acme.served(values, compose.secret("ca.pem")) if acme.wanted(values) else None
    if found:
        rows.append(("Certificate", f"{found}" if found.issuer else f"{found}; {acme.AGAIN}"))
    if not (found and found.issuer):
        trust = f"{secrets}/ca.pem: import it, and browsers trust the addresses above"
        rows.append(("" if found else "Certificate", trust))
    return columns(rows)


def make_secrets(root: Path) -> list[str]:
    """Make what is missing of secrets and certificates, a lost one too; returns the names made.

    The services take a new value at the next `make up`, which sets it in the database as well.
    """
    values = settings(root)
    directory = secrets_folder(root, values)
    refuse(credentials.check(directory, in_use=()))
    made = credentials.ensure(directory)
    return made + certificates.ensure(directory, domain=acme.local_name(values))


def down(root: Path) -> int:
    """Stop the stack; volumes, secrets and images stay."""
    return load(root).down()


def clean(root: Path) -> int:
    """Delete containers and volumes of this project, after asking.

    Backups are what is left when the data are gone: they stay unless BACKUPS=delete is said.
    """
    compose = load(root)
    kept = f"{compose.project}_backups"
    volumes = compose.volumes()
    if os.environ.get("BACKUPS") != "delete":
        volumes = [name for name in volumes if name != kept]
    info("This deletes the containers and their data:")
    for name in volumes:
        info(f"  volume {name}")
    info("The settings and secrets (.env, .secrets) stay.")
    if kept in volumes:
        info("! the backups are deleted as well")
    elif kept in compose.volumes():
        info(f"The backups stay, in the volume {kept}; BACKUPS=delete deletes them as well.")
    if os.environ.get("FORCE") != "yes" and not confirm("", compose.project):
        warn("nothing was deleted (FORCE=yes deletes without asking)")
        return 1
    status = compose.down()
    if status == 0 and volumes:
        command = ["docker", "volume", "rm", *volumes]
        status = subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode
    return status
