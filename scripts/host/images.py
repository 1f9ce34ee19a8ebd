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
from scripts.host.compose import Compose, docker
from scripts.host.console import Phase, info
from scripts.host.environment import replace
from scripts.host.faults import Fault, Refused

SUITE = "trixie"
BASE_IMAGE = "debian:trixie-slim"
PULL_SECONDS = 20
IGNORED = {"__pycache__", ".ruff_cache", ".pytest_cache", "node_modules"}
# Our two bases are one Dockerfile's targets; every other image starts from one of them.
BASES = {"timestack/base": "base", "timestack/python": "python"}
STAMP = "build/images.json"
DATABASE = "timescaledb"


def image_id(name: str) -> str:
    """The engine's id of a local image, empty when there is none of that name."""
    return docker("image", "inspect", "--format", "{{.Id}}", name).strip()


def ensure_base(compose: Compose, phase: Phase) -> None:
    """Have BASE_IMAGE: present, else pulled, else bootstrapped from the host's own mirror."""
    name = compose.values["BASE_IMAGE"]
    if image_id(name):
        phase.result = f"{name}, present"
        return
    phase.status = f"pulling {name}"
    docker("pull", "-q", name, timeout=PULL_SECONDS)
    if image_id(name):
        phase.result = f"{name}, pulled"
        return
    if name != BASE_IMAGE:
        raise Refused(
            [
                Fault(
                    ".env: BASE_IMAGE",
                    f"the engine has no image {name} and could not pull it",
                    f"load it with `docker load`, or empty BASE_IMAGE to have {BASE_IMAGE} made",
                )
            ]
        )
    _bootstrap(compose.root, phase)
    phase.result = f"{name}, bootstrapped with mmdebstrap (no registry answered)"


def _bootstrap(root: Path, phase: Phase) -> None:
    log = root / "build" / "logs" / "base.log"
    keys = apt.release()
    if not shutil.which("mmdebstrap"):
        if os.geteuid() != 0 or not apt.is_debian_like(keys):
            raise Refused(
                [
                    Fault(
                        "base image",
                        f"no registry answered for {BASE_IMAGE}, and mmdebstrap is not installed",
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
        full, main = package_lines(keys)
        phase.status = f"bootstrapping {SUITE}"
        try:
            _mmdebstrap(full, tar, log, phase)
        except Refused:
            if full == main:
                raise
            info(f"  the security updates of {SUITE} cannot be reached: the base lacks them")
            _mmdebstrap(main, tar, log, phase)
        # A file, not a pipe: an interrupted import leaves no image behind.
        phase.run(
            ("docker", "import", "--change", 'CMD ["bash"]', str(tar), BASE_IMAGE),
            log,
            what="the bootstrapped system could not be imported",
            todo="look at the disk the engine stores on: `make doctor`",
        )


def package_lines(keys: dict[str, str], found: list[apt.Source] | None = None):
    """The sources of the new system, with and without updates; from the host's own mirror.

    On a host that is not Debian both are empty: mmdebstrap then takes its own default.
    """
    found = apt.sources() if found is None else found
    own = apt.mirror(found) if keys.get("ID") == "debian" else None
    if own is None:
        return [], []
    main = [f"deb {own.uri} {SUITE} main"]
    full = [*main, f"deb {own.uri} {SUITE}-updates main"]
    security = apt.security_mirror(found)
    if security:
        full.append(f"deb {security.uri} {SUITE}-security main")
    return full, main


def _mmdebstrap(lines: list[str], tar: Path, log: Path, phase: Phase) -> None:
    keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
    options = [f"--keyring={keyring}"] if Path(keyring).exists() else []
    phase.run(
        ("mmdebstrap", "--variant=minbase", *options, SUITE, str(tar), *lines),
        log,
        what="mmdebstrap failed",
        todo="check that the host's package mirror answers (`apt-get update`) and has "
        f"{SUITE}; on Ubuntu install debian-archive-keyring",
    )


def build(compose: Compose, phase: Phase, *, always: bool = False) -> None:
    """Build what changed since the last time: the bases in turn, the services in parallel."""
    stamp = compose.root / STAMP
    known = {} if always else _read(stamp)
    args = ["--build-arg", f"BASE_IMAGE={compose.values['BASE_IMAGE']}"]
    folder = compose.root / "services" / "base"
    done = {}
    built = []
    below = image_id(compose.values["BASE_IMAGE"])
    for name, target in BASES.items():
        inputs = digest([folder], below)
        if not _current(known, name, inputs):
            run_build(
                phase,
                compose,
                "base",
                (
                    *("docker", "build", "--progress=plain", "--target", target, "-t", name),
                    *args,
                    str(folder),
                ),
            )
            built.append(name)
        done[name] = {"inputs": inputs, "id": image_id(name)}
    below = " ".join(each["id"] for each in done.values())
    stale = []
    for name, service in sorted(compose.config().get("services", {}).items()):
        if "build" not in service:
            continue
        how = service["build"]
        inputs = digest(_contexts(how), below, json.dumps(how), *_bases_of_its_own(how))
        done[service["image"]] = {"inputs": inputs}
        if not _current(known, service["image"], inputs):
            stale.append(name)
            built.append(service["image"])
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


def run_build(phase: Phase, compose: Compose, log: str, command: tuple[str, ...]) -> None:
    phase.run(
        command,
        compose.root / "build" / "logs" / f"{log}.log",
        what="the build failed",
        todo="the lines above name the step; a time-out is worth a second `make up`",
        env=compose.environment,
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
