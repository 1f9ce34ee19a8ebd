"""The engine, its pool and the session. Nothing else opens a connection to PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import URL, Engine, create_engine, text
from sqlalchemy.orm import Session, sessionmaker

from timestack.settings import Settings

# A page that waits longer than this is broken; provisioning and jobs ask for more.
STATEMENT_TIMEOUT = 15.0
CONNECT_TIMEOUT = 3
POOL_TIMEOUT = 5.0
RECYCLE = 1800

_sessions = sessionmaker(expire_on_commit=False)


def engine_from(
    settings: Settings,
    *,
    application_name: str = "timestack",
    statement_timeout: float = STATEMENT_TIMEOUT,
) -> Engine:
    """Return a pooled engine; no connection is opened until the first use.

    ``statement_timeout`` is in seconds, 0 for none. Sessions run in UTC. A connection that
    went stale (the database was restarted) is replaced before it is handed out.
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
    return create_engine(
        url,
        pool_size=settings.database_pool_size,
        max_overflow=settings.database_pool_size,
        pool_timeout=POOL_TIMEOUT,
        pool_recycle=RECYCLE,
        pool_pre_ping=True,
        connect_args={
            **tls,
            "application_name": application_name,
            "connect_timeout": CONNECT_TIMEOUT,
            # A peer that vanished without a word is noticed in 30 s rather than in two hours.
            "keepalives_idle": 15,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "options": f"-c timezone=UTC -c statement_timeout={round(statement_timeout * 1000)}",
        },
    )


def init(settings: Settings, **options) -> Engine:
    """Bind ``session()`` of this process to an engine; ``options`` are engine_from's."""
    engine = engine_from(settings, **options)
    _sessions.configure(bind=engine)
    return engine


@contextmanager
def session() -> Iterator[Session]:
    """Give a session in a transaction: committed at the end, rolled back on an exception.

    Raises sqlalchemy.exc.OperationalError when the database is away and
    sqlalchemy.exc.UnboundExecutionError when ``init`` was not called.
    """
    with _sessions.begin() as opened:
        yield opened


def check() -> None:
    """Prove that the database answers a query; raises sqlalchemy.exc.SQLAlchemyError."""
    with session() as opened:
        opened.execute(text("set local statement_timeout = '2s'"))
        opened.execute(text("select 1"))
