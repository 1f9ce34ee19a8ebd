"""Writing over HTTP: every format, each answer, and the clients that people have."""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from influxdb_client import InfluxDBClient, Point, WriteOptions, WritePrecision
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.rest import ApiException
from sqlalchemy.orm import Session

from tests.integration.db.conftest import SCHEMA_FILE, Database
from tests.served import THREADS, Web
from tests.stack import wait_until
from timestack.domains import tokens, users
from timestack.ingest import body, insert, sensors
from timestack.models.users import User
from timestack.series import catalog

pytestmark = pytest.mark.database

V1, V2 = "/api/v1/readings", "/api/v2/write?bucket=readings"
EMAIL = "writer@example.org"
START = datetime(2026, 1, 31, 12, tzinfo=UTC)
NOW = int(START.timestamp())
T = "2026-01-31T12:00:00Z"
PARQUET = "application/vnd.apache.parquet"
# Points of the client: more than one of its batches for each writer.
POINTS, BATCH = 20_000, 5_000
LATE = 30


class Answer:
    """What a request was answered with."""

    def __init__(self, status: int, headers, data: bytes):
        self.status, self.headers, self.data = status, headers, data

    @property
    def json(self) -> dict:
        return json.loads(self.data)

    @property
    def faults(self) -> dict[int, str]:
        return {each["line"]: each["detail"] for each in self.json["errors"]}


class Writer:
    """Somebody with a token."""

    def __init__(self, web: Web, token: str):
        self.web, self.token = web, token

    def send(self, path: str, body: bytes | str, type: str = "text/plain", **headers) -> Answer:
        data = body.encode() if isinstance(body, str) else body
        given = {"Authorization": f"Token {self.token}", "Content-Type": type}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        with closing(self.web.connect()) as connection:
            connection.timeout = LATE
            connection.request("POST", path, data, given)
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())

    def points(self, *lines: str, query: str = "") -> Answer:
        return self.send(f"{V2}&precision=s{query}", "\n".join(lines))

    def rows(self, rows: list[dict], table: str = "readings") -> Answer:
        return self.send(f"{V1}?table={table}", json.dumps(rows), "application/json")

    def client(self, **options) -> InfluxDBClient:
        url = f"http://127.0.0.1:{self.web.port}"
        return InfluxDBClient(url, self.token, org="ignored", **options)


@pytest.fixture(scope="module")
def as_writer(served: Web, provisioned: Database) -> Callable[..., Writer]:
    """Somebody new with a token of a role, for all tables or some."""
    with Session(provisioned.engine()) as session, session.begin():
        users.put(session, EMAIL, "admin", password="correct horse battery staple")

    def make(role: str = "write", tables: list[str] | None = None) -> Writer:
        with Session(provisioned.engine()) as session, session.begin():
            user = session.query(User).filter_by(email=EMAIL).one()
            declared = catalog.load(SCHEMA_FILE)
            text, _ = tokens.make(session, user, role, role, tables=tables, declared=declared)
        return Writer(served, text)

    return make


@pytest.fixture(scope="module")
def writer(as_writer: Callable[..., Writer]) -> Writer:
    return as_writer()


@pytest.fixture
def database(provisioned: Database) -> Database:
    """Without sensors and readings; one ticker."""
    provisioned.sql(
        "truncate sensors, readings, tickers, prices_daily restart identity cascade;"
        " truncate timestack.changes;"
        " insert into sensors (type, location, name, unit) values ('known', 'JFK', 'air', 'F');"
        " insert into tickers (symbol, name, industry) values ('A', 'A', 'A')"
    )
    return provisioned


@pytest.fixture
def readings(database: Database) -> Callable[[], list[tuple[str, ...]]]:
    """Gives type, location, name, unit, time and value of every reading."""

    def found() -> list[tuple[str, ...]]:
        text = database.sql(
            "select type, location, name, unit, extract(epoch from time)::bigint, value"
            " from readings join sensors on sensors.id = sensor_id order by 1, 2, 3, 5"
        )
        return [tuple(line.split("|")) for line in text.splitlines()]

    return found


def parquet(rows: list[dict]) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), out)
    return out.getvalue()


# Formats


