"""Rows of one account on pooled connections that serve everybody: seen by it and by no other."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import date
from itertools import repeat

import psycopg2
import pytest
from sqlalchemy import Engine, event, func, select, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import Session
from sqlalchemy.pool import PoolProxiedConnection

from tests.integration.db.conftest import Database
from timestack import db
from timestack.domains import usage
from timestack.models.usage import Usage

pytestmark = pytest.mark.database

DENIED = "42501"
# Text that means something to SQL, to PostgreSQL's settings or to a driver's placeholders.
HOSTILE = (
    "' or account <> '",
    "'; reset timestack.account; --",
    "anna', false); select set_config('timestack.account', 'bert",
    "\\' or true --",
    "$$ or true $$",
    "%(account)s %s :account",
    '"anna"',
    "anna ",
    "Anna",
    "*",
    "%",
    "NULL",
    "x" * db.ACCOUNT_LENGTH,
    "åsa@example.org",
)
POOL = 3
CARRIED = text("select nullif(current_setting('timestack.account', true), '')")


@pytest.fixture(scope="module")
def engine(provisioned: Database) -> Iterator[Engine]:
    """What ``db.session()`` runs on: POOL connections and no more.

    anna used two projects, bert one of the same name; an item counts 1 for her and 100 for him.
    """
    provisioned.sql(
        "insert into usage (account, project, day, items, ingested_seconds, storage_video_mb)"
        " values ('anna', 'news', '2024-01-01', 1, 60, 0.5),"
        " ('anna', 'news', '2024-01-02', 1, 0, 0), ('anna', 'arts', '2024-01-02', 1, 0, 0),"
        " ('bert', 'news', '2024-01-02', 100, 0, 0)"
    )
    with pytest.MonkeyPatch.context() as patch:
        # Sixteen threads that do nothing else wait longer for one of three than a page may.
        patch.setattr(db, "POOL_TIMEOUT", 60)
        engine = bound(provisioned, POOL)
    yield engine
    engine.dispose()


@pytest.fixture
def single(provisioned: Database, engine: Engine) -> Iterator[Engine]:
    """The same with a single connection: whoever comes next gets the one just given back."""
    alone = bound(provisioned, 1)
    yield alone
    assert alone.pool.checkedout() == 0
    alone.dispose()
    db._sessions.configure(bind=engine)


def bound(database: Database, size: int) -> Engine:
    """Bind ``db.session()`` to a pool of exactly ``size`` connections of the web's role."""
    engine = db.init(database.settings("app", database_pool_size=size), statement_timeout=60)
    # None beyond those that are kept.
    engine.pool._max_overflow = 0
    return engine


def accounts() -> list[str]:
    """The account of every row that a new transaction sees."""
    with db.session() as session:
        return list(session.scalars(select(Usage.account)))


def carried(engine: Engine) -> str | None:
    """What the pooled connection itself still holds, below all of SQLAlchemy's transactions."""
    with closing(engine.raw_connection()) as pooled:
        return still_names(pooled)


def still_names(pooled: PoolProxiedConnection) -> str | None:
    with pooled.cursor() as cursor:
        cursor.execute(CARRIED.text)
        return cursor.fetchone()[0]


def refusal(statement: str) -> str:
    """SQLSTATE with which the server refuses a statement; fails when it does not."""
    with pytest.raises(DBAPIError) as error, db.session() as session:
        session.execute(text(statement))
    assert isinstance(error.value.orig, psycopg2.Error)
    return error.value.orig.pgcode


# Reading and writing


def test_an_account_reads_its_own_projects_and_days(engine: Engine) -> None:
    with db.acting_for("anna"), db.session() as session:
        assert usage.projects(session) == ["arts", "news"]
        days = usage.by_day(session, date(2024, 1, 1), date(2024, 1, 3))
    assert [(each.day.day, each.project, each.items) for each in days] == [
        (1, "news", 1),
        (2, "arts", 1),
        (2, "news", 1),
    ]
    assert (days[0].ingested_seconds, days[0].storage_video_mb, days[0].deleted) == (60, 0.5, False)


