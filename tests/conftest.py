"""Fixtures that more than one folder of tests uses."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

# Its image cannot be pulled where no registry is in reach; every fixture cleans up by itself.
os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")

from tests.editions import pytest_terminal_summary
from tests.stack import Stack, free_port

__all__ = ["pytest_terminal_summary"]

TESTS = Path(__file__).parent
# Fixtures of the session that bring up a whole stack.
SHARED = {"stack", "prefixed_stack"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Group what one process is to run, since it shares what is costly to make; longest first."""
    groups = {item: group_of(item) for item in items}
    sizes = Counter(groups.values())
    for item, group in groups.items():
        item.add_marker(pytest.mark.xdist_group(group))

    def rank(item: pytest.Item) -> tuple[bool, bool, int, str]:
        stack, unit = item.get_closest_marker("stack"), TESTS / "unit" in item.path.parents
        return (stack is None, unit, -sizes[groups[item]], groups[item])

    items.sort(key=rank)


def group_of(item: pytest.Item) -> str:
    """The whole stack that the test shares with other files, else its file.

    A folder of stack tests shares one by its own conftest.py.
    """
    file = item.path.relative_to(TESTS)
    if SHARED & set(getattr(item, "fixturenames", ())):
        return "stack"
    if item.get_closest_marker("stack") and len(file.parts) > 2:
        return str(file.parent)
    return str(file)


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