def test_readings_come_in_every_format(writer: Writer, readings) -> None:
    named = {"type": "t", "location": "JFK", "name": "air", "unit": "F"}
    times = [(START + timedelta(hours=n)) for n in range(5)]
    row = [{"time": time.isoformat(), **named, "value": n} for n, time in enumerate(times)]
    header = ",".join(row[2])
    answers = [
        writer.points(f"t,location=JFK,unit=F air=0 {NOW}"),
        writer.rows([row[1]]),
        writer.send(V1, json.dumps(row[2]) + "\n", "application/x-ndjson"),
        writer.send(V1, f"{header}\n{','.join(map(str, row[3].values()))}\n", "text/csv"),
        writer.send(V1, parquet([{**row[4], "time": times[4], "value": 4.0}]), PARQUET),
    ]
    assert [each.status for each in answers] == [204, 200, 200, 200, 200]
    assert answers[0].data == b""
    assert answers[1].json == {"written": 1, "sensors": 0}
    assert readings() == [("t", "JFK", "air", "F", str(NOW + 3600 * n), str(n)) for n in range(5)]


def test_each_format_may_be_compressed(writer: Writer, readings) -> None:
    line = gzip.compress(f"t v=1 {NOW}".encode())
    rows = gzip.compress(json.dumps([{"time": T, "sensor_id": 1, "value": 2}]).encode())
    assert writer.send(f"{V2}&precision=s", line, Content_Encoding="gzip").status == 204
    assert writer.send(V1, rows, "application/json", Content_Encoding="gzip").status == 200
    assert [row[0] for row in readings()] == ["known", "t"]
    refused = writer.send(V1, rows, "application/json", Content_Encoding="br")
    assert (refused.status, "br" in refused.json["detail"]) == (415, True)


def test_what_curl_sends_unless_it_is_asked_is_line_protocol(writer: Writer, readings) -> None:
    form = "application/x-www-form-urlencoded"
    many = "\n".join(f"t,location=JFK air={n} {NOW + n}" for n in range(20_000))
    assert len(many) > 500_000
    assert writer.send(f"{V2}&precision=s", many, form).status == 204
    assert len(readings()) == 20_000


def test_nothing_to_write_is_written(writer: Writer, readings) -> None:
    for text in ("", "\n\n", "# only a comment\n"):
        assert writer.points(text).status == 204
    for type, text in (
        ("application/json", "[]"), ("application/json", ""), ("text/csv", ""),
        ("text/csv", "time,sensor_id,value\n"), ("application/x-ndjson", "\n"), (PARQUET, ""),
    ):  # fmt: skip
        assert writer.send(V1, text, type).json == {"written": 0, "sensors": 0}, type
    assert readings() == []


def test_another_hypertable_is_written_by_its_keys_and_values(
    writer: Writer, database: Database
) -> None:
    prices = {"open": 1.5, "high": 3, "low": 1, "close": 2, "volume": 7, "adjusted_close": 2}
    fields = ",".join(f"{name}={value}" for name, value in prices.items())
    path = "/api/v2/write?bucket=prices_daily&precision=s"
    assert writer.send(path, f"prices_daily,ticker_id=1 {fields} {NOW}").status == 204
    row = {"time": T, "ticker_id": 1, **prices, "close": 2.5}
    assert writer.rows([row], "prices_daily").json == {"written": 1, "sensors": 0}
    shown = database.sql("select ticker_id, open, close, volume from prices_daily")
    assert shown == "1|1.5|2.5|7"
    answer = writer.rows([row, {**row, "ticker_id": 9}, {**row, "open": None}], "prices_daily")
    assert (answer.status, answer.json["written"]) == (422, 1)
    assert answer.faults == {
        2: 'ticker_id: 9 is not present in table "tickers"'.replace('"', "'"),
        3: "open: is empty and must have a value",
    }


# The same again


def test_a_point_that_is_written_again_is_overwritten(writer: Writer, readings) -> None:
    assert writer.points(f"t v=1 {NOW}", f"t v=2 {NOW}").status == 204
    assert [row[-1] for row in readings()] == ["2"], "the last one of a request counts"
    assert writer.points(f"t v=3 {NOW}", f"t v=4 {NOW + 1}").status == 204
    assert [row[-1] for row in readings()] == ["3", "4"]


def test_what_stays_as_it_is_changes_nothing(writer: Writer, database: Database) -> None:
    lines = [f"t,location=l{n % 3} v={n} {NOW + n}" for n in range(100)]
    assert writer.points(*lines).status == 204
    before = database.sql("select sum(xmin::text::bigint), count(*) from readings")
    database.sql("truncate timestack.changes")
    assert writer.points(*lines).status == 204
    assert database.sql("select sum(xmin::text::bigint), count(*) from readings") == before
    assert database.sql("select count(*) from timestack.changes where not isempty(ranges)") == "0"


