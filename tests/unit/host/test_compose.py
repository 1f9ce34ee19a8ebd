"""What Compose gets of the settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.host import environment
from scripts.host.compose import EVERY_FILE, Compose, files
from tests.stack import ROOT


def project(tmp_path: Path, lines: str) -> dict:
    """The project as Compose understands it under these settings."""
    (tmp_path / ".env").write_text(lines)
    for name in ("compose", "services", "traefik", "scripts"):
        (tmp_path / name).symlink_to(ROOT / name)
    return Compose(tmp_path, environment.read(tmp_path / ".env")).config()


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
    services = project(tmp_path, lines)["services"]
    assert ("platform" in services) is started
    assert (services["beat"]["environment"]["PLATFORM_PROFILE"] in ("dev", "test")) is started


def published(config: dict) -> set[str]:
    """Service, address, host's port and container's port of all that is published."""
    return {
        f"{name} {port['host_ip']}:{port['published']}->{port['target']}"
        for name, service in config["services"].items()
        for port in service.get("ports", ())
    }


def test_the_database_is_published_on_loopback_by_the_proxy_when_it_is_asked_for(
    tmp_path: Path,
) -> None:
    config = project(tmp_path, "BIND_ADDRESS=0.0.0.0\nDB_PORT=5433\n")
    pages = {"traefik 0.0.0.0:8080->8080", "traefik 0.0.0.0:8443->8443"}
    assert published(config) == {*pages, "traefik 127.0.0.1:5433->5432"}
    # No way out for the database, and no way past the proxy to anything else.
    networks = config["services"]["timescaledb"]["networks"]
    assert all(config["networks"][name]["internal"] for name in networks)
    assert [name for name, each in config["services"].items() if "outside" in each["networks"]] == [
        "timescaledb",
        "traefik",
    ]


def test_the_database_is_not_published_unless_it_is_asked_for(tmp_path: Path) -> None:
    config = project(tmp_path, "DB_PORT=\n")
    assert {each.rpartition("->")[2] for each in published(config)} == {"8080", "8443"}
    assert "outside" not in config["networks"]


def test_the_settings_that_end_a_project_ask_for_every_file() -> None:
    every = {file.name for file in (ROOT / "compose").glob("*.yaml")} - {
        "test.yaml",
        "community.yaml",
    }
    assert set(files(EVERY_FILE)) == every


def test_each_overlay_comes_on_top_of_the_stack_when_its_setting_asks_for_it() -> None:
    assert files({"AUTH_BACKEND": "local", "DB_PORT": ""}) == ("compose.yaml",)
    both = files({"AUTH_BACKEND": "platform", "DB_PORT": "5433"})
    assert both == ("compose.yaml", "platform.yaml", "dbport.yaml")


@pytest.mark.parametrize(("memory", "half"), [("512m", 256), ("1g", 512), ("6g", 3072)])
def test_shared_memory_of_the_database_grows_with_its_memory(
    tmp_path: Path, memory: str, half: int
) -> None:
    services = project(tmp_path, f"DB_MEMORY={memory}\n")["services"]
    assert int(services["timescaledb"]["shm_size"]) == half * 1024**2
