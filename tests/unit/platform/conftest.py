from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.unit.platform.running import PASSWORD, Platform, running


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with running(tmp_path_factory.mktemp("platform")) as platform:
        yield platform


@pytest.fixture
def client(platform: Platform) -> Iterator[httpx.Client]:
    """Nobody yet."""
    with platform.client() as client:
        yield client


@pytest.fixture
def service(platform: Platform) -> Iterator[httpx.Client]:
    """The service that ingests: it sees every account."""
    with platform.client(PASSWORD) as client:
        yield client


@pytest.fixture
def viewer(platform: Platform, client: httpx.Client) -> Iterator[httpx.Client]:
    """The viewer of studio-north."""
    sent = {"user": "north@platform.example", "password": PASSWORD}
    with platform.client(client.post("/api/login", json=sent).json()["token"]) as viewer:
        yield viewer