def test_writers_of_the_same_points_at_once_all_succeed(writer: Writer, readings) -> None:
    lines = [f"t,location=l{n % 50} v={n} {NOW + n % 7}" for n in range(1000)]

    def write(number: int) -> int:
        return persist(lambda: writer.points(*lines[number % 2 :: 1 + number % 2])).status

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(write, range(12))) == {204}
    assert len(readings()) == 350


def persist(send: Callable[[], Answer]) -> Answer:
    """Send until there is room, as clients do."""

    def sent() -> Answer | None:
        answer = send()
        return answer if answer.status != 429 else None

    return wait_until(sent, "there is room")


# Partial writes


def test_good_lines_are_written_and_bad_ones_are_named(writer: Writer, readings) -> None:
    answer = writer.points(
        f"t,location=JFK air=1 {NOW}", f"t,location=New York air=1 {NOW}", "# a comment",
        f't,location=JFK air="1" {NOW + 1}', f"t,location=JFK air=2 {NOW + 2}",
    )  # fmt: skip
    assert answer.status == 422
    assert [row[-1] for row in readings()] == ["1", "2"]
    found = answer.json
    assert (found["code"], found["line"]) == ("unprocessable entity", 2)
    assert (found["written"], found["refused"]) == (2, 2)
    assert list(answer.faults) == [2, 4]
    assert found["message"].startswith("Partial write: 2 rows written, 2 lines refused. line 2: ")


def test_where_nothing_is_written_the_answer_says_so(writer: Writer, readings) -> None:
    answer = writer.points("t", f"t v=1 {NOW}000")
    assert (answer.status, answer.json["code"], answer.json["written"]) == (400, "invalid", 0)
    assert "is the precision right?" in answer.faults[2]
    assert readings() == []
    answer = writer.rows([{"time": T, "sensor_id": 1}])
    assert (answer.status, answer.faults) == (400, {1: "value: is missing"})
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_what_only_the_database_can_refuse_is_named(writer: Writer, database: Database) -> None:
    database.sql("alter table readings add constraint odd check (value <> 13)")
    try:
        lines = [f"t v={n % 100} {NOW + n}" for n in range(1000)]
        answer = writer.points(*lines)
        assert (answer.status, answer.json["written"]) == (422, 990)
        assert list(answer.faults) == [14 + 100 * n for n in range(10)]
        assert "odd" in answer.faults[14]
        assert database.sql("select count(*) from readings") == "990"
        worst = [f"t v=13 {NOW + n}" for n in range(insert.MOST_SOUGHT + 1)]
        answer = writer.points(*worst)
        assert (answer.status, "nothing was written" in answer.json["message"]) == (400, True)
    finally:
        database.sql("alter table readings drop constraint odd")


def test_thousands_of_bad_lines_are_counted_and_the_first_are_named(writer, readings) -> None:
    answer = writer.points(*["broken"] * 5000, f"t v=1 {NOW}")
    assert (answer.status, answer.json["refused"], len(answer.faults)) == (422, 5000, 100)
    assert len(answer.data) < 100_000
    assert len(readings()) == 1


# Sensors


def test_sensors_that_are_new_are_made_once(writer: Writer, database: Database) -> None:
    lines = [f"t,location=l{n} v=1 {NOW}" for n in range(200)]
    with ThreadPoolExecutor(4) as pool:
        sent = list(pool.map(lambda _: persist(lambda: writer.points(*lines)).status, range(4)))
    assert set(sent) == {204}
    assert database.sql("select count(*) from sensors where type = 't'") == "200"
    answer = writer.rows([{"time": T, "type": "n", "location": "x", "name": "y", "value": 1}])
    assert answer.json == {"written": 1, "sensors": 1}


def test_a_token_without_the_table_of_sensors_makes_none(as_writer, readings) -> None:
    limited = as_writer(tables=["readings"])
    answer = limited.points(f"known,location=JFK air=1 {NOW}", f"new,host=a air=1 {NOW}")
    assert answer.status == 422
    assert "there is no sensor 'new at host=a: air'" in answer.faults[2]
    assert [row[0] for row in readings()] == ["known"]


def test_a_token_writes_only_where_it_may(served: Web, as_writer, readings) -> None:
    line = f"known,location=JFK air=1 {NOW}"
    assert as_writer("read").points(line).status == 403
    other = as_writer(tables=["prices_daily"]).points(line)
    assert (other.status, other.json["code"]) == (403, "forbidden")
    nobody = Writer(served, "tsk_wrong").points(line)
    assert (nobody.status, nobody.json["code"]) == (401, "unauthorized")
    assert readings() == []


