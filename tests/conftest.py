"""Fixtures that more than one folder of tests uses."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

# Its image cannot be pulled where no registry is in reach; every fixture cleans up by itself.
os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")

from tests.stack import Stack, free_port


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The whole stack, provisioned and seeded, once for the session; anybody may register."""
    with Stack(tmp_path_factory.mktemp("stack"), REGISTRATION="yes") as running:
        yield running


@pytest.fixture(scope="session")
def prefixed_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A second stack beside the first, with what is off by default.

    A URL prefix, an empty database that is published, log-in by the platform.
    """
    directory = tmp_path_factory.mktemp("prefixed")
    changes = {
        "URL_PREFIX": "/timestack",
        "SEED": "no",
        "AUTH_BACKEND": "platform",
        "DB_PORT": str(free_port()),
    }
    with Stack(directory, **changes) as running:
        yield running


@pytest.fixture(scope="session")
def screenshots() -> Path:
    """Where pictures of pages are kept for a person to look at; ignored by git."""
    folder = Path(__file__).resolve().parents[1] / "build" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
