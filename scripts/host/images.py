"""Every image, built here: the base is there, pulled or bootstrapped; the rest builds on it."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from scripts.host import apt
from scripts.host.compose import Compose, docker, image_id
from scripts.host.console import Phase, info
from scripts.host.environment import replace
from scripts.host.faults import Fault, Refused

SUITE = "trixie"
BASE_IMAGE = "debian:trixie-slim"
PULL_SECONDS = 20
IGNORED = {"__pycache__", ".ruff_cache", ".pytest_cache", "node_modules"}
# Our two bases are one Dockerfile's targets; every other image starts from one of them.
BASES = {"timestack/base": "base", "timestack/python": "python"}
# What TIMESCALEDB_BASE names where the database comes from another suite of Debian than the rest.
OTHER_SUITE = "timestack/python-"
STAMP = "build/images.json"
# When packages were last taken in (`make update`); the bases are rebuilt when it changes.
UPDATED = "build/updated"
DATABASE = "timescaledb"


def suite_of(base: str) -> str:
    """The suite of Debian that TIMESCALEDB_BASE asks us to make a base of; empty for none."""
    return base.removeprefix(OTHER_SUITE) if base.startswith(OTHER_SUITE) else ""


def ensure_base(compose: Compose, phase: Phase) -> None:
    """Have BASE_IMAGE, and the database's other suite where one is asked for."""
    wanted = {compose.values["BASE_IMAGE"]: SUITE}
    if suite := suite_of(compose.values["TIMESCALEDB_BASE"]):
        wanted[_debian(suite)] = suite
    phase.result = "; ".join(_have(compose.root, *each, phase) for each in wanted.items())


def _debian(suite: str) -> str:
    return f"debian:{suite}-slim"


def _have(root: Path, name: str, suite: str, phase: Phase) -> str:
    """Have an image: present, else pulled, else bootstrapped from the host's own mirror."""
    if image_id(name):
        return f"{name}, present"
    phase.status = f"pulling {name}"
    docker("pull", "-q", name, timeout=PULL_SECONDS)
    if image_id(name):
        return f"{name}, pulled"
    if name != _debian(suite):
        raise Refused(
            [
                Fault(
                    ".env: BASE_IMAGE",
                    f"the engine has no image {name} and could not pull it",
                    f"load it with `docker load`, or empty BASE_IMAGE to have {BASE_IMAGE} made",
                )
            ]
        )
    _bootstrap(root, phase, suite)
    return f"{name}, bootstrapped with mmdebstrap (no registry answered)"


def _bootstrap(root: Path, phase: Phase, suite: str) -> None:
    """Make the image of a suite that `_debian` names."""
    name = _debian(suite)
    log = root / "build" / "logs" / "base.log"
    keys = apt.release()
    if not shutil.which("mmdebstrap"):
        if os.geteuid() != 0 or not apt.is_debian_like(keys):
            raise Refused(
                [
                    Fault(
                        "base image",
                        f"no registry answered for {name}, and mmdebstrap is not installed",
                        "install mmdebstrap, or load the image with `docker load`",
                    )
                ]
            )
        info("  no image registry answers: installing mmdebstrap")
        phase.run(
            ("apt-get", "install", "-y", "--no-install-recommends", "mmdebstrap"),
            log,
            what="mmdebstrap could not be installed",
            todo="run `apt-get update` and read what it says",
            env=apt.environment(),
        )
    with tempfile.TemporaryDirectory(prefix="timestack-base-") as folder:
        tar = Path(folder) / "base.tar"
        full, main = package_lines(keys, suite=suite)
        phase.status = f"bootstrapping {suite}"
        try:
            _mmdebstrap(suite, full, tar, log, phase)
        except Refused:
            if full == main:
                raise
            info(f"  the security updates of {suite} cannot be reached: the base lacks them")
            _mmdebstrap(suite, main, tar, log, phase)
        # A file, not a pipe: an interrupted import leaves no image behind.
        phase.run(
            ("docker", "import", "--change", 'CMD ["bash"]', str(tar), name),
            log,
            what="the bootstrapped system could not be imported",
            todo="look at the disk the engine stores on: `make doctor`",
        )


def package_lines(keys: dict[str, str], found: list[apt.Source] | None = None, suite: str = SUITE):
    """The sources of the new system, with and without updates; from the host's own mirror.

    On a host that is not Debian both are empty: mmdebstrap then takes its own default.
    """
    found = apt.sources() if found is None else found
    own = apt.mirror(found) if keys.get("ID") == "debian" else None
    if own is None:
        return [], []
    main = [f"deb {own.uri} {suite} main"]
    full = [*main, f"deb {own.uri} {suite}-updates main"]
    security = apt.security_mirror(found)
    if security:
        full.append(f"deb {security.uri} {suite}-security main")
    return full, main


