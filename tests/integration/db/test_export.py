"""Tables as files: every value in every format, and what becomes of a transfer that ends early."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import datetime
from decimal import Decimal
from http.client import HTTPConnection, HTTPResponse, IncompleteRead
from pathlib import Path

import pyarrow as pa
import pytest
from flask import Flask, g, request
from flask.testing import FlaskClient
from pyarrow import ipc, parquet
from sqlalchemy import text

from tests.integration.db.conftest import SCHEMA_FILE, Broker, Database, logged_in
from tests.served import THREADS, WEB, Web, serving
from tests.stack import wait_until
from timestack import api, db, errors
from timestack.domains.export import rows
from timestack.models.tokens import Token

pytestmark = pytest.mark.database

EXPORT = "/api/v1/export"
# Enough not to fit into the buffers between two programs.
MANY = 400_000
FILL = f"""
insert into sensors (type, location, name, unit)
select 't', 'l', 'sensor ' || n, '°C' from generate_series(1, 100) n;
insert into readings (time, sensor_id, value)
select timestamptz '2026-01-01Z' + n / 100 * interval '1 h', 1 + n % 100, sin(n)
  from generate_series(0, {MANY - 1}) n;
insert into companies (name) values ('Ä "B", C'), (E'line\\nbreak');
insert into finances (company_id, year, q1, q2)
select id, 2025, 999999999999999.99, null from companies;
insert into tickers (symbol, name, industry) values ('A', 'a', '');
insert into prices_daily (time, ticker_id, open, high, low, close, volume, adjusted_close)
select timestamptz '2025-01-01Z' + n * interval '1 day', 1, 0.1, 1e-300, 1e300, 2, 2^62::bigint + n,
       1.0 / 3 from generate_series(1, 30) n;
insert into usage (account, project, day, items)
select account, 'p' || n, date '2026-01-01' + n, n
  from unnest('{{acme,other}}'::text[]) account, generate_series(1, 40) n
"""
TABLES = ("companies", "finances", "prices_daily", "tickers")


@pytest.fixture(scope="module")
def filled(provisioned: Database) -> Database:
    provisioned.sql(FILL)
    return provisioned


@pytest.fixture(scope="module")
def client(filled: Database) -> Iterator[FlaskClient]:
    """The API with the rights of the web; X-Account says for whom it acts."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("SCHEMA_FILE", str(SCHEMA_FILE))
        engine = db.init(filled.settings("app"))
        app = Flask(__name__)
        errors.init_app(app)
        api.init_app(app, lambda endpoint, method: None)
        app.before_request(begin)
        app.teardown_request(lambda _: db.act_for(None))
        yield app.test_client()
        engine.dispose()


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "BATCH", 7)


def begin() -> None:
    """As the gate does; X-Tables are those of a token."""
    tables = request.headers.get("X-Tables")
    g.token = Token(tables=tables.split(",")) if tables else None
    db.act_for(request.headers.get("X-Account"))


def ask(client: FlaskClient, address: str) -> bytes:
    answer = client.get(f"{EXPORT}/{address}")
    assert answer.status_code == 200, answer.text
    return answer.data


def selected(database: Database, statement: str) -> list[tuple]:
    with database.engine("app").connect() as connection:
        return [tuple(row) for row in connection.execute(text(statement))]


def from_arrow(table: pa.Table) -> list[tuple]:
    return [tuple(row.values()) for row in table.to_pylist()]


READERS: dict[str, Callable[[bytes], list[tuple]]] = {
    "parquet": lambda data: from_arrow(parquet.read_table(io.BytesIO(data))),
    "arrow": lambda data: from_arrow(ipc.open_stream(io.BytesIO(data)).read_all()),
    "json": lambda data: [tuple(row.values()) for row in json.loads(data)],
    "ndjson": lambda data: [tuple(json.loads(line).values()) for line in data.splitlines()],
    "csv": lambda data: [tuple(row) for row in csv.reader(io.StringIO(data.decode()))][1:],
}


def read(given: object, like: object) -> object:
    """A cell of a text format as a value such as the one from the database."""
    if like is None:
        return given or None
    if isinstance(like, datetime):
        return datetime.fromisoformat(str(given))
    if isinstance(like, Decimal):
        # Never by way of a binary number.
        return Decimal(given) if isinstance(given, str) else given
    return type(like)(given)


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("table", TABLES)
def test_every_format_has_every_value(
    client: FlaskClient, filled: Database, table: str, name: str
) -> None:
    order = "time" if table == "prices_daily" else "id"
    expected = selected(filled, f"select * from {table} order by {order}")
    assert expected
    found = READERS[name](ask(client, f"{table}?format={name}"))
    assert [
        tuple(read(cell, like) for cell, like in zip(row, one, strict=True))
        for row, one in zip(found, expected, strict=True)
    ] == expected


