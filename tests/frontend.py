"""Stages of the web's image, built as `make up` builds them: most of it is cached."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from scripts.host.compose import host_ca_bundle
from tests.stack import ROOT

WEB = ROOT / "services" / "web"


def build(target: str, to: Path) -> None:
    """Put the files of a stage of services/web/Dockerfile into a folder."""
    done = subprocess.run(
        [
            *("docker", "build", "--progress=plain", "--target", target),
            *("--secret", f"id=host_ca,src={host_ca_bundle()}"),
            *("--output", f"type=local,dest={to}", str(WEB)),
        ],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "BUILDX_BUILDER": "default"},
    )
    assert done.returncode == 0, done.stderr
