"""The engine, its pool and the session. Nothing else opens a connection to PostgreSQL.

Each transaction of the engine acts for one account or for none, and row-level security shows it
that account's rows or none. A request names it with ``act_for``, a job with ``acting_for``.
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial

import psycopg2
from psycopg2.errors import ReadOnlySqlTransaction
from psycopg2.extensions import connection as DriverConnection
from sqlalchemy import URL, Connection, Engine, create_engine, event, text
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.pool import ConnectionPoolEntry

from timestack.settings import Settings

# A page that waits longer than this is broken; provisioning and jobs ask for more.
STATEMENT_TIMEOUT = 15.0
CONNECT_TIMEOUT = 3
POOL_TIMEOUT = 5.0
RECYCLE = 1800
# Seconds for which a connection that was used is taken to be alive.
FRESH = 1.0
# Where the pool keeps when a connection was used last.
_USED = "used"

# What the policies of hypertables.yaml's `account_column` read. It is local to the transaction, so
# that the server itself forgets it with every commit and rollback: what goes back to the pool
# carries no account. Nothing else may name the setting, least of all for a whole session.
ACT_FOR = "select set_config('timestack.account', %(account)s, true)"
ACCOUNT_LENGTH = 200

# Each thread has its own; a new thread has none.
_account: ContextVar[str | None] = ContextVar("account", default=None)


# In the WSGI environment of a request: a function that is true when its client is gone.
GONE = "timestack.gone"


@dataclass(frozen=True)
class Patience:
    """How many seconds a thread waits for a statement, and whether ``gone`` is who waits for it."""

    seconds: float = STATEMENT_TIMEOUT
    gone: Callable[[], bool] = lambda: False


USUAL = Patience()
_patience: ContextVar[Patience] = ContextVar("patience", default=USUAL)

_sessions = sessionmaker(expire_on_commit=False)


def engine_from(
    settings: Settings,
    *,
    application_name: str = "timestack",
    statement_timeout: float = STATEMENT_TIMEOUT,
) -> Engine:
    """Return a pooled engine; no connection is opened until the first use.

    ``statement_timeout`` is in seconds, 0 for none. Sessions run in UTC. A connection that
    went stale (the database was restarted) is replaced before it is handed out. A transaction,
    of a session or not, acts for the account that its thread names when it begins.
    """
    url = URL.create(
        "postgresql+psycopg2",
        username=settings.database_role,
        password=settings.database_password.get_secret_value(),
        host=settings.database_host,
        port=settings.database_port,
        database=settings.database_name,
    )
    tls = {"sslmode": settings.database_sslmode}
    if settings.database_sslmode.startswith("verify-"):
        tls["sslrootcert"] = str(settings.database_ca)
    engine = create_engine(
        url,
        pool_size=settings.database_pool_size,
        max_overflow=settings.database_pool_size,
        pool_timeout=POOL_TIMEOUT,
        pool_recycle=RECYCLE,
        connect_args={
            **tls,
            "application_name": application_name,
            "connect_timeout": CONNECT_TIMEOUT,
            # A peer that vanished silently is noticed in 30 s rather than in two hours.
            "keepalives_idle": 15,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "options": f"-c timezone=UTC -c statement_timeout={round(statement_timeout * 1000)}",
        },
    )
    # At the engine rather than the session: a session on a connection of its own and a second
    # transaction have it too, and a savepoint, which is not a transaction, keeps it.
    event.listen(engine, "begin", _name_account)
    event.listen(engine, "checkin", _rest)
    event.listen(engine, "checkout", partial(_require_alive, engine))
    return engine


def _rest(driver: DriverConnection | None, record: ConnectionPoolEntry) -> None:
    record.info[_USED] = time.monotonic()


def _require_alive(
    engine: Engine, driver: DriverConnection, record: ConnectionPoolEntry, _
) -> None:
    """Have the pool replace a connection that does not answer, and all others with it.

    One that was used a moment ago is not asked, which costs a round trip, unless something has
    come over it since: that is the end of the server's process.
    """
    used = record.info.get(_USED)
    if used is None:
        # It has just been opened.
        return
    if time.monotonic() - used < FRESH and not driver.closed and not _has_news(driver):
        return
    try:
        engine.dialect.do_ping(driver)
    except psycopg2.Error as error:
        raise InvalidatePoolError from error


def _has_news(driver: DriverConnection) -> bool:
    poll = select.poll()
    poll.register(driver.fileno(), select.POLLIN)
    return bool(poll.poll(0))


def _name_account(connection: Connection) -> None:
    account = _account.get()
    # Without an account nothing is sent: without a name the policies show no rows.
    if account is not None:
        connection.exec_driver_sql(ACT_FOR, {"account": account}).scalar()


def init(settings: Settings, **options) -> Engine:
    """Bind ``session()`` of this process to an engine; ``options`` are engine_from's."""
    engine = engine_from(settings, **options)
    _sessions.configure(bind=engine)
    return engine


