"""The one way Compose is called, and the state of our containers."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from timestack.shared.allowed import size

CA_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
)


ROOT = Path(__file__).resolve().parents[2]
LATEST = "latest"


def _tag() -> str:
    """Which of our images: those of a deploy have the commit as their tag, which `.env` names.

    What is wrong with that file is for those to say who read all of it.
    """
    lines = []
    with contextlib.suppress(OSError):
        lines = (ROOT / ".env").read_text(errors="replace").splitlines()
    written = [line for line in lines if line.startswith("TIMESTACK_TAG=")]
    found = os.environ.get("TIMESTACK_TAG") or "".join(written[:1]).partition("=")[2].strip()
    return found or LATEST


TAG = _tag()

# The webs of prod.yaml.
SLOTS = ("web", "web-2", "web-3")

# Services whose image is mostly the same in the next version: a deploy leaves their containers.
RARE = ("timescaledb", "redis", "traefik", "pgadmin", "platform")

# Services that do their work and end; any other one that has ended is a fault.
ONE_SHOTS = {"provision"}


@dataclass(frozen=True)
class Service:
    """One container's state: `health` is healthy, starting, unhealthy or empty."""

    name: str
    state: str
    health: str
    exit_code: int
    container: str = ""
    restarts: int = 0

    @property
    def good(self) -> bool:
        """Healthy, or a one-shot that has ended well."""
        if self.state == "exited":
            return self.exit_code == 0 and self.name in ONE_SHOTS
        return self.health == "healthy"

    @property
    def bad(self) -> bool:
        return self.health == "unhealthy" or (self.state == "exited" and not self.good)

    def __str__(self) -> str:
        if self.state == "exited":
            return "done" if self.good else f"exited with {self.exit_code}"
        return self.health or self.state


def files(values: Mapping[str, str]) -> tuple[str, ...]:
    """The files under compose/ that these settings ask for, the later ones on top."""
    asked = {
        "prod.yaml": int(values.get("WEB_INSTANCES") or 1) > 1,
        "platform.yaml": values.get("AUTH_BACKEND") == "platform",
        "dbport.yaml": bool(values.get("DB_PORT")),
        "s3.yaml": bool(values.get("BACKUP_S3_BUCKET")),
    }
    return ("compose.yaml", *(name for name, yes in asked.items() if yes))


# Settings that ask for every one of them.
EVERY_FILE = {
    "AUTH_BACKEND": "platform",
    "DB_PORT": "5432",
    "BACKUP_S3_BUCKET": "any",
    "WEB_INSTANCES": "2",
}


