"""`make up`: from whatever the host has to a stack that serves; and what ends it."""

from __future__ import annotations

import fcntl
import http.client
import os
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.host import certificates, credentials, engine, environment, images, preflight
from scripts.host.compose import Compose, docker, one_off
from scripts.host.console import Phase, Phases, columns, confirm, info, warn
from scripts.host.faults import Fault, Refused

GIB = 1024**3
# What all images and their build cache take, and what a running stack needs at the least.
DISK_FIRST, DISK_LATER = 6 * GIB, 1 * GIB
MEMORY = int(1.5 * GIB)
HEALTHY_SECONDS = 180


@contextmanager
def only_one(root: Path) -> Iterator[None]:
    """Hold the folder's lock: two `make up` at once would build and generate the same things."""
    path = root / "build" / "lock"
    path.parent.mkdir(exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            warn("another make is at work in this folder: waiting for it to end")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def load(root: Path) -> Compose:
    """Compose with the settings of `.env`; `make up HTTP_PORT=9080` overrides one of them."""
    return Compose(root, settings(root))


def settings(root: Path) -> dict[str, str]:
    """The settings of `.env`, or before the first `make up` those it will be written from.

    A variable of the same name wins, as it does for Compose. Raises Refused with every fault.
    """
    file = root / ".env"
    values = environment.read(file if file.exists() else root / ".env.example")
    faults = []
    for setting in environment.SETTINGS:
        given = os.environ.get(setting.name)
        if given is None:
            continue
        problem = setting.check(given) if given or setting.needed else None
        if problem:
            faults.append(Fault(f"variable {setting.name}", *problem))
        values[setting.name] = given
    for first, second in environment.same_ports(values):
        what = f"both ports are {values[first]}"
        faults.append(Fault(f"{first}, {second}", what, "give each a port of its own"))
    refuse(faults)
    return values


def preflight_faults(root: Path, *, bootstrap: bool, serve: bool = True) -> list[Fault]:
    """Everything that stands in the way, found without changing anything.

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
    built = running and bool(images.image_id("timestack/web"))
    faults += preflight.disk(engine_folder(), DISK_LATER if built else DISK_FIRST)
    own = compose.published_ports() if running else set()
    if not own:
        faults += preflight.memory(MEMORY)
    if serve:
        directory = secrets_folder(root, values)
        faults += credentials.check(directory, in_use=running and compose.has_data())
        faults += certificates.check(directory)
        faults += preflight.ports(values, own)
    return faults


def secrets_folder(root: Path, values: dict[str, str]) -> Path:
    return (root / values["SECRETS_PATH"]).resolve()


def engine_folder() -> Path:
    """Where the engine stores images, or the nearest folder that exists yet."""
    folder = Path(docker("info", "--format", "{{.DockerRootDir}}").strip() or "/var/lib/docker")
    while not folder.exists():
        folder = folder.parent
    return folder


def refuse(faults: list[Fault]) -> None:
    if faults:
        raise Refused(faults)


def prepare(root: Path, phases: Phases, *, serve: bool = True) -> Compose:
    """Preflight, engine, settings, secrets, base image and images: all but the start.

    Without `serve`, settings and secrets are neither made nor looked at.
    """
    bootstrap = os.environ.get("BOOTSTRAP", "yes") != "no"
    with phases.phase("preflight") as phase:
        faults = preflight_faults(root, bootstrap=bootstrap, serve=serve)
        if faults:
            raise Refused(faults, untouched=True)
        phase.result = "nothing stands in the way"
    with phases.phase("engine") as phase:
        engine.ensure(phase)
    if serve:
        with phases.phase("settings") as phase:
            settle(root, phase)
    compose = load(root)
    with phases.phase("base image") as phase:
        images.ensure_base(compose, phase)
    with phases.phase("images") as phase:
        images.build(compose, phase, always=os.environ.get("BUILD") == "always")
    return compose


def settle(root: Path, phase: Phase | None = None) -> Compose:
    """`.env`, secrets and certificates: made once and kept. Raises Refused on a fault in them."""
    made = [".env"] if environment.ensure(root) else []
    compose = load(root)
    directory = secrets_folder(root, compose.values)
    refuse(credentials.check(directory, in_use=compose.has_data()))
    made += credentials.ensure(directory)
    made += certificates.ensure(directory, domain=compose.values["TIMESTACK_DOMAIN"])
    if phase:
        phase.result = f"made {', '.join(made)}" if len(made) < 4 else f"{len(made)} files made"
        if not made:
            phase.result = ".env, secrets and certificates as they were"
    return compose


def up(root: Path) -> None:
    """Bring the stack up; print where everything is and how long each phase took."""
    phases = Phases()
    with only_one(root):
        compose = prepare(root, phases)
        with phases.phase("schema") as phase:
            check_schema(compose, phase)
        with phases.phase("start") as phase:
            start(compose, phase)
    info("")
    info(phases.table())
    info("")
    info(addresses(compose))


def check_schema(compose: Compose, phase: Phase) -> None:
    """Refuse a broken hypertables.yaml while everything still runs as before."""
    file = compose.root / "services" / "timescaledb" / "schema" / "hypertables.yaml"
    mount = f"{file}:/app/schema/hypertables.yaml:ro"
    check = ("python", "-m", "scripts.provision", "check")
    done = subprocess.run(
        one_off("timestack/web", *check, options=("-v", mount)),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        text = (done.stderr or done.stdout).strip().replace("/app/schema/", "")
        raise Refused([Fault(str(file.relative_to(compose.root)), text, "mend the file")])
    phase.result = done.stdout.strip()


def start(compose: Compose, phase: Phase) -> None:
    """Start every service and wait until all are healthy; Refused names those that are not."""
    log = compose.root / "build" / "logs" / "start.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as file:
        process = subprocess.Popen(
            [*compose.command, "--progress=plain", "up", "-d", "--remove-orphans"],
            env=compose.environment,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
        )
        wanted = set(compose.config()["services"])
        deadline = time.monotonic() + HEALTHY_SECONDS
        while True:
            # In this order: what is seen after Compose has ended is not what it found.
            ended = process.poll()
            states = compose.services()
            phase.status = "  ".join(f"{name} {each}" for name, each in sorted(states.items()))
            failed = [each for each in states.values() if each.bad]
            if ended == 0 and wanted <= set(states) and all(s.good for s in states.values()):
                break
            if (ended not in (None, 0)) or (ended == 0 and failed) or time.monotonic() > deadline:
                process.terminate()
                raise Refused(_failures(compose, log, states))
            time.sleep(0.5)
        # The proxy looks at what is behind it every few seconds: who opens the page at once must
        # not be told that there is no server.
        while not serves(compose) and time.monotonic() < deadline:
            phase.status = "waiting for the proxy to let requests through"
            time.sleep(0.5)
    phase.result = f"{len(states)} services healthy"


def serves(compose: Compose) -> bool:
    """Whether the web answers at the published port, through the proxy."""
    bound = compose.values["BIND_ADDRESS"].strip("[]")
    address = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(bound, bound)  # noqa: S104
    context = ssl.create_default_context(cafile=str(compose.secret("ca.pem")))
    # By address, for which the certificate need not be; it must still be ours.
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
        faults = [Fault(str(log), f"Compose could not start the stack:\n    {text}", "make doctor")]
    return faults


def addresses(compose: Compose) -> str:
    """Where everything is, and who may go in."""
    values = compose.values
    port = "" if values["HTTPS_PORT"] == "443" else f":{values['HTTPS_PORT']}"
    root = f"https://{values['TIMESTACK_DOMAIN']}{port}{values['URL_PREFIX']}"
    secrets = values["SECRETS_PATH"].removeprefix("./")
    rows = [
        ("Landing page", f"{root}/"),
        ("Dashboards", f"{root}/dash/"),
        ("pgAdmin", f"{root}/pgadmin/"),
        ("Flower", f"{root}/flower/"),
        ("Traefik", f"{root}/traefik/"),
    ]
    if values["DB_PORT"]:
        url = f"postgresql://timestack_readonly@localhost:{values['DB_PORT']}/timestack"
        rows.append(("Database", f"{url}, password in {secrets}/db_readonly_password"))
    rows += [
        ("Admin", f"{values['ADMIN_EMAIL']}, first password in {secrets}/admin_password"),
        ("Certificate", f"{secrets}/ca.pem: import it, and browsers trust the addresses above"),
    ]
    return columns(rows)


def make_secrets(root: Path) -> list[str]:
    """Make what is missing of secrets and certificates, a lost one too; returns the names made.

    The services take a new value at the next `make up`, which sets it in the database as well.
    """
    values = settings(root)
    directory = secrets_folder(root, values)
    refuse(credentials.check(directory, in_use=False))
    made = credentials.ensure(directory)
    return made + certificates.ensure(directory, domain=values["TIMESTACK_DOMAIN"])


def down(root: Path) -> int:
    """Stop the stack; volumes, secrets and images stay."""
    return load(root).run("--profile", "*", "down", "--remove-orphans")


def clean(root: Path) -> int:
    """Delete containers, volumes and images of this project, after asking."""
    compose = load(root)
    volumes = docker("volume", "ls", "-q", "--filter", f"name=^{compose.project}_").split()
    info("This deletes the containers and their data:")
    for name in volumes:
        info(f"  volume {name}")
    info("The settings and secrets (.env, .secrets) stay.")
    if os.environ.get("FORCE") != "yes" and not confirm("", compose.project):
        warn("nothing was deleted (FORCE=yes deletes without asking)")
        return 1
    return compose.run("--profile", "*", "down", "--volumes", "--remove-orphans")