def act_for(account: str | None) -> None:
    """From here on, begin every transaction of this thread for an account, or for none.

    For requests: called when each begins, anonymous ones too, and with None when it is torn
    down. The threads of a server live on, and would take a name left behind to the next request.

    Raises ValueError for what cannot be an account; then there is none. A transaction that has
    begun, which its first statement does, acts to its end for the account it began with.
    """
    _account.set(None)
    if account is not None:
        _require_account(account)
        _account.set(account)


@contextmanager
def acting_for(account: str | None) -> Iterator[None]:
    """Begin the transactions of a block for an account, as ``act_for``; afterwards as before.

    Open the session within the block. Do not yield from the block to a caller that must not act
    for the account: a generator runs in its caller's thread.
    """
    before = _account.get()
    try:
        act_for(account)
        yield
    finally:
        _account.set(before)


def acts_for() -> str | None:
    """Return the account that a transaction begun now acts for, or None."""
    return _account.get()


def _require_account(account: str) -> None:
    if not (0 < len(account) <= ACCOUNT_LENGTH and account.isprintable()):
        raise ValueError(
            f"{account[:40]!r} ({len(account)} characters) cannot be an account: "
            f"1 to {ACCOUNT_LENGTH} printable characters can"
        )


@contextmanager
def session() -> Iterator[Session]:
    """Give a session in a transaction: committed at the end, rolled back on an exception.

    It acts for the account that ``act_for`` or ``acting_for`` named.

    Raises sqlalchemy.exc.OperationalError when the database is away and
    sqlalchemy.exc.UnboundExecutionError when ``init`` was not called.
    """
    with _sessions.begin() as opened:
        yield opened


@contextmanager
def autocommit(engine: Engine) -> Iterator[Connection]:
    """Give a connection of an engine where each statement is a transaction of its own."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        yield connection


def connect() -> Connection:
    """Return a connection that its caller keeps and closes."""
    return _sessions().get_bind().connect()


@contextmanager
def single_statements() -> Iterator[Connection]:
    """Give a connection where each statement is a transaction of its own, in one round trip.

    For what does not belong to an account: the policies show such statements none.
    """
    with acting_for(None), connect() as connection:
        switch_autocommit(connection, on=True)
        try:
            yield connection
        finally:
            if not connection.invalidated:
                switch_autocommit(connection, on=False)


def switch_autocommit(connection: Connection, *, on: bool) -> None:
    """Switch the driver itself: SQLAlchemy's isolation level costs a round trip each way."""
    connection.connection.driver_connection.autocommit = on


@contextmanager
def patient(connection: Connection, patience: Patience) -> Iterator[None]:
    """Let each statement of a connection's transaction take longer, or less, than usual.

    Where ``timestack.deadline`` watches, a statement for somebody who is gone ends within seconds.
    """
    before = _patience.get()
    limit = {"limit": f"{patience.seconds:.0f}s"}
    connection.execute(text("select set_config('statement_timeout', :limit, true)"), limit)
    try:
        _patience.set(patience)
        yield
    finally:
        _patience.set(before)


def patience() -> Patience:
    """Return for how long, and for whom, this thread waits for a statement."""
    return _patience.get()


@contextmanager
def steady_session() -> Iterator[Session]:
    """Give a session that keeps one connection through all its commits, and its advisory locks.

    An open transaction is rolled back at the end.
    """
    with connect() as connection, Session(connection, expire_on_commit=False) as opened:
        try:
            yield opened
        finally:
            opened.rollback()


@contextmanager
def driver_connections(engine: Engine, count: int) -> Iterator[list[DriverConnection]]:
    """Give psycopg2 connections in autocommit; open transactions are rolled back at the end."""
    with ExitStack() as stack:
        opened = []
        for _ in range(count):
            pooled = engine.raw_connection()
            # Never back to the pool: another user must not get a broken-off COPY.
            stack.callback(pooled.invalidate)
            connection = pooled.driver_connection
            connection.autocommit = True
            opened.append(connection)
        yield opened


def new_session() -> Session:
    """Return a session that its caller commits and closes; for libraries that do so themselves."""
    return _sessions()


def is_read_only(error: Exception) -> bool:
    """Whether a statement was refused because nobody writes now: the database is being moved."""
    return isinstance(getattr(error, "orig", error), ReadOnlySqlTransaction)


def check() -> None:
    """Check that the database answers a query; raises sqlalchemy.exc.SQLAlchemyError."""
    with session() as opened:
        opened.execute(text("set local statement_timeout = '2s'"))
        opened.execute(text("select 1"))