def _mmdebstrap(suite: str, lines: list[str], tar: Path, log: Path, phase: Phase) -> None:
    keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
    options = [f"--keyring={keyring}"] if Path(keyring).exists() else []
    if not apt.checks_dates():
        # The mirror is a snapshot, here and for the packages that are put on top.
        options.append(f'--aptopt={apt.CHECKS_DATES} "false"')
    phase.run(
        ("mmdebstrap", "--variant=minbase", *options, suite, str(tar), *lines),
        log,
        what="mmdebstrap failed",
        todo="check that the host's package mirror answers (`apt-get update`) and has "
        f"{suite}; on Ubuntu install debian-archive-keyring",
    )


def build(compose: Compose, phase: Phase, *, always: bool = False) -> None:
    """Build what changed since the last time: the bases in turn, the services in parallel."""
    stamp = compose.root / STAMP
    known = {} if always else _read(stamp)
    done, built = build_bases(compose, phase, known)
    stale = []
    for name, (service, inputs) in _inputs(compose).items():
        done[name] = {"inputs": inputs}
        if not _current(known, name, inputs):
            stale.append(service)
            built.append(name)
    if stale:
        # Compose labels an image with the project: one name for all, or two stacks on one host
        # would rebuild the same images in turn.
        command = compose.command_for("timestack")
        args = ("--build-arg", f"COMMIT={commit(compose.root)}")
        run_build(phase, compose, "images", (*command, "--progress=plain", "build", *args, *stale))
    for name, each in done.items():
        each["id"] = image_id(name)
    _write(stamp, done)
    phase.result = f"{len(built)} built, {len(done) - len(built)} unchanged"


def _inputs(compose: Compose) -> dict[str, tuple[str, str]]:
    """The service of each image, and one hash over what it is built from."""
    below = " ".join(map(image_id, BASES))
    found = {}
    for name, service in sorted(compose.config().get("services", {}).items()):
        if "build" in service:
            how = service["build"]
            inputs = digest(_contexts(how), below, json.dumps(how), *_bases_of_its_own(how))
            found[service["image"]] = (name, inputs)
    return found


def stale(compose: Compose) -> list[str]:
    """The services whose container has another image than the one of that name now."""
    return sorted(
        each["Config"]["Labels"]["com.docker.compose.service"]
        for each in compose.containers()
        if each["Image"] != image_id(each["Config"]["Image"])
    )


def build_bases(
    compose: Compose, phase: Phase, known: dict
) -> tuple[dict[str, dict[str, str]], list[str]]:
    """Build the bases that the settings ask for; returns inputs and id of each, and the built."""
    updated = compose.root / UPDATED
    when = updated.read_text().strip() if updated.exists() else ""
    folder = compose.root / "services" / "base"
    done: dict[str, dict[str, str]] = {}
    built: list[str] = []
    bases = [(name, target, compose.values["BASE_IMAGE"]) for name, target in BASES.items()]
    if suite := suite_of(compose.values["TIMESCALEDB_BASE"]):
        bases.append((f"{OTHER_SUITE}{suite}", "python", _debian(suite)))
    for name, target, base in bases:
        inputs = digest([folder], image_id(base), when)
        if not _current(known, name, inputs):
            run_build(
                phase,
                compose,
                "base",
                (
                    *("docker", "build", "--progress=plain", "--target", target, "-t", name),
                    *("--build-arg", f"BASE_IMAGE={base}", "--build-arg", f"UPDATED={when}"),
                    str(folder),
                ),
            )
            built.append(name)
        done[name] = {"inputs": inputs, "id": image_id(name)}
    return done, built


def build_beside(
    compose: Compose, phase: Phase, service: str, tag: str, *, newest: bool = False
) -> None:
    """Build one service's image under another tag, and the bases that it needs.

    The layers are those of the image that `build` makes of the same settings, or with ``newest``
    new ones, of the packages as they are now, which `build` then finds as well.
    """
    build_bases(compose, phase, _read(compose.root / STAMP))
    command = (*compose.command_for("timestack"), "--progress=plain", "build", service)
    args = ("--build-arg", f"COMMIT={commit(compose.root)}", *(["--no-cache"] if newest else []))
    env = {**compose.environment, "TIMESTACK_TAG": tag}
    run_build(phase, compose, tag, (*command, *args), env=env)


