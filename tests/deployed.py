"""A stack that `make deploy` keeps, in a copy of the project, and versions to give it."""

from __future__ import annotations

import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.host.compose import SLOTS, TAG, inspected
from scripts.host.production import CHECKS
from tests.checkout import Checkout
from tests.stack import docker
from tests.steady import Steady

# What a deploy of the tests is: images of a name, on this machine alone.
IMAGES = ("traefik", "web", "forecast", "redis", "timescaledb", "pgadmin", "platform")
# Its container runs, and is never ready.
UNHEALTHY = """
USER root
RUN echo 'raise SystemExit("this version is broken")' > /app/timestack/probe.py
USER 10001:10001
"""


class Deployed(Checkout):
    """The versions are the present images under other tags, the web's with one more layer."""

    def __init__(self, folder: Path, project: str) -> None:
        # Three webs open more connections than the smallest database takes.
        settings = {"WEB_INSTANCES": "2", "DB_MEMORY": "1g", "COMPOSE_PROFILES": "", "SEED": "no"}
        super().__init__(folder, project, **settings)
        self.made: list[str] = []

    @property
    def environment(self) -> dict[str, str]:
        """Without the tag of the tests' own images: `.env` says what is deployed."""
        given = {
            name: each for name, each in super().environment.items() if name != "TIMESTACK_TAG"
        }
        return {**given, "ALLOW": ",".join(CHECKS)}

    def version(self, name: str, *more: str) -> str:
        """Make a version of this name, which differs in the images of the application alone."""
        tag = f"{self.project}-{name}"
        # Of the first one: what is built elsewhere meanwhile is another version's.
        base = self.made[0] if self.made else TAG
        for image in IMAGES:
            if image in ("web", "forecast"):
                lines = (f"FROM timestack/{image}:{base}", f"LABEL version={name}", *more)
                command = ("docker", "build", "-q", "-t", f"timestack/{image}:{tag}", "-")
                subprocess.run(
                    command, input="\n".join(lines), text=True, capture_output=True, check=True
                )
            else:
                docker("tag", f"timestack/{image}:{base}", f"timestack/{image}:{tag}")
        self.made.append(tag)
        return tag

    def deploy(self, tag: str, *options: str) -> subprocess.CompletedProcess[str]:
        return self.make("deploy", TAG=tag, ARGS=" ".join(options))

    def interrupted(self, tag: str, seconds: float, number: int = signal.SIGINT) -> bool:
        """Deploy, and send all of it a signal after so long; False when it had ended before."""
        process = subprocess.Popen(
            ["python3", "-m", "scripts.host", "deploy"],
            cwd=self.folder,
            env={**self.environment, "TAG": tag},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(number)
            process.wait()
            return True
        return False

    def tags(self, *services: str) -> list[str]:
        """The tag of each container of these services that runs."""
        return [
            each["Config"]["Image"].rpartition(":")[2]
            for each in inspected(*self.containers)
            if each["State"]["Running"]
            and each["Config"]["Labels"]["com.docker.compose.service"] in services
        ]

    @property
    def webs(self) -> list[str]:
        return self.tags(*SLOTS)

    def load(self, rate: float = 20.0) -> Steady:
        return Steady(self.https_port, self.folder / ".secrets" / "ca.pem", rate)

    def end(self) -> None:
        self.make("clean", FORCE="yes", BACKUPS="delete")
        for tag in self.made:
            docker("image", "rm", "--force", *(f"timestack/{image}:{tag}" for image in IMAGES))


@contextmanager
def deployed(project: str) -> Iterator[Deployed]:
    """A copy whose stack and versions are removed at the end."""
    # Not among pytest's folders: whenever this user starts pytest, it closes those to all others.
    with tempfile.TemporaryDirectory(prefix=f"{project}-", ignore_cleanup_errors=True) as folder:
        made = Deployed(Path(folder), project)
        try:
            yield made
        finally:
            made.end()
