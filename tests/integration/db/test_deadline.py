"""Waits for a real server, which is slow or hangs."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from psycopg2 import extensions
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from tests.integration.db.conftest import Database
from tests.stack import BUSY, wait_until
from timestack import deadline


@pytest.fixture
def engine(database: Database) -> Iterator[Engine]:
    """An engine of a process that watches its waits; psycopg2 keeps that for all of the process."""
    settings = database.settings()
    deadline.watch(settings.database_host, settings.database_port)
    yield database.engine()
    extensions.set_wait_callback(None)


def test_a_statement_that_takes_long_is_waited_for(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadline, "PATIENCE", 0.1)
    monkeypatch.setattr(deadline, "AGAIN", 0.0)
    with engine.begin() as connection:
        rows = connection.execute(text("select n, pg_sleep(1) from generate_series(1, 2) as n"))
        assert [row.n for row in rows] == [1, 2]


def test_a_result_of_many_megabytes_comes_whole(engine: Engine) -> None:
    with engine.begin() as connection:
        rows = connection.execute(text("select repeat('x', 1000000) from generate_series(1, 20)"))
        assert [len(row[0]) for row in rows] == [1_000_000] * 20


def test_a_server_that_hangs_is_waited_for_once_and_comes_back_by_itself(
    database: Database, engine: Engine
) -> None:
    container = database.server.container.get_wrapped_container()
    with engine.connect() as held:
        assert held.scalar(text("select 1")) == 1
        container.pause()
        try:
            waited = deadline.PATIENCE + deadline.ANSWER
            assert refused_after(engine) < waited + BUSY
            # Then it is known to hang.
            wait_until(lambda: refused_after(engine) < waited / 2, "nobody waits")
            with pytest.raises(OperationalError, match="hangs"):
                held.scalar(text("select 1"))
        finally:
            container.unpause()
    wait_until(lambda: answers(engine), "the server answers again")


def refused_after(engine: Engine) -> float:
    """Seconds until a connection is refused since the server hangs."""
    began = time.monotonic()
    with pytest.raises(OperationalError, match="hangs"), engine.connect() as other:
        other.scalar(text("select 1"))
    return time.monotonic() - began


def answers(engine: Engine) -> bool:
    try:
        with engine.connect() as connection:
            return connection.scalar(text("select 1")) == 1
    except OperationalError:
        return False
