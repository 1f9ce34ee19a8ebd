"""The frontend's stages of the web's image, built as `make up` does: mostly from the cache."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from scripts.host.compose import host_ca_bundle
from tests.stack import ROOT

WEB = ROOT / "services" / "web"
SOURCES = WEB / "frontend"


def build(target: str, to: Path) -> None:
    """Put the files of a stage of services/web/Dockerfile into a folder."""
    _build(target, "--output", f"type=local,dest={to}")


def image(target: str, name: str) -> None:
    """Make an image of a stage."""
    _build(target, "--tag", name)


def _build(target: str, *more: str) -> None:
    done = subprocess.run(
        [
            *("docker", "build", "--progress=plain", "--target", target),
            *("--secret", f"id=host_ca,src={host_ca_bundle()}", *more, str(WEB)),
        ],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "BUILDX_BUILDER": "default"},
    )
    assert done.returncode == 0, done.stderr
