"""What Compose gets of the settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.host import environment
from scripts.host.compose import EVERY_FILE, SLOTS, Compose, files
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
        ("", "dev"),
        ("COMPOSE_PROFILES=test\n", "test"),
        ("COMPOSE_PROFILES=\n", ""),
        ("TIMESTACK_ENV=production\n", ""),
        ("TIMESTACK_ENV=production\nCOMPOSE_PROFILES=dev\n", ""),
        ("COMPOSE_PROFILES=dev,metrics\n", "dev,metrics"),
        ("TIMESTACK_ENV=production\nCOMPOSE_PROFILES=dev,metrics\n", "metrics"),
    ],
    ids=["default", "test", "empty", "production", "production-dev", "both", "production-both"],
)
def test_a_profile_starts_what_it_names_and_the_simulated_platform_never_in_production(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: str, started: str
) -> None:
    monkeypatch.delenv("COMPOSE_PROFILES", raising=False)
    services = project(tmp_path, lines)["services"]
    assert ("platform" in services) is bool({"dev", "test"} & set(started.split(",")))
    assert ("prometheus" in services) is ("metrics" in started)
    assert services["beat"]["environment"]["COMPOSE_PROFILES"] == started


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


def test_the_slots_of_the_web_differ_by_their_name_alone(tmp_path: Path) -> None:
    services = project(tmp_path, "WEB_INSTANCES=2\nAUTH_BACKEND=platform\n")["services"]
    assert services["traefik"]["environment"]["WEB_SLOTS"] == ",".join(SLOTS)
    alone = [
        {key: value for key, value in services[name].items() if key not in ("labels", "build")}
        for name in SLOTS
    ]
    assert alone[0] == alone[1] == alone[2]
    assert "egress" in alone[0]["networks"]


def test_one_web_is_asked_by_no_health_check_of_the_proxy(tmp_path: Path) -> None:
    services = project(tmp_path, "WEB_INSTANCES=1\n")["services"]
    assert services["traefik"]["environment"]["WEB_SLOTS"] == "web"
    assert not {"web-2", "web-3"} & set(services)
