"""A server for each edition, a fresh database in it for whoever asks, and the web on that."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from uuid import UUID

import pytest
from celery import Celery
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Browser, BrowserContext, Page
from pydantic import SecretStr
from redis import Redis
from redis.exceptions import ConnectionError as RedisAway
from sqlalchemy import Engine, delete
from sqlalchemy.orm import Session
from testcontainers.core.container import DockerContainer

from scripts.host.compose import image
from scripts.provision import __main__ as cli
from scripts.provision import apply as applying
from scripts.provision import lock, migrate, roles
from tests import editions
from tests.browser.conftest import at_a_desk, browser, log_in, watched
from tests.psql import Psql
from tests.served import Web, serving
from tests.stack import PASSWORD, ROOT, TOKEN_FIELD, VOLATILE, free_port, make_secrets, wait_until
from tests.unit.web.conftest import person, signed_in
from timestack import db, queue
from timestack.app import create_app
from timestack.domains import users
from timestack.domains.jobs import steps
from timestack.models import Base, Import
from timestack.models.jobs import Job
from timestack.series import catalog
from timestack.settings import Settings
from timestack.shared.roles import FUNCTIONS, OWNER

__all__ = ["browser"]

SCHEMA_FILE = ROOT / "services" / "timescaledb" / "schema" / "hypertables.yaml"
SERVER_SQL = ROOT / "services" / "timescaledb" / "server.sql"
PORT = 5432
# Sessions of psql that stay open in a server.
OPEN = 3
MEASURES = """
drop table if exists measures cascade;
create table measures (
  time timestamptz not null,
  key integer not null,
  value double precision,
  note text,
  amount numeric(6, 2) check (amount >= 0)
);
select create_hypertable('measures', by_range('time', interval '1 day'),
                         create_default_indexes => false);