def test_another_unit_than_the_sensors_is_refused(writer: Writer, readings) -> None:
    answer = writer.points(f"known,location=JFK,unit=C air=1 {NOW}")
    assert "the unit of 'known at JFK: air' is 'F' and not 'C'" in answer.faults[1]
    assert writer.points(f"known,location=JFK,unit=F air=1 {NOW}").status == 204
    assert writer.points(f"known,location=JFK air=2 {NOW}").status == 204
    assert [row[-1] for row in readings()] == ["2"]


def test_a_tag_that_differs_from_point_to_point_makes_no_sensor_of_each(
    writer: Writer, database: Database
) -> None:
    for count in (sensors.MOST_NEW + 1, 100_000):
        lines = [f"t,request={n} v=1 {NOW}" for n in range(count)]
        answer = writer.points(*lines)
        assert answer.status == 400
        assert "Is there a tag that differs from point to point" in answer.json["message"]
    assert database.sql("select count(*) from sensors") == "1"
    assert database.sql("select count(*) from readings") == "0"


def test_a_sensor_that_was_renamed_or_deleted_gets_no_readings_of_its_old_name(
    writer: Writer, database: Database, readings
) -> None:
    line = f"known,location=JFK air=1 {NOW}"
    assert writer.points(line).status == 204
    database.sql("update sensors set name = 'other'")
    assert writer.points(line.replace("=1 ", "=2 ")).status == 204
    assert [(row[2], row[-1]) for row in readings()] == [("air", "2"), ("other", "1")]
    database.sql("delete from readings; delete from sensors")
    assert writer.points(line).status == 204
    assert [(row[2], row[-1]) for row in readings()] == [("air", "1")]


# Bodies


def test_a_large_body_is_taken_and_a_larger_one_names_the_limit(writer: Writer, readings) -> None:
    lines = [f"t,location=JFK,host=h{n % 9} air={n / 7} {NOW + n}" for n in range(80_000)]
    assert len("\n".join(lines)) > 3 * body.MIB
    assert writer.points(*lines).status == 204
    assert len(readings()) == 80_000
    large = b"#" * (body.LARGEST + 1)
    for path in (f"{V2}&precision=s", V1):
        answer = writer.send(path, large, "text/csv")
        assert answer.status == 413
        assert "16 MiB at most" in answer.json["detail"]
    assert answer.json["status"] == 413
    elsewhere = writer.send("/api/v1/sensors", b" " * (3 * body.MIB), "application/json")
    assert elsewhere.status == 413


def test_a_bomb_is_stopped(writer: Writer) -> None:
    for line, said in ((b"#", "64 MiB"), (b"\n", "4,000,000 lines")):
        bomb = gzip.compress(line * (body.LARGEST_TEXT + 1))
        answer = writer.send(V2, bomb, Content_Encoding="gzip")
        assert (answer.status, answer.json["code"]) == (413, "request too large")
        assert said in answer.json["message"]
    array = gzip.compress(b"[" + b" " * body.LARGEST_ARRAY + b"]")
    answer = writer.send(V1, array, "application/json", Content_Encoding="gzip")
    assert (answer.status, "4 MiB" in answer.json["detail"]) == (413, True)


def test_bodies_that_drip_hold_no_thread(writer: Writer, readings) -> None:
    head = (
        f"POST {V2} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Token {writer.token}\r\n"
        "Content-Length: 3000000\r\n\r\n"
    ).encode()
    with ExitStack() as opened:
        for _ in range(3 * THREADS):
            line = opened.enter_context(socket.create_connection(("127.0.0.1", writer.web.port)))
            line.sendall(head + b"t v=1")
        assert writer.points(f"t v=1 {NOW}").status == 204
    assert len(readings()) == 1