def test_a_range_of_some_keys_and_columns_comes_in_order_of_time(
    client: FlaskClient, filled: Database
) -> None:
    query = (
        "readings?format=arrow&columns=value,time&key.sensor_id=7&key.sensor_id=9"
        "&start=2026-01-30T00:00:00Z&end=2026-06-10T00:00:00%2B02:00"
    )
    found = READERS["arrow"](ask(client, query))
    assert found == selected(
        filled,
        "select value, time from readings where sensor_id in (7, 9) and time >= '2026-01-30Z'"
        " and time < '2026-06-09 22:00Z' order by time, sensor_id",
    )
    # Of more than one chunk, which has 90 days.
    assert len(found) == 2 * (130 * 24 + 22)


def test_rows_are_chosen_by_any_column(client: FlaskClient) -> None:
    named = ask(client, "sensors?format=ndjson&key.name=sensor%207&key.unit=%C2%B0C").splitlines()
    assert [json.loads(line)["name"] for line in named] == ["sensor 7"]
    assert json.loads(ask(client, "finances?key.q1=999999999999999.99&columns=q1")) == 2 * [
        {"q1": "999999999999999.99"}
    ]


def test_no_rows_are_a_table_of_the_same_columns(client: FlaskClient) -> None:
    for query in ("readings?start=2030-01-01T00:00:00Z", "readings?end=0001-01-01T00:00:01Z"):
        assert json.loads(ask(client, query)) == []
        table = parquet.read_table(io.BytesIO(ask(client, f"{query}&format=parquet")))
        assert (table.column_names, len(table)) == (["time", "sensor_id", "value"], 0)
        assert ask(client, f"{query}&format=csv") == b'"time","sensor_id","value"\n'
        assert ask(client, f"{query}&format=ndjson") == b""


def test_an_account_gets_its_own_rows_to_the_last_batch(client: FlaskClient) -> None:
    def owners(account: str | None) -> list[str]:
        headers = {"X-Account": account} if account else {}
        answer = client.get(f"{EXPORT}/usage?format=ndjson", headers=headers)
        return [json.loads(line)["account"] for line in answer.data.splitlines()]

    assert owners("acme") == 40 * ["acme"]
    assert owners("other") == 40 * ["other"]
    assert owners(None) == []


def test_a_token_for_some_tables_reads_no_others(client: FlaskClient) -> None:
    headers = {"X-Tables": "companies"}
    assert client.get(f"{EXPORT}/companies", headers=headers).status_code == 200
    for address in (f"{EXPORT}/readings", "/api/v1/series?table=readings"):
        refused = client.get(address, headers=headers)
        assert (refused.status_code, refused.mimetype) == (403, errors.PROBLEM)
        assert "it is for companies alone" in refused.get_json()["detail"]


def test_a_file_has_a_name_and_is_kept_by_nobody(client: FlaskClient) -> None:
    answer = client.get(
        f"{EXPORT}/prices_daily?start=2025-01-02T00:00:00Z", headers={"Accept": "text/csv"}
    )
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == (
        'attachment; filename="prices_daily_2025-01-02.csv"'
    )
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert answer.headers["Vary"] == "Accept"
    head = client.head(f"{EXPORT}/prices_daily")
    assert (head.status_code, head.data) == (200, b"")


@pytest.mark.parametrize(
    "table", ["users", "jobs", "imports", "tracked_files", "readings_1h", "pg_class", "x", "a.b"]
)
def test_what_is_not_declared_for_readers_is_not_there(client: FlaskClient, table: str) -> None:
    answer = client.get(f"{EXPORT}/{table}")
    assert (answer.status_code, answer.mimetype) == (404, errors.PROBLEM)
    assert "prices_daily, readings" in answer.get_json()["detail"]


@pytest.mark.parametrize(
    ("query", "parameter", "words"),
    [
        ("readings?columns=value,x", "columns", "no column `x`: there are time, sensor_id, value"),
        ("readings?columns=value,value", "columns", "twice"),
        ("readings?columns=", "columns", "at least 1"),
        ("readings?columns=%00", "columns", "no column"),
        ("readings?columns=time&columns=value", "columns", "twice"),
        ("readings?start=2026-01-01T00:00:00", "start", "timezone"),
        ("readings?start=2026-01-02T00:00:00Z&end=2026-01-01T00:00:00Z", "end", "not after start"),
        ("readings?end=10000-01-01T00:00:00Z", "end", "should be a time such as"),
        ("companies?start=2026-01-01T00:00:00Z", "start", "has no time to choose by"),
        ("readings?key.value=1e400", "key.value", "is of type double precision, not '1e400'"),
        ("readings?key.sensor_id=1.5", "key.sensor_id", "is of type integer, not '1.5'"),
        ("readings?key.x=1", "key.x", "is not a column to choose by"),
        ("companies?key.name=%00", "key.name", "NUL"),
        ("readings?format=xml", "format", "json"),
        ("readings?points=1", "points", "is not a parameter here"),
    ],
)
def test_what_cannot_be_answered_is_refused_by_its_name(
    client: FlaskClient, query: str, parameter: str, words: str
) -> None:
    answer = client.get(f"{EXPORT}/{query}")
    assert (answer.status_code, answer.mimetype) == (422, errors.PROBLEM), answer.text
    found = {each["parameter"]: each["detail"] for each in answer.get_json()["errors"]}
    assert set(found) == {parameter}
    assert words in found[parameter]