def missing(compose: Compose) -> list[Fault]:
    """A fault when an image that the services are made of is not there."""
    services = compose.config().get("services", {}).values()
    gone = sorted({each["image"] for each in services if not image_id(each["image"])})
    if not gone:
        return []
    return [Fault("images", f"{', '.join(gone)}: not there", "make up, which builds them")]


def community(compose: Compose, phase: Phase) -> str:
    """The database's image on the Community edition, for the tests; empty where none can be had.

    It is what TIMESCALEDB_IMAGE names, else what compose/community.yaml builds.
    """
    given = os.environ.get("TIMESCALEDB_IMAGE", "")
    if given:
        phase.result = f"{given}, given"
        return given
    on_top = ("-f", str(compose.root / "compose" / "community.yaml"))
    service = json.loads(compose.read(*on_top, "config", "--format", "json"))["services"][DATABASE]
    name, base = service["image"], service["build"]["args"]["TIMESCALEDB_BASE"]
    known = image_id(base) or docker("manifest", "inspect", base, timeout=PULL_SECONDS)
    if not known:
        phase.result = f"not run: no registry answers for {base}"
        return ""
    command = (*compose.command_for("timestack"), *on_top, "--progress=plain", "build", DATABASE)
    run_build(phase, compose, "community", command)
    phase.result = f"{name}, on {base}"
    return name


def commit(root: Path) -> str:
    """The commit that is checked out, with `-dirty` where files differ; empty without git."""
    describe = ("git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40")
    try:
        done = subprocess.run(
            (*describe, "--exclude", "*"), capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return ""
    return done.stdout.strip()


def run_build(
    phase: Phase,
    compose: Compose,
    log: str,
    command: tuple[str, ...],
    env: dict[str, str] | None = None,
) -> None:
    phase.run(
        command,
        compose.root / "build" / "logs" / f"{log}.log",
        what="the build failed",
        todo="the lines above name the step; a time-out is worth a second `make up`",
        env=env or compose.environment,
        read=step_of,
    )


def step_of(line: str) -> str | None:
    """The step that a line of BuildKit's plain output begins: `[web 3/7] RUN …`."""
    found = re.match(r"#\d+ (\[(?!.*internal).*)", line)
    return found.group(1) if found else None


def _bases_of_its_own(build: dict) -> list[str]:
    """The engine's ids of TIMESCALEDB_BASE and TRAEFIK_BASE: a pull changes them, not the name."""
    given = build.get("args", {})
    return [
        image_id(given[name]) for name in sorted(given) if name.endswith("_BASE") and given[name]
    ]


def _contexts(build: dict) -> list[Path]:
    return [Path(build["context"]), *map(Path, build.get("additional_contexts", {}).values())]


def digest(folders: list[Path], *more: str) -> str:
    """One hash over the names, modes and contents of all files below `folders`, and `more`."""
    total = hashlib.sha256("\0".join(more).encode())
    for folder in folders:
        for file in sorted(folder.rglob("*")):
            if IGNORED.intersection(file.parts) or not file.is_file():
                continue
            total.update(f"\0{file.relative_to(folder)}\0{file.stat().st_mode & 0o111}\0".encode())
            total.update(hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()


def _current(known: dict, name: str, inputs: str) -> bool:
    """True when the engine's image of this name is the one we built from these inputs."""
    each = known.get(name, {})
    return each.get("inputs") == inputs and bool(each.get("id")) and each["id"] == image_id(name)


def _read(stamp: Path) -> dict:
    try:
        return json.loads(stamp.read_text())
    except (OSError, ValueError):
        return {}


def _write(stamp: Path, done: dict) -> None:
    stamp.parent.mkdir(parents=True, exist_ok=True)
    replace(stamp, json.dumps(done, indent=1), 0o644)


def unique_bytes(names: list[str]) -> int:
    """Bytes that the images take together on disk, shared layers counted once."""
    found = json.loads(docker("image", "inspect", *names) or "[]")
    sizes = {tuple(each["RootFS"]["Layers"]): each["Size"] for each in found}
    total = 0
    for layers, size in sizes.items():
        below = [chain for chain in sizes if len(chain) < len(layers) and _starts(layers, chain)]
        total += size - (sizes[max(below, key=len)] if below else 0)
    return total


def _starts(layers: tuple[str, ...], chain: tuple[str, ...]) -> bool:
    return layers[: len(chain)] == chain