def test_writes_beyond_what_is_done_at_once_are_to_come_again(
    writer: Writer, database: Database, readings
) -> None:
    with (
        database.engine().connect() as blocker,
        ThreadPoolExecutor(THREADS) as pool,
    ):
        blocker.exec_driver_sql("lock table readings in exclusive mode")
        at_work = [
            pool.submit(writer.points, f"known,location=JFK air={n} {NOW + n}")
            for n in range(THREADS // 2)
        ]

        def waiting() -> bool:
            locks = "select count(*) from pg_locks where not granted and relation is not null"
            return database.sql(locks) == str(THREADS // 2)

        wait_until(waiting, "the writers wait for the table")
        answer = writer.points(f"t v=9 {NOW + 9}")
        assert (answer.status, answer.headers["Retry-After"]) == (429, "1")
        assert answer.json["code"] == "too many requests"
        assert writer.web.status() == 200, "others are answered"
        blocker.rollback()
        assert {each.result().status for each in at_work} == {204}
    assert writer.points(f"t v=9 {NOW + 9}").status == 204
    assert len(readings()) == THREADS // 2 + 1


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ("", 400, "'bucket' is missing"),
        ("?bucket=", 400, "'bucket' is missing"),
        ("?bucket=nope", 404, "There is no table 'nope' to write to; there are: prices_daily"),
        ("?bucket=users", 404, "There is no table 'users'"),
        # What the stack writes down of itself is not for others to write.
        ("?bucket=operations", 404, "There is no table 'operations' to write to"),
        ("?bucket=readings&precision=h", 400, "The precision is one of s, ms, us, ns"),
        ("?bucket=readings&bucket=readings", 400, "given twice"),
        ("?bucket=readings&db=x", 400, "'db' is not a parameter"),
        ("?bucket=a%00b", 404, "There is no table"),
    ],
)
def test_what_is_asked_for_wrongly_is_named(
    writer: Writer, query: str, status: int, said: str
) -> None:
    answer = writer.send(f"/api/v2/write{query}", f"t v=1 {NOW}")
    assert answer.status == status
    assert said in answer.json["message"]


# Clients


def test_the_client_of_influxdb_writes_and_writes_again(writer: Writer, database: Database) -> None:
    points = [
        Point("weather").tag("location", f"l{n % 40}").tag("unit", "°C")
        .field("air temperature", n / 8).time(NOW + n // 40, WritePrecision.S)
        for n in range(POINTS)
    ]  # fmt: skip
    options = WriteOptions(batch_size=BATCH, flush_interval=60_000, retry_interval=500)
    failed = []
    for _ in range(2):
        with (
            writer.client(enable_gzip=True) as client,
            client.write_api(
                write_options=options, error_callback=lambda *said: failed.append(said)
            ) as api,
        ):
            api.write("readings", record=points)
        assert failed == []
        assert database.sql("select count(*), round(sum(value)) from readings") == (
            f"{POINTS}|{round(sum(n / 8 for n in range(POINTS)))}"
        )
    assert database.sql("select count(*) from sensors where unit = '°C'") == "40"


def test_the_client_of_influxdb_shows_what_was_refused(writer: Writer, database: Database) -> None:
    with writer.client() as client:
        api = client.write_api(write_options=SYNCHRONOUS)
        with pytest.raises(ApiException) as caught:
            api.write("readings", record=f'weather text="sunny" {NOW * 10**9}')
        assert caught.value.status == 400
        assert "text: 'sunny' is text, and a reading is a number" in caught.value.message
        with pytest.raises(ApiException) as caught:
            api.write("nope", record="weather air=1")
        assert caught.value.status == 404


# Rollups


@pytest.fixture
def worker(environment: dict[str, str], tmp_path: Path) -> Iterator[Path]:
    """A worker of the queue of short jobs; gives its log."""
    log = tmp_path / "worker.log"
    command = ["-m", "celery", "-A", "timestack.tasks.every", "worker", "-Q", "short"]
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, *command],
            env={**environment, "TMPDIR": str(tmp_path), "WORKER_CONCURRENCY": "1"},
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    yield log
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def test_the_rollups_follow_what_is_written_by_one_message_for_many_writes(
    writer: Writer, database: Database, worker: Path
) -> None:
    wait_until(lambda: " ready" in worker.read_text(), "the worker is ready")

    def rollup() -> str:
        return database.sql(
            "select n, value_max from readings_1h join sensors on id = sensor_id"
            f" where type = 't' and bucket = to_timestamp({NOW})"
        )

    for n in range(50):
        assert writer.points(f"t v={n} {NOW + n}").status == 204
    wait_until(lambda: rollup() == "50|49", "the rollup shows what was written")
    assert writer.points(f"t v=1000 {NOW}").status == 204
    wait_until(lambda: rollup() == "50|1000", "the rollup shows what was corrected")
    received = len(re.findall(r"rollups.follow\[[^\]]+\] received", worker.read_text()))
    # Fewer than writes: one asks for those that follow soon.
    assert 2 <= received < 50
