"""A machine whose plug can be pulled: an engine in a container, with our images."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from tests.stack import ROOT, Stack, docker, wait_until

IMAGE = "timestack-test/engine"


class Machine:
    """Runs the containers of one stack, and is reached by way of its published port alone.

    What it stores is on a volume, as a machine's disk is: it stays when the power is cut.
    """

    def __init__(self, stack: Stack):
        self.folder = stack.directory
        self.name = f"{stack.project}-machine"
        self.port = stack.https_port
        # The socket is a file of this folder, and so are the secrets, under the same path.
        self.socket = self.folder / "engine" / "docker.sock"

    def start(self) -> None:
        """Switch it on for the first time, and bring our images there."""
        docker("build", "-q", "-t", IMAGE, str(ROOT / "tests" / "faults" / "engine"))
        docker(
            *("run", "-d", "--privileged", "--name", self.name, "--tmpfs", "/run"),
            *("--label", "com.docker.compose.project=", "-v", f"{self.folder}:{self.folder}"),
            *("-v", f"{self.socket.parent}:/run/engine"),
            *("-p", f"127.0.0.1:{self.port}:{self.port}", IMAGE),
        )
        wait_until(self.answers, "the engine answers")

    def bring(self, images: list[str]) -> None:
        """Copy images from this machine's engine to that one."""
        with subprocess.Popen(["docker", "save", *images], stdout=subprocess.PIPE) as saved:
            load = ["docker", "--host", self.address, "load", "--quiet"]
            subprocess.run(load, stdin=saved.stdout, stdout=subprocess.DEVNULL, check=True)
        assert saved.returncode == 0

    @property
    def address(self) -> str:
        return f"unix://{self.socket}"

    def answers(self) -> bool:
        ask = ["docker", "--host", self.address, "version"]
        return subprocess.run(ask, capture_output=True, check=False).returncode == 0

    def cut(self) -> None:
        """Pull the plug: every process is gone at one time. And put it back."""
        with outside():
            docker("kill", "--signal", "KILL", self.name)
            docker("start", self.name)
        wait_until(self.answers, "the engine answers again")

    def remove(self) -> None:
        with outside():
            docker("rm", "--force", "--volumes", self.name)


@contextmanager
def inside(machine: Machine) -> Iterator[None]:
    """Have every command of ``docker`` ask the machine's engine."""
    os.environ["DOCKER_HOST"] = machine.address
    try:
        yield
    finally:
        os.environ.pop("DOCKER_HOST", None)


@contextmanager
def outside() -> Iterator[None]:
    """Have them ask this machine's for once."""
    before = os.environ.pop("DOCKER_HOST", None)
    try:
        yield
    finally:
        if before:
            os.environ["DOCKER_HOST"] = before


def images_of(stack: Stack) -> list[str]:
    """The names of the images that its services run."""
    done = stack.compose("config", "--images")
    assert done.returncode == 0, done.stderr
    return sorted(set(done.stdout.split()))