def test_the_last_day_is_the_one_before_the_end(engine: Engine) -> None:
    with db.acting_for("anna"), db.session() as session:
        days = usage.by_day(session, date(2024, 1, 1), date(2024, 1, 2))
        assert [each.project for each in days] == ["news"]
        with pytest.raises(ValueError, match="2024-01-01 is not after start 2024-01-01"):
            usage.by_day(session, date(2024, 1, 1), date(2024, 1, 1))


def test_for_nobody_there_is_nothing(engine: Engine) -> None:
    with db.session() as session:
        assert usage.projects(session) == []
        assert usage.by_day(session, date(2024, 1, 1), date(2025, 1, 1)) == []


@pytest.mark.parametrize(
    "statement",
    [
        "insert into usage (account, project, day) values ('bert', 'theft', '2024-01-02')",
        # The row is there already: being refused must not tell so.
        "insert into usage (account, project, day) values ('bert', 'news', '2024-01-02')",
        "insert into usage (account, project, day) values ('bert', 'news', '2024-01-02')"
        " on conflict (account, project, day) do update set items = 0",
        "update usage set account = 'bert'",
    ],
)
@pytest.mark.parametrize("account", ["anna", None])
def test_a_row_of_another_account_cannot_be_written(
    engine: Engine, account: str | None, statement: str
) -> None:
    with db.acting_for(account):
        if account is None and statement.startswith("update"):
            # Nobody has a row to give away.
            with db.session() as session:
                assert session.execute(text(statement)).rowcount == 0
        else:
            assert refusal(statement) == DENIED
    with db.acting_for("bert"):
        assert accounts() == ["bert"]


@pytest.mark.parametrize("statement", ["update usage set items = 0", "delete from usage"])
def test_an_account_changes_none_but_its_own_rows(engine: Engine, statement: str) -> None:
    with db.acting_for("bert"), db.session() as session:
        assert session.execute(text(statement)).rowcount == 1
        session.rollback()


@pytest.mark.parametrize("account", HOSTILE)
def test_an_account_is_text_and_never_sql(engine: Engine, provisioned: Database, account) -> None:
    with db.acting_for(account):
        with db.session() as session:
            assert session.scalar(CARRIED) == account
            assert usage.projects(session) == []
            session.add(Usage(account=account, project="own", day=date(2024, 1, 1)))
        assert accounts() == [account]
        with db.session() as session:
            session.execute(text("delete from usage"))
    assert carried(engine) is None
    assert provisioned.sql("select sum(items) from usage") == "103"


# Who acts, and how long


def test_a_transaction_acts_to_its_end_for_whom_it_began_with(engine: Engine) -> None:
    with db.acting_for("anna"), db.session() as session:
        assert session.scalar(CARRIED) == "anna"
        with db.acting_for("bert"):
            assert session.scalar(CARRIED) == "anna"
            assert accounts() == ["bert"]
        assert session.scalar(CARRIED) == "anna"


@pytest.mark.parametrize("released", [True, False])
def test_a_savepoint_changes_nothing_of_who_acts(engine: Engine, released: bool) -> None:
    with db.acting_for("anna"), db.session() as session:
        # Also where it is the first thing that a session does.
        savepoint = session.begin_nested()
        assert session.scalar(CARRIED) == "anna"
        with db.acting_for("bert"):
            session.begin_nested().commit()
        if released:
            savepoint.commit()
        else:
            with pytest.raises(DBAPIError):
                session.execute(text("select 1 / 0"))
            savepoint.rollback()
        assert session.scalar(CARRIED) == "anna"
        assert set(session.scalars(select(Usage.account))) == {"anna"}


