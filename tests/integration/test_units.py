"""What systemd itself says of the units of `make install`; and a log that stays bounded."""

from __future__ import annotations

import json
import os
import subprocess
import uuid
from pathlib import Path

import pytest

from scripts.host import units
from scripts.host.compose import Compose
from scripts.host.environment import defaults
from tests.stack import ROOT, docker

IMAGE = "timestack/systemd"
DOCKERFILE = """
FROM timestack/python
RUN apt-get update && apt-get install -y --no-install-recommends systemd
"""
# The engine's own, which the units wait for.
ENGINE = "[Unit]\nDescription=Docker\n[Service]\nExecStart=/bin/true\n"


@pytest.fixture(scope="module")
def systemd() -> str:
    """An image with systemd's programs, none of which runs."""
    command = ("docker", "build", "--quiet", "-t", IMAGE, "-")
    subprocess.run(command, input=DOCKERFILE, capture_output=True, text=True, check=True)
    return IMAGE


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with all that is written, as on a host whose Python is the distribution's."""
    monkeypatch.setattr(units.sys, "executable", "/usr/bin/python3")
    for name, text in units.texts(Path("/srv/timestack"), "timestack", "root").items():
        (tmp_path / name).write_text(text)
    (tmp_path / "docker.service").write_text(ENGINE)
    return tmp_path


def analyze(image: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    mounted = ("--mount", f"type=bind,src={folder},dst=/etc/systemd/system")
    return subprocess.run(
        ["docker", "run", "--rm", "--network", "none", *mounted, image, *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


def verified(image: str, folder: Path) -> subprocess.CompletedProcess[str]:
    paths = [f"/etc/systemd/system/{each.name}" for each in folder.iterdir()]
    return analyze(image, folder, "systemd-analyze", "verify", "--man=no", *paths)


def test_systemd_finds_no_fault_in_the_units(systemd: str, written: Path) -> None:
    done = verified(systemd, written)
    assert (done.returncode, done.stderr) == (0, "")


def test_systemd_would_find_a_fault(systemd: str, written: Path) -> None:
    file = written / "timestack-update.timer"
    file.write_text(file.read_text().replace("OnCalendar=Sun", "OnCalendar=Someday"))
    assert "Failed to parse calendar" in verified(systemd, written).stderr


def test_the_timers_run_weekly_and_monthly(systemd: str, written: Path) -> None:
    whens = [when for _, when, _, _ in units.TASKS]
    done = analyze(systemd, written, "systemd-analyze", "calendar", "--iterations", "2", *whens)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Next elapse: Sun") == 1
    assert done.stdout.count("-01 03:00:00 UTC") == 2


def test_a_container_that_writes_without_end_keeps_a_bounded_log() -> None:
    config = Compose(ROOT, defaults()).config()["services"]["web"]["logging"]
    options = [
        word for key, value in config["options"].items() for word in ("--log-opt", f"{key}={value}")
    ]
    name = f"timestack-chatty-{uuid.uuid4().hex[:8]}"
    chatter = f"yes {'x' * 2000} | head -c 80000000"
    try:
        docker(
            *("run", "--name", name, "--network", "none", "--log-driver", config["driver"]),
            *(*options, "--entrypoint", "sh", "timestack/base", "-c", f"{chatter} > /dev/stderr"),
        )
        (found,) = json.loads(docker("inspect", name))
        folder = Path(found["LogPath"]).parent
        if not os.access(folder, os.R_OK):
            pytest.skip("the engine's files are root's")
        taken = sum(each.stat().st_size for each in folder.glob("*-json.log*"))
        assert 40_000_000 < taken < 55_000_000
    finally:
        docker("rm", "--force", name)
