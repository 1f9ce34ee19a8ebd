"""The container engine: there, started, or installed from the distribution's own packages."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from scripts.host import apt
from scripts.host.console import Phase, info
from scripts.host.faults import Fault, Refused
from scripts.host.preflight import MINIMUMS, older

LOG = Path("/var/log/timestack-dockerd.log")
INSTALL_LOG = Path("build/logs/engine.log")
START_SECONDS = 60
# Debian's release that has an engine and a Compose new enough for an older host to borrow.
BORROWED_SUITE = "trixie"
PACKAGES = {
    "debian": ("docker.io", "docker-cli", "docker-compose", "docker-buildx", "iptables"),
    "ubuntu": ("docker.io", "docker-compose-v2", "docker-buildx", "iptables"),
}
COMPOSE_PACKAGE = {"debian": "docker-compose", "ubuntu": "docker-compose-v2"}


@dataclass(frozen=True)
class Versions:
    """The versions that answer; None for a part that is missing or does not answer."""

    engine: str | None
    compose: str | None
    buildx: str | None


def versions() -> Versions:
    """Ask the engine, Compose and buildx for their versions; takes at most a few seconds."""
    return Versions(
        engine=_ask("docker", "version", "--format", "{{.Server.Version}}"),
        compose=_ask("docker", "compose", "version", "--short"),
        buildx=_ask("docker", "buildx", "version"),
    )


def _ask(*command: str) -> str | None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    text = done.stdout.strip()
    if done.returncode or not text:
        return None
    # buildx says `github.com/docker/buildx v0.13.1 commit`.
    return text.split()[1] if " " in text else text


def missing(found: Versions, *, bootstrap: bool) -> list[Fault]:
    """Faults that keep the engine from being used, started or installed; changes nothing."""
    if found.engine and found.compose:
        return []
    if not bootstrap:
        return [_fault("BOOTSTRAP=no keeps `make up` from installing or starting it")]
    if os.geteuid() != 0:
        if shutil.which("dockerd"):
            return [
                Fault(
                    "container engine",
                    "is installed but does not answer this user",
                    "start it (`sudo systemctl start docker`), or join its group "
                    "(`sudo usermod -aG docker $USER`) and log in again",
                )
            ]
        return [_fault("only root can install it")]
    keys = apt.release()
    if not shutil.which("dockerd") and not apt.is_debian_like(keys):
        return [
            _fault(f"`make up` installs it on Debian and Ubuntu, this is {keys.get('ID', '?')}")
        ]
    return []


def _fault(why: str) -> Fault:
    return Fault(
        "container engine",
        f"no Docker engine with Compose answers, and {why}",
        f"install Docker Engine {MINIMUMS['engine']} or newer with the Compose plugin "
        f"{MINIMUMS['compose']} or newer and buildx,\n     start it, and run `make up` again",
    )


def ensure(phase: Phase) -> None:
    """Make sure that an engine answers; call `missing` first. Raises Refused when none can."""
    found = versions()
    if found.engine and found.compose and found.buildx:
        phase.result = f"Docker {found.engine}, Compose {found.compose}, there already"
        return
    installed = ""
    if not (shutil.which("dockerd") and found.compose and found.buildx):
        installed = "installed and "
        _install(phase)
    if not versions().engine:
        installed += "started"
        _start(phase)
    found = versions()
    phase.result = f"Docker {found.engine}, Compose {found.compose}, {installed}".rstrip(", ")


def _install(phase: Phase) -> None:
    keys = apt.release()
    family = "ubuntu" if keys.get("ID") == "ubuntu" else "debian"
    env = apt.environment()
    todo = f"see {INSTALL_LOG}; run `apt-get update` and read what it says"

    def run(what: str, *command: str) -> None:
        phase.run(command, INSTALL_LOG, what=what, todo=todo, env=env)

    run("apt-get update failed", "apt-get", "update")
    packages = list(PACKAGES[family])
    suite: list[str] = []
    if _too_old(apt.candidate(COMPOSE_PACKAGE[family])) or _too_old(
        apt.candidate("docker.io"), "engine"
    ):
        if family == "ubuntu":
            raise Refused([_fault("this release's own packages are too old")])
        _borrow()
        run("apt-get update failed", "apt-get", "update")
        suite = ["-t", BORROWED_SUITE]
    where = f" from {BORROWED_SUITE}" if suite else ""
    info(f"  no container engine: installing {' '.join(packages)}{where}")
    run(
        "the engine's packages could not be installed",
        *("apt-get", "install", "-y", *suite, "--no-install-recommends", *packages),
    )


def _too_old(version: str | None, part: str = "compose") -> bool:
    return version is None or older(version, MINIMUMS[part])


def _borrow() -> None:
    """Add a newer suite of the host's own mirror to apt, at a priority that upgrades nothing."""
    own = apt.mirror(apt.sources())
    if own is None:
        raise Refused([_fault("the host's package sources name no mirror")])
    sources, pin = borrowed(own)
    (apt.APT / "sources.list.d" / "timestack-engine.sources").write_text(sources)
    (apt.APT / "preferences.d" / "timestack-engine").write_text(pin)


def borrowed(own: apt.Source) -> tuple[str, str]:
    """The contents of the two apt files that add BORROWED_SUITE from the mirror `own`."""
    keyring = own.signed_by or "/usr/share/keyrings/debian-archive-keyring.gpg"
    sources = (
        "# Written by Timestack: the container engine, newer than this release has it.\n"
        f"Types: deb\nURIs: {own.uri}\nSuites: {BORROWED_SUITE}\nComponents: main\n"
        f"Signed-By: {keyring}\n"
    )
    pin = (
        "# Written by Timestack: nothing is upgraded to this suite by itself.\n"
        f"Package: *\nPin: release n={BORROWED_SUITE}\nPin-Priority: 100\n"
    )
    return sources, pin


def _start(phase: Phase) -> None:
    phase.status = "starting"
    if Path("/run/systemd/system").is_dir():
        phase.run(
            ("systemctl", "enable", "--now", "docker"),
            INSTALL_LOG,
            what="systemd could not start the engine",
            todo="read `journalctl -u docker -n 50`",
        )
    else:
        _start_detached()
    end = time.monotonic() + START_SECONDS
    while not _ask("docker", "version", "--format", "{{.Server.Version}}"):
        if time.monotonic() > end:
            last = "\n    ".join(LOG.read_text(errors="replace").splitlines()[-10:])
            raise Refused(
                [
                    Fault(
                        str(LOG),
                        f"the engine does not answer after {START_SECONDS} s:\n    {last}",
                        "run `dockerd` in a terminal of its own and read what it says",
                    )
                ]
            )
        time.sleep(0.3)


def _start_detached() -> None:
    """Start dockerd in its own session, where there is no init system."""
    for pid_file in ("/run/docker.pid", "/run/docker/containerd/containerd.pid"):
        remove_stale(Path(pid_file))
    with LOG.open("a") as log:
        subprocess.Popen(
            ["dockerd"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd="/",
        )


def remove_stale(pid_file: Path, proc: Path = Path("/proc")) -> bool:
    """Remove a pid file whose process is gone or is another program; True when removed.

    Process ids are soon used again after a reboot, and dockerd refuses to start while the file
    names any running process.
    """
    try:
        pid = pid_file.read_text().strip()
    except OSError:
        return False
    try:
        name = (proc / pid / "comm").read_text().strip() if pid else ""
    except OSError:
        name = ""
    if name in ("dockerd", "containerd"):
        return False
    pid_file.unlink(missing_ok=True)
    return True