def test_a_session_acts_in_each_of_its_transactions(engine: Engine) -> None:
    with Session(engine) as session:
        for account in ("anna", "bert", None, "anna"):
            with db.acting_for(account):
                assert session.scalar(CARRIED) == account
            session.rollback()


def test_a_session_on_a_connection_of_its_own_acts_too(engine: Engine) -> None:
    with engine.connect() as connection, Session(connection) as session:
        for account in ("anna", None, "bert"):
            with db.acting_for(account):
                assert session.scalar(CARRIED) == account
                session.commit()


def test_a_result_that_is_streamed_is_the_accounts_own(engine: Engine) -> None:
    streaming = engine.execution_options(stream_results=True)
    with db.acting_for("anna"), streaming.connect() as connection:
        assert set(connection.scalars(select(Usage.account))) == {"anna"}


def test_without_a_transaction_there_is_nothing_to_act_in(single: Engine) -> None:
    # Autocommit: the name would end with the very statement that sets it.
    committing = single.execution_options(isolation_level="AUTOCOMMIT")
    with db.acting_for("anna"):
        with committing.connect() as connection:
            assert connection.scalars(select(Usage.account)).all() == []
        assert carried(single) is None
        assert set(accounts()) == {"anna"}


def test_for_nobody_not_one_statement_more_is_sent(single: Engine) -> None:
    sent = []
    event.listen(single, "before_cursor_execute", lambda *sees: sent.append(sees[2]))
    for account, expected in ((None, ["select 1"]), ("anna", [db.ACT_FOR, "select 1"])):
        sent.clear()
        with db.acting_for(account), db.session() as session:
            session.execute(text("select 1"))
        assert sent == expected


def test_a_connection_lost_before_it_knows_whom_to_act_for_is_replaced(
    engine: Engine, provisioned: Database
) -> None:
    with engine.connect() as connection, Session(connection) as session:
        pid = session.scalar(text("select pg_backend_pid()"))
        session.commit()
        assert provisioned.sql(f"select pg_terminate_backend({pid}, 10000)") == "t"
        with db.acting_for("anna"):
            with pytest.raises(OperationalError) as error:
                session.scalar(CARRIED)
            assert error.value.statement == db.ACT_FOR
            session.rollback()
            assert session.scalar(CARRIED) == "anna"


# What the connection carries when a transaction has ended, in whichever way


def commit(session: Session, kill: Callable) -> None:
    session.commit()


def roll_back(session: Session, kill: Callable) -> None:
    session.rollback()


def fail_in_the_database(session: Session, kill: Callable) -> None:
    session.execute(text("select 1 / 0"))


def fail_in_the_code(session: Session, kill: Callable) -> None:
    raise ZeroDivisionError


def fail_at_the_commit(session: Session, kill: Callable) -> None:
    session.add(Usage(account="anna", project="refused", day=date(2024, 1, 1), items=-1))


def run_out_of_time(session: Session, kill: Callable) -> None:
    session.execute(text("set local statement_timeout = '50ms'"))
    session.execute(text("select pg_sleep(60)"))


def lose_the_connection(session: Session, kill: Callable) -> None:
    kill(session.scalar(text("select pg_backend_pid()")))
    session.execute(text("select 1"))


def lose_the_connection_unnoticed(session: Session, kill: Callable) -> None:
    kill(session.scalar(text("select pg_backend_pid()")))


def leave_a_savepoint_open(session: Session, kill: Callable) -> None:
    session.begin_nested()
    session.execute(text("select 1"))