create unique index on measures (key, time desc);
truncate imports;
"""


class Server:
    """A container of an edition's database image, run as restricted as compose runs it."""

    def __init__(
        self,
        secrets: Path,
        edition: str = "apache",
        memory: str = "1g",
        cpu_quota: int = 0,
        options: Sequence[str] = (),
        repository: str = "",
    ):
        self.secrets = secrets
        self.edition = edition
        self.databases = 0
        self._opened: dict[str, Psql] = {}
        self.container = (
            DockerContainer(editions.IMAGES[edition])
            .with_tmpfs_mount("/tmp")
            .with_tmpfs_mount("/run/postgresql")
            .with_command([*options])
            .with_kwargs(
                init=True,
                read_only=True,
                cap_drop=["ALL"],
                security_opt=["no-new-privileges"],
                mem_limit=memory,
                cpu_quota=cpu_quota,
                shm_size="256m",
            )
        )
        # Any free port, for this machine alone.
        self.container.ports[PORT] = ("127.0.0.1",)
        # File by file, as compose does: the folder is closed to everybody but its owner.
        names = ["db_owner_password", "db_tls.pem", "db_tls.key"]
        if repository:
            # A volume for backups: without the key nothing is archived.
            names.append("backup_key")
            self.container.with_volume_mapping(repository, "/var/lib/pgbackrest", "rw")
        for name in names:
            self.container.with_volume_mapping(str(secrets / name), f"/run/secrets/{name}", "ro")

    def __enter__(self) -> Server:
        self.container.start()
        wait_until(self.healthy, f"{self.container.image} is healthy")
        return self

    def __exit__(self, *_) -> None:
        for psql in self._opened.values():
            psql.close()
        self.container.stop(force=True, delete_volume=True)

    @property
    def id(self) -> str:
        return self.container.get_wrapped_container().id

    @property
    def port(self) -> int:
        return int(self.container.get_exposed_port(PORT))

    def healthy(self) -> bool:
        """Whether the image's own health check says so now; fails at once when it has exited."""
        container = self.container.get_wrapped_container()
        container.reload()
        assert container.status != "exited", container.logs().decode()
        return self.run("python3", "/usr/local/lib/timestack/healthcheck.py").returncode == 0

    def run(
        self, *command: str, stdin: str | None = None, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in the container as its own user, with more of an environment."""
        given = [word for each in variables.items() for word in ("--env", "=".join(each))]
        return subprocess.run(
            ["docker", "exec", "--interactive", *given, self.id, *command],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )

    def sql(self, statement: str, database: str = "postgres") -> str:
        """What psql prints of a statement run by the superuser over the socket."""
        psql = self._opened.pop(database, None)
        if psql is None or not psql.is_open:
            psql = Psql(self.id, database)
        # The last one asked is the last one closed; a server has few connections.
        self._opened[database] = psql
        if len(self._opened) > OPEN:
            self._opened.pop(next(iter(self._opened))).close()
        return psql.ask(statement).strip()


@dataclass
class Database:
    """One database on the server, empty but for its extension, and ways into it."""

    server: Server
    name: str
    engines: dict[str, Engine] = field(default_factory=dict)

    def settings(self, role: str = "owner", **changes) -> Settings:
        return Settings(
            timestack_env="test",
            database_host="localhost",
            database_port=self.server.port,
            database_name=self.name,
            database_role=f"timestack_{role}",
            database_ca=self.server.secrets / "ca.pem",
            database_password=SecretStr(
                (self.server.secrets / f"db_{role}_password").read_text().strip()
            ),
            secrets_dir=self.server.secrets,
            schema_file=SCHEMA_FILE,
        ).model_copy(update=changes)

    @property
    def environment(self) -> dict[str, str]:
        """The environment of the provision container, for this database."""
        return {
            "TIMESTACK_ENV": "test",
            "SECRETS_DIR": str(self.server.secrets),
            "DATABASE_HOST": "localhost",
            "DATABASE_PORT": str(self.server.port),
            "DATABASE_NAME": self.name,
            "DATABASE_ROLE": "timestack_owner",
            "DATABASE_CA": str(self.server.secrets / "ca.pem"),
            "SCHEMA_FILE": str(SCHEMA_FILE),
        }

    def engine(self, role: str = "owner") -> Engine:
        """The pool of one role, the same each time."""
        if role not in self.engines:
            self.engines[role] = db.engine_from(
                self.settings(role, database_pool_size=3),
                application_name="test",
                statement_timeout=60,
            )
        return self.engines[role]

    def close(self) -> None:
        for engine in self.engines.values():
            engine.dispose()

    def sql(self, statement: str) -> str:
        return self.server.sql(statement, self.name)

    def truncate(self, *tables: str) -> None:
        """Empty tables, and those that refer to them.

        A request of a page that was left may still read some, in an order of its own: the server
        then ends one of the two, and this is done again.
        """
        for left in reversed(range(5)):
            try:
                self.sql(f"truncate {', '.join(tables)} restart identity cascade")
            except AssertionError as error:
                if not left or "deadlock detected" not in str(error):
                    raise
            else:
                return

    def provision(self, declared: catalog.Catalog | None = None, **options) -> None:
        """Roles, migrations and what ``declared`` (default: the project's file) says."""
        engine = self.engine()
        with lock.provisioning(engine):
            with engine.begin() as connection:
                roles.set_passwords(connection, self.settings())
            migrate.migrate(engine)
            applying.apply(declared or catalog.load(SCHEMA_FILE), engine, **options)


class Broker:
    """A container of the Redis image."""

    def __init__(self, secrets: Path):
        self.port = free_port()
        self._password = (secrets / "redis_password").read_text().strip()
        self.container = (
            DockerContainer(os.environ.get("REDIS_IMAGE", image("redis")))
            .with_volume_mapping(str(secrets / "redis_password"), "/run/secrets/redis_password")
            .with_tmpfs_mount("/run/redis", "uid=100,gid=101,mode=0700")
        )
        self.container.ports[6379] = ("127.0.0.1", self.port)

    @property
    def redis(self) -> Redis:
        return Redis(port=self.port, password=self._password)

    def start(self) -> None:
        self.container.start()
        wait_until(self.answers, "Redis answers")

    def stop(self) -> None:
        self.container.stop(force=True, delete_volume=True)

    def answers(self) -> bool:
        try:
            return self.redis.ping()
        except RedisAway:
            return False


def web_secrets(database: Database) -> dict:
    """Changes of the settings that make them the web's."""

    def text(name: str) -> SecretStr:
        return SecretStr((database.server.secrets / name).read_text().strip())

    names = ("redis_password", "secret_key", "secret_key_previous")
    return {name: text(name) for name in names}


def logged_in(database: Database, broker: Broker, email: str, role: str) -> dict[str, str]:
    """The headers of a new user; the log-in is made by the application in this process."""
    with Session(database.engine()) as session, session.begin():
        users.put(session, email, role, password=PASSWORD)
    changes = {"redis_host": "127.0.0.1", "redis_port": broker.port, **web_secrets(database)}
    app = create_app(database.settings("app", **changes))
    client, base = app.test_client(), "https://localhost"
    form = client.get("/login", base_url=base).text
    words = {"csrf_token": TOKEN_FIELD.search(form)[1], "email": email, "password": PASSWORD}
    assert client.post("/login", data=words, base_url=base).status_code == 302
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("SCHEMA_FILE", str(SCHEMA_FILE))
        assert client.get("/account", base_url=base).status_code == 200
    names = (app.config["SESSION_COOKIE_NAME"], app.config["SECURITY_CSRF_COOKIE_NAME"])
    cookies = [client.get_cookie(name, domain="localhost") for name in names]
    app.extensions["engine"].dispose()
    return {
        "Cookie": "; ".join(f"{cookie.key}={cookie.value}" for cookie in cookies),
        "X-CSRFToken": cookies[1].value,
    }


@pytest.fixture(scope="session")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("db") / ".secrets"
    make_secrets(path)
    return path


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give each test the servers of its editions; the name of one on Apache-2 is as it is."""
    if "server" in metafunc.fixturenames:
        names = editions.of(metafunc.definition)
        ids = [pytest.HIDDEN_PARAM if name == "apache" else name for name in names]
        metafunc.parametrize("server", names, indirect=True, ids=ids, scope="session")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what has no image; the summary says so."""

    def has_image(item: pytest.Item) -> bool:
        edition = item.callspec.params.get("server") if hasattr(item, "callspec") else None
        return edition is None or bool(editions.IMAGES[edition])

    left_out = [item for item in items if not has_image(item)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if has_image(item)]


@pytest.fixture(scope="session")
def servers(secrets: Path) -> Iterator[Callable[[str], Server]]:
    """Gives the server of an edition, which runs from then on to the end."""
    with ExitStack() as running:

        @cache
        def started(edition: str) -> Server:
            # Dozens of databases, each with background workers and open connections, at one time.
            return running.enter_context(Server(secrets, edition, memory="2g", options=VOLATILE))

        yield started


@pytest.fixture(scope="session")
def server(servers: Callable[[str], Server], request: pytest.FixtureRequest) -> Server:
    """The server of the edition that the test runs on."""
    return servers(request.param)


@pytest.fixture(scope="session")
def make_database(server: Server) -> Iterator[Callable[[], Database]]:
    """Makes another database each time it is called."""
    made: list[Database] = []

    def make() -> Database:
        server.databases += 1
        database = Database(server, f"test_{server.databases}")
        made.append(database)
        server.sql(
            f"create database {database.name} owner {OWNER.name};"
            f" revoke all on database {database.name} from public"
        )
        functions = ", ".join(FUNCTIONS)
        database.sql("create extension timescaledb")
        # As the entrypoint does to the one database of a stack.
        psql = ("psql", "--quiet", "--set", "ON_ERROR_STOP=1", "--dbname", database.name)
        done = server.run(*psql, stdin=SERVER_SQL.read_text())
        assert done.returncode == 0, done.stderr
        database.sql(
            f"alter schema public owner to {OWNER.name};"
            f" grant execute on function {functions} to {OWNER.name} with grant option"
        )
        return database

    yield make
    for database in made:
        database.close()


@pytest.fixture(scope="module")
def broker(secrets: Path) -> Iterator[Broker]:
    running = Broker(secrets)
    running.start()
    yield running
    running.stop()


def fail(id: UUID, reason: str = "it broke") -> UUID:
    """Let a queued job fail for good, without a worker; that people are told of it is left out."""
    with db.session() as session:
        assert steps.claim(session, id)
        steps.fail(session, id, reason, again=False)
        session.execute(delete(Job).where(Job.kind == "notify.send"))
    return id


@pytest.fixture(scope="module")
def jobs_variables(
    provisioned: Database, broker: Broker, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """What the environment of a worker or the web holds."""
    return {
        **provisioned.environment,
        "DATABASE_ROLE": "timestack_app",
        "REDIS_HOST": "localhost",
        "REDIS_PORT": str(broker.port),
        "UPLOADS_DIR": str(tmp_path_factory.mktemp("uploads")),
    }


@pytest.fixture(scope="module")
def app(jobs_variables: dict[str, str]) -> Iterator[Flask]:
    """The web's application in this process, on the module's database and broker."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in jobs_variables.items():
            patch.setenv(name, value)
        made = create_app()
    yield made
    made.extensions["engine"].dispose()


@pytest.fixture(scope="module")
def served(jobs_variables: dict[str, str], tmp_path_factory) -> Iterator[Web]:
    """The web on the module's database as its container runs it."""
    with serving(tmp_path_factory.mktemp("web") / "log", jobs_variables) as running:
        yield running


@pytest.fixture(scope="module")
def log_ins(browser: Browser, served: Web, provisioned: Database) -> Callable[[str], dict]:
    """Gives what the browser of a user of a role keeps of the log-in; both are made when asked."""

    @cache
    def of(role: str) -> dict:
        email = f"{role}@example.org"
        with Session(provisioned.engine()) as session, session.begin():
            users.put(session, email, role, password=PASSWORD)
        with at_a_desk(browser) as context:
            page = context.new_page()
            page.goto(f"{served.url}/account")
            log_in(page, email)
            # It leads to the page that was asked for.
            page.wait_for_url(re.compile("/account$"))
            return context.storage_state()

    return of


@pytest.fixture
def role() -> str:
    """Whose browser it is, for a module or a test to say."""
    return "viewer"


@pytest.fixture
def known(log_ins: Callable[[str], dict], role: str) -> dict:
    """What the browser keeps of the log-in."""
    return log_ins(role)


@pytest.fixture
def new_context(browser: Browser, served: Web, known: dict) -> Callable[..., BrowserContext]:
    """Opens a browser at a desk, logged in to the served web; takes Playwright's other options."""
    return partial(at_a_desk, browser, base_url=served.url, storage_state=known)


@pytest.fixture
def page(new_context: Callable[..., BrowserContext]) -> Iterator[Page]:
    """A page in it, watched."""
    with watched(new_context()) as page:
        yield page


@pytest.fixture
def environment(
    provisioned: Database,
    broker: Broker,
    jobs_variables: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[dict[str, str]]:
    """The environment of a worker or the web, set in this process too; no job or message yet."""
    for name, value in jobs_variables.items():
        monkeypatch.setenv(name, value)
    fresh = Celery("test", set_as_current=False)
    fresh.add_defaults(queue._configuration)
    # Read now: a test may change the environment.
    assert fresh.conf.broker_url
    monkeypatch.setattr(queue, "app", fresh)
    engine = db.init(provisioned.settings("app"))
    provisioned.sql("truncate jobs, job_probes, paused_kinds, schedules")
    broker.redis.flushall()
    yield {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'services' / 'web'}"}
    fresh.close()
    engine.dispose()


@pytest.fixture
def database(make_database: Callable[[], Database]) -> Iterator[Database]:
    """A fresh database for one test."""
    made = make_database()
    yield made
    made.close()


@pytest.fixture(scope="module")
def provisioned(make_database: Callable[[], Database]) -> Database:
    """A provisioned database that the tests of one module share."""
    database = make_database()
    database.provision()
    return database


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, server: Server):
    """Runs ``python -m scripts.provision`` in this process on a database; gives its exit code."""

    def run(database: Database, *arguments: str) -> int:
        for name, value in database.environment.items():
            monkeypatch.setenv(name, value)
        catalog.current.cache_clear()
        return cli.main(list(arguments))

    return run


@pytest.fixture(scope="module")
def web(provisioned: Database) -> Iterator[Flask]:
    """The web on the module's database, and without Redis."""
    changes = {"redis_host": "127.0.0.1", "redis_port": 1, **web_secrets(provisioned)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCHEMA_FILE", str(SCHEMA_FILE))
        catalog.current.cache_clear()
        made = create_app(provisioned.settings("app", **changes))
        yield made
        made.extensions["engine"].dispose()


@pytest.fixture
def sign_in(web: Flask) -> Callable[..., FlaskClient]:
    """Gives the client of a person of a role; the last one given is who asks."""
    return lambda role="editor", **about: signed_in(web, person(role, **about))


@pytest.fixture(scope="module")
def loaded(make_database) -> Database:
    """A database with the table of completed imports and nothing else of ours."""
    made = make_database()
    Base.metadata.create_all(made.engine(), tables=[Import.__table__])
    return made


@pytest.fixture
def measures(loaded: Database) -> Database:
    """The database with an empty hypertable ``measures``, a chunk a day."""
    loaded.sql(MEASURES.replace("create table", "set role timestack_owner; create table", 1))
    return loaded


@pytest.fixture
def write(tmp_path: Path):
    """Writes a file and returns its path."""

    def to(data: str | bytes, name: str = "rows.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        return path

    return to


@pytest.fixture
def known_keys(measures: Database) -> Database:
    """The same, but a key must be in another table, which holds 0 to 9 only."""
    measures.sql(
        "drop table if exists keys; set role timestack_owner;"
        " create table keys (key int primary key);"
        " insert into keys select generate_series(0, 9);"
        " alter table measures add foreign key (key) references keys"
    )
    return measures
