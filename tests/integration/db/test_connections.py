"""Connections of the pool, and the statements that are prepared on them."""

from __future__ import annotations

import selectors
from collections.abc import Iterator
from datetime import timedelta

import pytest
from psycopg2.extensions import connection as DriverConnection
from sqlalchemy import Engine, Integer, Text, bindparam, cast, literal, select, text
from sqlalchemy.exc import DataError, OperationalError

from tests.integration.db.conftest import Database
from tests.stack import wait_until
from timestack import db, prepared
from timestack.domains import jobs
from timestack.domains.jobs import line, steps
from timestack.prepared import Prepared

pytestmark = pytest.mark.database

PID = text("select pg_backend_pid()")
NUMBER = Prepared(
    "number", select(literal("100 %'"), cast(bindparam("given", type_=Text), Integer))
)


@pytest.fixture
def engine(database: Database) -> Iterator[Engine]:
    """A pool of one connection."""
    made = db.engine_from(database.settings(database_pool_size=1))
    yield made
    made.dispose()


def pid(engine: Engine) -> int:
    return process(engine)[0]


def process(engine: Engine) -> tuple[int, DriverConnection]:
    """The server's process of the pool's one connection, and the connection."""
    with engine.connect() as connection:
        return connection.scalar(PID), connection.connection.driver_connection


def end(database: Database, pid: int, driver: DriverConnection) -> None:
    """End a process of the server; its end comes over the network some time after it is gone."""
    database.sql(f"select pg_terminate_backend({pid})")
    with selectors.DefaultSelector() as news:
        news.register(driver, selectors.EVENT_READ)
        wait_until(lambda: news.select(0), "the end of the server's process is known")


def last_query(database: Database, pid: int) -> str:
    return database.sql(f"select query from pg_stat_activity where pid = {pid}")


def test_a_connection_that_ended_a_moment_ago_is_replaced(
    engine: Engine, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db, "FRESH", 60)
    first, driver = process(engine)
    end(database, first, driver)
    assert pid(engine) != first


def test_a_connection_that_ended_while_it_rested_is_replaced(
    engine: Engine, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db, "FRESH", 0)
    first, driver = process(engine)
    end(database, first, driver)
    assert pid(engine) != first


@pytest.mark.parametrize(("fresh", "asked"), [(60, False), (0, True)])
def test_only_a_connection_that_rested_is_asked_whether_it_lives(
    engine: Engine, database: Database, monkeypatch: pytest.MonkeyPatch, fresh: float, asked: bool
) -> None:
    monkeypatch.setattr(db, "FRESH", fresh)
    used = pid(engine)
    before = last_query(database, used)
    with engine.connect():
        assert (last_query(database, used) != before) == asked


def test_a_statement_is_prepared_once_and_again_after_a_reset(engine: Engine) -> None:
    made = text("select count(*) from pg_prepared_statements")
    with db.autocommit(engine) as connection:
        for given in ("1", "2", None):
            value = given and int(given)
            assert NUMBER.one(connection, {"given": given}) == ("100 %'", value)
        assert connection.scalar(made) == 1
        connection.execute(text("discard all"))
        prepared.forget(connection)
        assert NUMBER.one(connection, {"given": "3"}) == ("100 %'", 3)
    with db.autocommit(engine) as connection:
        assert connection.scalar(made) == 1, "as long as the pool keeps it"


def test_a_prepared_statement_fails_as_others_do(engine: Engine, database: Database) -> None:
    with db.autocommit(engine) as connection:
        with pytest.raises(DataError, match="invalid input syntax") as refused:
            NUMBER.one(connection, {"given": "x"})
        assert not refused.value.connection_invalidated
        end(database, connection.scalar(PID), connection.connection.driver_connection)
        with pytest.raises(OperationalError) as lost:
            NUMBER.one(connection, {"given": "1"})
        assert lost.value.connection_invalidated
    assert pid(engine), "by a new connection"


def test_a_worker_claims_each_job_in_one_round_trip(
    provisioned: Database,
) -> None:
    engine = db.init(provisioned.settings("app"), application_name="line")
    with db.session() as session:
        ids = [jobs.add(session, "jobs.probe").id for _ in range(2)]
    running = line.Line()
    for id in ids:
        with running.free():
            assert running.take(id, None, timedelta(minutes=1)).attempt == 1
            state = provisioned.sql(
                "select state from pg_stat_activity"
                " where application_name = 'line' and query like 'execute job_take%'"
            )
            assert state == "idle", "committed, without a COMMIT after it"
            with running.session() as session:
                assert steps.succeed(session, id, None)
                session.commit()
            running.done(id)
    engine.dispose()