ENDS = {
    commit: None,
    roll_back: None,
    fail_in_the_database: "22012",
    fail_in_the_code: ZeroDivisionError,
    fail_at_the_commit: "23514",
    run_out_of_time: "57014",
    lose_the_connection: OperationalError,
    lose_the_connection_unnoticed: OperationalError,
    leave_a_savepoint_open: None,
}


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
def test_a_connection_carries_nobody_after(
    single: Engine, provisioned: Database, end: Callable
) -> None:
    def kill(pid: int) -> None:
        assert provisioned.sql(f"select pg_terminate_backend({pid}, 10000)") == "t"

    def act() -> None:
        with db.session() as session:
            assert set(session.scalars(select(Usage.account))) == {"anna"}
            end(session, kill)

    with db.acting_for("anna"):
        expected = ENDS[end]
        if expected is None:
            act()
        else:
            kind = DBAPIError if isinstance(expected, str) else expected
            with pytest.raises(kind) as error:
                act()
            if isinstance(expected, str):
                assert error.value.orig.pgcode == expected
    assert carried(single) is None
    assert accounts() == []
    with db.acting_for("bert"):
        assert accounts() == ["bert"]
    assert carried(single) is None


# Everybody at once

THREADS = 16
REQUESTS = 4800
KINDS = ("read", "failing", "refused", "undone")
REFUSALS = {"failing": "22012", "refused": DENIED}
ROWS = {"anna": 3, "bert": 100, None: 0}


def serve(seed: int, requests: int) -> Counter[str]:
    """Serve requests one after the other, as a thread of the web does; count each kind."""
    chosen = random.Random(seed)
    served = Counter()
    for _ in range(requests):
        account, kind = chosen.choice(list(ROWS)), chosen.choice(KINDS)
        db.act_for(account)
        try:
            answer(account, kind)
        except DBAPIError as error:
            if error.orig.pgcode != REFUSALS.get(kind):
                raise
        else:
            assert kind not in REFUSALS
        finally:
            db.act_for(None)
        served[kind] += 1
    return served


def answer(account: str | None, kind: str) -> None:
    with db.session() as session:
        read(session, account)
        if kind == "failing":
            session.execute(text("select 1 / 0"))
        elif kind == "refused":
            session.add(Usage(account="carl", project="news", day=date(2024, 1, 1)))
        elif kind == "undone":
            with session.begin_nested() as savepoint:
                session.execute(text("update usage set items = items + 1"))
                savepoint.rollback()
            read(session, account)


def read(session: Session, account: str | None) -> None:
    seen, items = session.execute(
        select(func.array_agg(Usage.account.distinct()), func.coalesce(func.sum(Usage.items), 0))
    ).one()
    assert seen == (account and [account])
    assert items == ROWS[account]


def test_thousands_of_interleaved_requests_each_see_their_own_rows(engine: Engine) -> None:
    each = REQUESTS // THREADS
    with ThreadPoolExecutor(THREADS) as threads:
        served = sum(threads.map(serve, range(THREADS), repeat(each)), Counter())
    assert served.total() == each * THREADS >= 4000
    assert min(served[kind] for kind in KINDS) > REQUESTS / 8
    # They shared the connections that there are, and each of those carries nobody.
    assert engine.pool.checkedin() == POOL
    held = [engine.raw_connection() for _ in range(POOL)]
    assert [still_names(connection) for connection in held] == [None] * POOL
    for connection in held:
        connection.close()


# Who is bound by it


@pytest.mark.parametrize("role", ["app", "readonly"])
def test_the_database_holds_a_role_to_the_account(provisioned: Database, engine, role) -> None:
    with db.acting_for("bert"), provisioned.engine(role).connect() as connection:
        assert connection.scalars(select(Usage.account)).all() == ["bert"]


@pytest.mark.parametrize("account", ["anna", "nobody", None])
def test_the_administrator_looks_after_the_rows_of_all(
    provisioned: Database, engine: Engine, account: str | None
) -> None:
    with db.acting_for(account), provisioned.engine("pgadmin").connect() as connection:
        assert set(connection.scalars(select(Usage.account))) == {"anna", "bert"}


def test_the_owner_is_not_bound(provisioned: Database, engine: Engine) -> None:
    # It could switch row security off anyway; migrations and backfills run as the owner.
    with db.acting_for("anna"), provisioned.engine("owner").connect() as connection:
        assert set(connection.scalars(select(Usage.account))) == {"anna", "bert"}
