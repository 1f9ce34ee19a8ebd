"""What Compose is told of the settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.host import environment
from scripts.host.compose import Compose
from tests.stack import ROOT


@pytest.mark.parametrize(
    ("lines", "started"),
    [
        ("", True),
        ("COMPOSE_PROFILES=test\n", True),
        ("COMPOSE_PROFILES=\n", False),
        ("TIMESTACK_ENV=production\n", False),
        ("TIMESTACK_ENV=production\nCOMPOSE_PROFILES=dev\n", False),
    ],
    ids=["default", "test", "empty", "production", "production-dev"],
)
def test_the_simulated_platform_never_runs_in_production(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: str, started: bool
) -> None:
    monkeypatch.delenv("COMPOSE_PROFILES", raising=False)
    (tmp_path / ".env").write_text(lines)
    for name in ("compose", "services", "traefik", "scripts"):
        (tmp_path / name).symlink_to(ROOT / name)
    services = Compose(tmp_path, environment.read(tmp_path / ".env")).config()["services"]
    assert ("platform" in services) is started
    assert (services["worker"]["environment"]["SIMULATOR"] in ("dev", "test")) is started