class Compose:
    """Compose on this project's files with this project's settings.

    Without `keep` every image has the same tag, as where they are built (`kept`).
    """

    def __init__(self, root: Path, values: Mapping[str, str], *, keep: bool = True) -> None:
        self.root = root
        self._keep = keep
        self.values = dict(values)
        if values.get("TIMESTACK_ENV") == "production":
            # Never the simulated platform.
            asked = values.get("COMPOSE_PROFILES", "").split(",")
            self.values["COMPOSE_PROFILES"] = "metrics" if "metrics" in asked else ""
        self.project = values["COMPOSE_PROJECT_NAME"]

    @property
    def command(self) -> list[str]:
        return self.command_for(self.project)

    def command_for(self, project: str) -> list[str]:
        """The beginning of every command, for a project of this name."""
        file = self.root / ".env"
        return [
            *("docker", "compose", "--project-directory", str(self.root)),
            *("--env-file", str(file if file.exists() else self.root / ".env.example")),
            *(
                word
                for name in files(self.values)
                for word in ("-f", str(self.root / "compose" / name))
            ),
            *("-p", project),
        ]

    @property
    def environment(self) -> dict[str, str]:
        """What Compose interpolates: our validated settings, which win over the shell's."""
        return {
            **os.environ,
            **self.values,
            **{name: _at_most_present(self.values[name]) for name in ("DB_CPUS", "APP_CPUS")},
            "HOST_CA_BUNDLE": host_ca_bundle(),
            "DB_SHARED_MEMORY": f"{size(self.values['DB_MEMORY']) // 2}b",
            "PROXY_EXCEPTIONS": proxy_exceptions(),
            # The engine's own: a builder in a container sees none of the images that we build on.
            "BUILDX_BUILDER": "default",
            **self.digests,
            **self.kept,
            "TIMESTACK_TAG": self.tag,
            "COMPOSE_PROJECT_NAME": self.project,
        }

    @cached_property
    def digests(self) -> dict[str, str]:
        """One hash per service over the secrets it mounts: SECRETS_OF_WEB and so on.

        A secret's file is replaced, not rewritten, and a running container keeps the one it was
        given; the hash is a label in compose.yaml, which replaces the container.
        """
        found = {}
        for name, mounted in self.secrets_of().items():
            total = hashlib.sha256()
            for file in sorted(map(self.secret, mounted)):
                # A user who may not read them replaces no container: `make up` refuses before that.
                with contextlib.suppress(OSError):
                    total.update(file.name.encode() + hashlib.sha256(file.read_bytes()).digest())
            found[f"SECRETS_OF_{name.upper().replace('-', '_')}"] = total.hexdigest()[:16]
        return found

    @property
    def tag(self) -> str:
        """The tag of the images that containers are made of."""
        return self.values.get("TIMESTACK_TAG") or TAG

    @property
    def has_slots(self) -> bool:
        """Whether there is more than one web, so that they are replaced one by one."""
        return int(self.values.get("WEB_INSTANCES") or 1) > 1

    @cached_property
    def kept(self) -> dict[str, str]:
        """TAG_OF_TRAEFIK and so on: a container's own tag, where its image is the one of ours.

        Compose would replace a container for the name alone. Only with WEB_INSTANCES=2.
        """
        if not self._keep or not self.has_slots:
            return {}
        found = {}
        for each in self.containers():
            name = each["Config"]["Labels"]["com.docker.compose.service"]
            if name in RARE and each["Image"] == image_id(image(name, self.tag)):
                found[f"TAG_OF_{name.upper()}"] = each["Config"]["Image"].rpartition(":")[2]
        return found

    def changed(self) -> set[str]:
        """Services whose container is missing, or is not what files, settings and images make."""
        config = self.config()
        services, hashes = config["services"], self._hashes(config)
        left = set(services)
        for each in self.containers():
            labels = each["Config"]["Labels"]
            name = labels["com.docker.compose.service"]
            same = labels.get("com.docker.compose.config-hash") == hashes.get(name, "")
            if same and each["Image"] == image_id(services[name]["image"]):
                left.discard(name)
        return left

    def _hashes(self, config: dict) -> dict[str, str]:
        """What `up --no-deps` writes on containers: each one's hash, but for what it depends on."""
        alone = {name: {**each, "depends_on": {}} for name, each in config["services"].items()}
        done = subprocess.run(
            [
                *("docker", "compose", "--project-directory", str(self.root), "-p", self.project),
                *("-f", "-", "config", "--hash", "*"),
            ],
            env=self.environment,
            input=json.dumps({**config, "services": alone}),
            capture_output=True,
            text=True,
            check=False,
        )
        return dict(line.split() for line in done.stdout.splitlines())

    def secret(self, name: str) -> Path:
        """The file on the host that holds a secret."""
        return self.root / self.values["SECRETS_PATH"] / name

    def secrets_of(self) -> dict[str, list[str]]:
        """The names of the secrets that each service mounts."""
        command = [*self.command, "config", "--format", "json"]
        done = subprocess.run(
            command, env={**os.environ, **self.values}, capture_output=True, text=True, check=False
        )
        services = json.loads(done.stdout or "{}").get("services", {})
        return {
            name: [each["source"] for each in service.get("secrets", ())]
            for name, service in services.items()
        }

    def run(self, *arguments: str) -> int:
        """Run a command with the caller's own input and output; returns its exit code."""
        return subprocess.run(
            [*self.command, *arguments], env=self.environment, check=False
        ).returncode

    def down(self, *options: str) -> int:
        """End the project, with services that the settings no longer ask for."""
        everything = Compose(self.root, {**self.values, **EVERY_FILE})
        return everything.run("--profile", "*", "down", *options, "--remove-orphans")

    def read(self, *arguments: str) -> str:
        """Standard output of a command; empty when it fails."""
        done = subprocess.run(
            [*self.command, *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout if done.returncode == 0 else ""

    def config(self) -> dict:
        """The whole project as Compose understands it."""
        return json.loads(self.read("config", "--format", "json") or "{}")

    def containers(self) -> list[dict]:
        """What the engine says of our containers, the finished ones too; one-off runs are not ours.

        The engine is asked rather than Compose, whose `ps --format json` is one array in some
        releases and one object a line in others, with more in it or less.
        """
        labels = (f"com.docker.compose.project={self.project}", "com.docker.compose.oneoff=False")
        filters = [word for label in labels for word in ("--filter", f"label={label}")]
        ids = docker("ps", "-aq", *filters).split()
        return inspected(*ids) if ids else []

    def services(self) -> dict[str, Service]:
        """The state of each service that has a container."""
        found = {}
        for each in self.containers():
            state = each["State"]
            name = each["Config"]["Labels"]["com.docker.compose.service"]
            health = state.get("Health", {}).get("Status", "")
            found[name] = Service(
                *(name, state["Status"], health, state["ExitCode"], each["Id"]),
                restarts=each["RestartCount"],
            )
        return found

    def published_ports(self) -> set[int]:
        """Host ports that our own running containers hold."""
        return {
            int(binding["HostPort"])
            for each in self.containers()
            for bindings in (each["NetworkSettings"]["Ports"] or {}).values()
            for binding in bindings or ()
        }

    def secrets_in_use(self) -> set[str]:
        """The names of the secrets that the containers were given; of a stack that is down, all."""
        if not self.has_data():
            return set()
        mounts = [each for container in self.containers() for each in container["Mounts"]]
        places = [PurePosixPath(each["Destination"]) for each in mounts]
        found = {place.name for place in places if place.parent == PurePosixPath("/run/secrets")}
        return found or {name for mounted in self.secrets_of().values() for name in mounted}

    def has_data(self) -> bool:
        """True when the database's volume exists: its roles have their passwords already."""
        return self.volume in docker("volume", "ls", "-q").split()

    def volumes(self) -> list[str]:
        """Every volume of this project, those beside the database's own that a restore left too."""
        label = f"label=com.docker.compose.project={self.project}"
        filters = (label, f"name=^{self.project}_timescaledb-data")
        found = (docker("volume", "ls", "-q", "--filter", each).split() for each in filters)
        return sorted(set(itertools.chain(*found)))

    @property
    def volume(self) -> str:
        """The volume that holds the database's files."""
        return self.values.get("DB_VOLUME") or f"{self.project}_timescaledb-data"


def image(name: str, tag: str = TAG) -> str:
    """One of the images that are built here, such as `web`; by default, that which is in use."""
    return f"timestack/{name}:{tag}"


def image_id(name: str) -> str:
    """The engine's id of a local image, empty when there is none of that name."""
    return docker("image", "inspect", "--format", "{{.Id}}", name).strip()


def _at_most_present(processors: str) -> str:
    """Processors for a container: the engine refuses more than the machine has."""
    return str(min(float(processors), float(os.cpu_count() or 1)))


def docker(*arguments: str, timeout: float | None = None) -> str:
    """Standard output of one `docker` command; empty when it fails."""
    try:
        done = subprocess.run(
            ["docker", *arguments], capture_output=True, text=True, timeout=timeout, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


def inspected(*ids: str) -> list[dict]:
    """What the engine says of these containers; one that went away meanwhile is left out."""
    command = ["docker", "container", "inspect", *ids]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return json.loads(done.stdout or "[]")


def one_off(image: str, *command: str, options: Sequence[str] = ()) -> list[str]:
    """The `docker run` of a throw-away container that sees no network.

    Images that Compose built carry its labels, and their containers inherit them: without the
    empty one this container would count as part of the stack, as one that does not belong.
    """
    label = "com.docker.compose.project="
    fixed = ("--rm", "--network", "none", "--read-only", "--label", label)
    return ["docker", "run", *fixed, *options, "--entrypoint", command[0], image, *command[1:]]


def proxy_exceptions() -> str:
    """What the engine's client reaches without its proxies, as `,name,name`; empty for none.

    It would hand the list to our containers; compose.yaml sets a longer one instead.
    """
    folder = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    try:
        proxies = json.loads((folder / "config.json").read_text(encoding="utf-8"))["proxies"]
        found = [each["noProxy"] for each in proxies.values() if each.get("noProxy")]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        # No such file, or one without proxies; its own program reports what is wrong with it.
        return ""
    return "".join(f",{names}" for names in found)


def host_ca_bundle(candidates: Sequence[str] = CA_BUNDLES) -> str:
    """The file of authorities this host trusts, for builds; /dev/null if there is none."""
    given = os.environ.get("SSL_CERT_FILE")
    for path in (*([given] if given else []), *candidates):
        if Path(path).is_file():
            return path
    return os.devnull
