"""Fixtures that more than one folder of tests uses."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePath

import hypothesis
import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

# Its image cannot be pulled where no registry is in reach; every fixture cleans up by itself.
os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")

from tests import editions
from tests.stack import VOLATILE, Stack, free_port

# An example is right or wrong, however busy the machine is.
hypothesis.settings.register_profile("timestack", deadline=None)
hypothesis.settings.load_profile("timestack")
# Files of tests/integration that bring up stacks of their own, and do not need the shared ones.
OWN_STACK = {
    "test_acme.py",
    "test_canary.py",
    "test_deploy.py",
    "test_host.py",
    "test_restore.py",
    "test_units.py",
    "test_up.py",
    "test_update.py",
}
# Faults are caused in its stack.
INTEGRATION = PurePath("tests/integration")
# Files of few tests that take long.
LONG = {
    "test_api_fuzz.py",
    "test_certificates.py",
    "test_live_chart.py",
    "test_load_files.py",
    "test_make_a_page_yours.py",
    "test_server.py",
    "test_settings_agree.py",
}


class Groups(LoadScopeScheduling):
    """Give what shares something that is costly to make to one process; no test depends on it."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Groups:
    distributed = config.pluginmanager.getplugin("dsession")

    def stop(*_: object) -> None:
        """End the processes as -x does: each stops what it brought up. The second time, at once."""
        distributed.shouldstop = "Ctrl-C"
        signal.signal(signal.SIGINT, signal.default_int_handler)

    signal.signal(signal.SIGINT, stop)
    return Groups(config, log)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--faults", action="store_true", help="cause every fault, not the quickest")
    parser.addoption("--fuzz", action="store_true", help="try the API for long, by a new seed")
    parser.addoption("--fuzz-seed", type=int, metavar="N", help="by a seed that was printed")


def group_of(nodeid: str) -> str:
    """The folder, whose tests share stacks; the file, of what has its own or needs none."""
    file = PurePath(nodeid.partition("::")[0])
    if "faults" in file.parts:
        return str(INTEGRATION)
    by_itself = {"unit", "db"} & set(file.parts) or file.name in OWN_STACK
    return str(file if by_itself else file.parent)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the groups: first those of whole stacks, unit tests last, and the largest first."""
    sizes = Counter(group_of(item.nodeid) for item in items)

    def rank(item: pytest.Item) -> tuple[bool, bool, bool, int, str]:
        stack, group = item.get_closest_marker("stack"), group_of(item.nodeid)
        unit, short = group.startswith("tests/unit/"), item.path.name not in LONG
        return (stack is None, unit, short, -sizes[group], group)

    items.sort(key=rank)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Write what tests recorded as `shown`, for a person to read, and what did not run."""
    for report in terminalreporter.getreports("passed"):
        for text in (text for name, text in report.user_properties if name == "shown"):
            terminalreporter.write_line(f"\n{text}\n")
    editions.summary(terminalreporter)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[Stack]:
    """The whole stack, provisioned and seeded, once for the session; registration is open."""
    # What `make faults` shows, it shows of the database as it is.
    options = () if pytestconfig.getoption("--faults") else VOLATILE
    with Stack(tmp_path_factory.mktemp("stack"), options, REGISTRATION="yes") as running:
        yield running


@pytest.fixture(scope="session")
def prefixed_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A second stack beside the first, with what is off by default.

    A URL prefix, an empty database that is published, log-in by the platform, metrics.
    """
    directory = tmp_path_factory.mktemp("prefixed")
    changes = {
        "URL_PREFIX": "/timestack",
        "SEED": "no",
        "AUTH_BACKEND": "platform",
        "DB_PORT": str(free_port()),
        "COMPOSE_PROFILES": "test,metrics",
    }
    with Stack(directory, VOLATILE, **changes) as running:
        yield running


@pytest.fixture(scope="session")
def screenshots() -> Path:
    """Where pictures of pages are kept for a person to look at; ignored by git."""
    folder = Path(__file__).resolve().parents[1] / "build" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
