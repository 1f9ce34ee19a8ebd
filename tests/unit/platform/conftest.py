from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.unit.simulator.running import PASSWORD, Simulator, running


@pytest.fixture(scope="session")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with running(tmp_path_factory.mktemp("simulator")) as simulator:
        yield simulator


@pytest.fixture
def client(simulator: Simulator) -> Iterator[httpx.Client]:
    """Nobody yet."""
    with simulator.client() as client:
        yield client


@pytest.fixture
def service(simulator: Simulator) -> Iterator[httpx.Client]:
    """The service that ingests: it sees every account."""
    with simulator.client(PASSWORD) as client:
        yield client


@pytest.fixture
def viewer(simulator: Simulator, client: httpx.Client) -> Iterator[httpx.Client]:
    """The viewer of studio-north."""
    sent = {"user": "north@platform.example", "password": PASSWORD}
    with simulator.client(client.post("/api/login", json=sent).json()["token"]) as viewer:
        yield viewer
