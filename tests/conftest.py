"""Fixtures that more than one folder of tests uses."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

# Its image cannot be pulled where no registry is in reach; every fixture cleans up by itself.
os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")

from tests.stack import Stack


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The whole stack, provisioned and seeded, once for the session."""
    with Stack(tmp_path_factory.mktemp("stack")) as running:
        yield running


@pytest.fixture(scope="session")
def prefixed_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A second stack beside the first: under a URL prefix, and with an empty database."""
    directory = tmp_path_factory.mktemp("prefixed")
    with Stack(directory, URL_PREFIX="/timestack", SEED="no") as running:
        yield running


@pytest.fixture(scope="session")
def screenshots() -> Path:
    """Where pictures of pages are kept for a person to look at; ignored by git."""
    folder = Path(__file__).resolve().parents[1] / "build" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