class Reader:
    """A client of the web's own server."""

    def __init__(self, web: Web, headers: dict[str, str]):
        self.web, self.headers = web, headers

    def begin(self, address: str = "readings?format=ndjson") -> tuple[HTTPConnection, HTTPResponse]:
        """Ask, and read no more than the head of the answer."""
        connection = self.web.connect()
        connection.request("GET", f"{EXPORT}/{address}", headers=self.headers)
        return connection, connection.getresponse()


@contextmanager
def reading(folder: Path, filled: Database, broker: Broker, code: Path = WEB) -> Iterator[Reader]:
    environment = {
        **filled.environment,
        "DATABASE_ROLE": "timestack_app",
        "REDIS_HOST": "127.0.0.1",
        "REDIS_PORT": str(broker.port),
    }
    headers = logged_in(filled, broker, f"{folder.name}@example.org", "viewer")
    with serving(folder / "log", environment, code) as web:
        yield Reader(web, headers)


@pytest.fixture(scope="module")
def reader(filled: Database, broker: Broker, tmp_path_factory) -> Iterator[Reader]:
    with reading(tmp_path_factory.mktemp("web"), filled, broker) as running:
        yield running


def sessions(database: Database) -> str:
    """What the web's connections are at, of those within a transaction."""
    return database.sql(
        "select state, wait_event_type from pg_stat_activity where application_name ="
        f" 'timestack-web' and state <> 'idle' and datname = '{database.name}'"
    )


def test_a_client_that_goes_ends_the_transaction(reader: Reader, filled: Database) -> None:
    connection, answer = reader.begin()
    assert (answer.status, len(answer.read(1000))) == (200, 1000)
    assert sessions(filled)
    answer.close()
    connection.close()
    wait_until(lambda: not sessions(filled), "the transaction is gone", 30)


def test_a_client_that_goes_ends_a_statement_that_waits(reader: Reader, filled: Database) -> None:
    with filled.engine().connect() as other, other.begin():
        other.execute(text("lock table readings in access exclusive mode"))
        with closing(reader.web.connect()) as connection:
            connection.request("GET", f"{EXPORT}/readings", headers=reader.headers)
            wait_until(lambda: sessions(filled) == "active|Lock", "it waits for the table")
        wait_until(lambda: not sessions(filled), "the statement is gone", 30)


def test_what_breaks_off_does_not_look_complete(reader: Reader, filled: Database) -> None:
    connection, answer = reader.begin("readings?format=csv")
    with closing(connection):
        answer.read(1000)
        filled.sql(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name ="
            f" 'timestack-web' and state <> 'idle' and datname = '{filled.name}'"
        )
        with pytest.raises((IncompleteRead, ConnectionError)):
            answer.read()
    lines = [line for line in reader.web.lines() if "broke off" in line["message"]]
    assert f"{EXPORT}/readings" in lines[-1]["message"]


def test_only_a_part_of_the_threads_sends_files(reader: Reader, filled: Database) -> None:
    with ExitStack() as opened:
        for _ in range(THREADS // 4):
            connection, answer = reader.begin()
            opened.enter_context(closing(connection))
            opened.enter_context(closing(answer))
            assert answer.status == 200
        connection, refused = reader.begin("companies")
        opened.enter_context(closing(connection))
        assert (refused.status, refused.getheader("Retry-After")) == (429, "10")
        assert "try again" in json.loads(refused.read())["detail"]

    def answered() -> bool:
        connection, answer = reader.begin("companies")
        with closing(connection):
            return answer.status == 200 and len(json.loads(answer.read())) == 2

    wait_until(answered, "a place is free again", 30)


def memory(web: Web) -> int:
    """Bytes that the server's processes hold."""
    pids = [f"-p{pid}" for pid in web.workers()]
    done = subprocess.run(["ps", "-o", "rss=", *pids], capture_output=True, text=True, check=True)
    return 1024 * sum(map(int, done.stdout.split()))


@pytest.mark.parametrize("name", ["ndjson", "parquet"])
def test_memory_does_not_grow_with_what_is_sent(reader: Reader, name: str) -> None:
    connection, answer = reader.begin(f"readings?format={name}")
    with closing(connection):
        held = [memory(reader.web) for _ in iter(lambda: answer.read(1 << 20), b"")]
    # A row group of Parquet is a quarter of it.
    begun, *later = held[len(held) // 3 :]
    assert len(later) > 1
    assert max(later) - begun < 10_000_000


def test_a_client_that_takes_nothing_is_let_go(
    filled: Database, broker: Broker, tmp_path: Path
) -> None:
    code = tmp_path / "code"
    shutil.copytree(WEB, code)
    server = code / "timestack" / "server.py"
    server.write_text(server.read_text().replace("STALLED = 60", "STALLED = 2"))
    with reading(tmp_path, filled, broker, code) as reader:
        connection, answer = reader.begin()
        with closing(connection):
            assert answer.status == 200
            assert sessions(filled)
            wait_until(lambda: not sessions(filled), "the transaction is gone", 30)
            with pytest.raises((IncompleteRead, ConnectionError)):
                answer.read()
