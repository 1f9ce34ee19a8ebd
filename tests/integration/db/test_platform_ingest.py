"""Usage and companies from a platform over HTTP into the database: whole, or not at all."""

from __future__ import annotations

import json
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.exc import ProgrammingError

from media_platform import faults
from media_platform import usage as simulated
from tests.integration.db.conftest import SCHEMA_FILE, Database
from tests.stack import free_port
from tests.unit.platform.running import PASSWORD, Platform, running
from timestack import db
from timestack.domains.jobs.kinds import Params, UsageParams
from timestack.domains.platform import http, ingest
from timestack.models.usage import Usage
from timestack.tasks import platform as tasks

pytestmark = pytest.mark.database

ACCOUNTS = ("studio-north", "studio-south", "harbor-media")
FIRST, LAST = date(2025, 3, 1), date(2025, 3, 5)
DENIED = "42501"


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with running(tmp_path_factory.mktemp("platform")) as platform:
        yield platform


@pytest.fixture
def database(provisioned: Database) -> Iterator[Database]:
    """No usage and no company yet; ``db.session()`` is the worker's."""
    provisioned.sql("truncate usage, companies, finances")
    engine: Engine = db.init(provisioned.settings("app", database_pool_size=2))
    yield provisioned
    engine.dispose()


@pytest.fixture
def faulty(platform: Platform) -> Iterator[Callable[[str, object], None]]:
    """Orders a fault of an endpoint; all are repaired at the end."""

    def order(endpoint: str, fault: object) -> None:
        with platform.client() as client:
            assert client.post("/api/faults", json={endpoint: fault}).status_code == 200

    yield order
    for endpoint in faults.ENDPOINTS:
        order(endpoint, None)


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """What fails is tried again at once."""
    monkeypatch.setattr(http, "PAUSE", 0.01)


def asked(platform: Platform, path: str) -> int:
    return platform.log.read_text().count(f"GET {path} ")


def silent(fraction: float, message: str) -> None:
    """Progress that nobody reads."""


def take(url: str, first: date = FIRST, last: date = LAST, token: str = PASSWORD) -> dict:
    days = (last - first).days + 1
    return ingest.usage(url, token, days=days, last=last, progress=silent)


def table(database: Database) -> str:
    return database.sql("select u::text from usage u order by account, day, project")


def row_hash(database: Database) -> str:
    """Of every row with the transaction that wrote it."""
    return database.sql(
        "select md5(string_agg(xmin::text || u::text, '|' order by account, day, project))"
        " from usage u"
    )


def stored(account: str) -> list[dict]:
    """What a session that acts for the account sees, in the shape of the platform's rows."""
    names = [*ingest.KEY, *ingest.VALUES]
    with db.acting_for(account), db.session() as session:
        found = session.execute(select(*(getattr(Usage, name) for name in names))).all()
    rows = [dict(zip(names, row, strict=True)) | {"day": row.day.isoformat()} for row in found]
    return sorted(rows, key=lambda row: (row["day"], row["project"]))


def reported(account: str, first: date, last: date) -> list[dict]:
    rows = simulated.rows(account, first, last)
    return sorted(rows, key=lambda row: (row["day"], row["project"]))


def days(account: str) -> tuple[date | None, date | None]:
    with db.acting_for(account), db.session() as session:
        return tuple(session.execute(select(func.min(Usage.day), func.max(Usage.day))).one())


# What a platform reports


def test_six_months_of_every_account_are_there_as_the_platform_has_them(
    database: Database, platform: Platform
) -> None:
    first, last = date(2024, 12, 1), date(2025, 5, 31)
    reports: list[tuple[float, str]] = []
    result = ingest.usage(
        platform.url,
        PASSWORD,
        days=(last - first).days + 1,
        last=last,
        progress=lambda fraction, message: reports.append((fraction, message)),
    )
    for account in ACCOUNTS:
        rows = stored(account)
        assert rows == reported(account, first, last)
        assert result["accounts"][account] == len(rows) > 1000
    assert result["failures"] == {}
    assert int(database.sql("select count(*) from usage")) == sum(result["accounts"].values())
    assert [fraction for fraction, _ in reports] == [0, 1 / 3, 2 / 3]
    assert all(account in message for account, (_, message) in zip(ACCOUNTS, reports, strict=True))


def test_a_range_is_asked_for_in_pieces_that_meet_and_do_not_overlap() -> None:
    first, last = date(2024, 2, 1), date(2025, 2, 1)
    pieces = list(ingest.windows(first, last))
    asked = [
        start + timedelta(days=number)
        for start, end in pieces
        for number in range((end - start).days + 1)
    ]
    assert asked == [first + timedelta(days=number) for number in range((last - first).days + 1)]
    assert max((end - start).days + 1 for start, end in pieces) == 90
    assert list(ingest.windows(last, last)) == [(last, last)]
    assert list(ingest.windows(last, first)) == []


def test_taken_in_twice_it_is_there_once(database: Database, platform: Platform) -> None:
    once = take(platform.url)
    assert sum(once["accounts"].values()) > 90
    before = row_hash(database)
    assert take(platform.url) == once
    assert row_hash(database) == before


def test_what_the_platform_corrected_is_corrected_and_the_rest_is_kept(
    database: Database, platform: Platform
) -> None:
    take(platform.url)
    right = table(database)
    database.sql(
        "update usage set items = items + 1, storage_video_mb = 0, deleted = not deleted"
        f" where day = '{LAST}'"
    )
    database.sql(f"delete from usage where day = '{LAST}' and account = 'harbor-media'")
    assert table(database) != right
    take(platform.url, LAST, LAST)
    assert table(database) == right
    database.sql(f"update usage set items = 77 where day = '{FIRST}'")
    changed = table(database)
    take(platform.url, LAST, LAST)
    assert table(database) == changed


# Faults


WHY = {
    "500": "the answer's status is 500 instead of 200",
    "503": "the answer's status is 503 instead of 200",
    "429": "the answer's status is 429 instead of 200; it asks to wait 3600 s",
    "401": "the platform does not accept the token (status 401), or no longer: write a valid one",
    "redirect": "a redirect to another host, and none is followed",
    "html": "the answer is not plain application/json",
    "nonsense": "Input should be an object",
    "empty": "Invalid JSON",
    "cut": "Invalid JSON",
    "half": "the answer breaks off",
    "huge": "is longer than",
    "silent": "no complete answer within",
    "drip": "no complete answer within",
}
ENDPOINTS = {
    "accounts": "/api/accounts: ",
    "usage": f"/api/usage from {FIRST} to {LAST}: ",
    "companies": "/api/companies: ",
}
# Where no token is sent, and where the document is read by its loader.
WHY_COMPANIES = {
    "401": "the answer's status is 401 instead of 200",
    "empty": "line 1, column ",
    "cut": "line 1, column ",
    "nonsense": "the document: Input should be",
}


STORED = """
select u::text from usage u union all select c::text || f::text from companies c, finances f
order by 1;
"""
# Rows that a fault must leave as they are.
FILLED = f"""
insert into usage (account, project, day) values ('studio-north', 'x', '{LAST}');
with made as (insert into companies (name) values ('Alder Pictures') returning id)
insert into finances (company_id, year) select id, 2015 from made;
{STORED}
"""


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("kind", WHY)
def test_a_fault_is_named_and_leaves_the_tables_as_they_were(
    database: Database,
    platform: Platform,
    faulty: Callable,
    monkeypatch: pytest.MonkeyPatch,
    endpoint: str,
    kind: str,
) -> None:
    def work() -> object:
        if endpoint == "companies":
            return ingest.companies(platform.url)
        return take(platform.url)

    if kind in ("silent", "drip"):
        monkeypatch.setattr(ingest, "DEADLINE", 0.4)
        monkeypatch.setattr(ingest, "WITHIN", 1.0)
    monkeypatch.setattr(ingest, "LONGEST_ANSWER", 2**20)
    before, elsewhere = database.sql(FILLED), asked(platform, "/api/elsewhere")
    faulty(endpoint, {"kind": kind, "retry_after": "3600" if kind == "429" else ""})
    with pytest.raises(ingest.IngestError) as caught:
        work()
    sentence = str(caught.value)
    assert ENDPOINTS[endpoint] in sentence
    assert {**WHY, **(WHY_COMPANIES if endpoint == "companies" else {})}[kind] in sentence
    assert endpoint != "usage" or all(account in sentence for account in ACCOUNTS)
    assert "\n" not in sentence
    assert PASSWORD not in sentence
    assert database.sql(STORED) == before
    assert asked(platform, "/api/elsewhere") == elsewhere


def test_every_fault_of_the_platform_is_met() -> None:
    # One is harmless: a line break more. The other is the one that passes.
    assert {*WHY, "altered", "slow"} == set(faults.KINDS)


def test_one_account_s_fault_keeps_its_rows_and_does_not_stop_the_others(
    database: Database, platform: Platform, faulty: Callable
) -> None:
    take(platform.url)
    right = table(database)
    database.sql("update usage set items = 1")
    faulty("usage", {"kind": "500", "account": "studio-south"})
    result = take(platform.url)
    assert set(result["accounts"]) == {"studio-north", "harbor-media"}
    assert list(result["failures"]) == ["studio-south"]
    wrong = "select count(*) from usage where items = 1 and account "
    assert int(database.sql(f"{wrong} = 'studio-south'")) > 30
    faulty("usage", None)
    assert take(platform.url)["failures"] == {}
    assert table(database) == right


def test_a_platform_that_asks_to_wait_is_waited_for(
    database: Database, platform: Platform, faulty: Callable
) -> None:
    expected = take(platform.url)
    before = row_hash(database)
    faulty("accounts", {"kind": "429", "times": 1, "retry_after": "1"})
    faulty("usage", {"kind": "429", "after": 1, "times": 2, "retry_after": "0"})
    began, said = time.monotonic(), []
    days = (LAST - FIRST).days + 1
    result = ingest.usage(
        platform.url,
        PASSWORD,
        days=days,
        last=LAST,
        progress=lambda _, message: said.append(message),
    )
    assert result == expected
    assert time.monotonic() - began >= 1
    assert "asking again in 1 s" in said
    assert row_hash(database) == before


def test_a_fault_on_the_second_page_keeps_the_first_out_too(
    database: Database, platform: Platform, faulty: Callable
) -> None:
    first = LAST - timedelta(days=59)
    faulty("usage", {"kind": "html", "account": "studio-north", "after": 1})
    result = take(platform.url, first)
    assert list(result["failures"]) == ["studio-north"]
    assert database.sql("select count(*) from usage where account = 'studio-north'") == "0"
    faulty("usage", None)
    take(platform.url, first)
    assert stored("studio-north") == reported("studio-north", first, LAST)


def test_a_token_that_ends_between_two_accounts_is_a_sentence_for_the_others(
    database: Database, platform: Platform, faulty: Callable
) -> None:
    faulty("usage", {"kind": "401", "after": 1})
    result = take(platform.url)
    assert list(result["accounts"]) == ["studio-north"]
    assert set(result["failures"]) == {"studio-south", "harbor-media"}
    for sentence in result["failures"].values():
        assert "write a valid one to platform_password under SECRETS_PATH" in sentence


def test_a_wrong_token_is_a_sentence_without_the_token(
    database: Database, platform: Platform
) -> None:
    for token in ("canary-token-51c0", "canary\r\nX: token-51c0", "cånary-token-51c0"):
        with pytest.raises(ingest.IngestError) as caught:
            take(platform.url, token=token)
        assert str(caught.value).startswith("/api/accounts: ")
        assert "51c0" not in str(caught.value)
    assert table(database) == ""


def test_pages_that_come_to_no_end_are_given_up(database: Database) -> None:
    again = {**whole("anna", row("anna")), "next": "row-1"}
    empty = {**whole("bert"), "next": "row-1"}
    with answering({"anna": again, "bert": empty}) as url, pytest.raises(ingest.IngestError) as e:
        take(url)
    assert "after 2 rows its pages come to no end" in str(e.value)
    assert "after 0 rows its pages come to no end" in str(e.value)
    assert table(database) == ""


@pytest.mark.parametrize("cursor", ["", "a b", "x" * 501, 7, "a\nb"])
def test_a_cursor_that_cannot_be_sent_is_refused(database: Database, cursor: object) -> None:
    page = {**whole("anna", row("anna")), "next": cursor}
    with answering({"anna": page, "bert": whole("bert")}) as url:
        assert "next: " in take(url)["failures"]["anna"]


def test_a_platform_that_is_away_is_named_by_its_host(database: Database) -> None:
    where = f"127.0.0.1:{free_port()}"
    with pytest.raises(ingest.IngestError, match=rf"no connection.*is {where} the platform\?"):
        take(f"http://{where}")


def test_a_platform_that_says_nothing_is_waited_for_until_the_deadline(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "DEADLINE", 0.5)
    monkeypatch.setattr(ingest, "WITHIN", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(ingest.IngestError, match=r"no complete answer within 0\.5 s"):
            take(url)


# Answers that the simulated platform does not give


class Hostile(BaseHTTPRequestHandler):
    """Answers with what the server's ``answers`` hold for the path or the account."""

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        answers = self.server.answers
        account = parse_qs(url.query).get("account", [""])[0]
        status, body = answers[account or url.path]
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        if status == 302:
            self.send_header("Location", self.server.elsewhere)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def answering(answers: dict[str, object], status: int = 200, elsewhere: str = "/") -> Iterator[str]:
    """A platform of the accounts anna and bert; ``status`` is that of anna's usage."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hostile)
    known = {"/api/accounts": {"accounts": [{"id": "anna"}, {"id": "bert"}]}, **answers}
    server.answers = {
        key: (
            status if key == "anna" else 200,
            content if isinstance(content, bytes) else json.dumps(content).encode(),
        )
        for key, content in known.items()
    }
    server.elsewhere = elsewhere
    thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def row(account: str, **changes: object) -> dict:
    good = {"account": account, "project": "news", "day": FIRST.isoformat(), "deleted": False}
    return good | {name: 1 for name in ingest.VALUES if name != "deleted"} | changes


def whole(account: str, *rows: dict) -> dict:
    return {"account": account, "rows": list(rows)}


def without(row: dict, name: str) -> dict:
    return {key: value for key, value in row.items() if key != name}


BAD_ROWS = [
    (row("bert"), "rows.1.account: not the one asked for"),
    (row("anna"), "rows.1: project and day are those of rows.0"),
    (row("anna", day="2025-02-25"), "rows.1.day: 2025-02-25 was not asked for"),
    (row("anna", day="2025-03-06"), "rows.1.day: 2025-03-06 was not asked for"),
    (row("anna", day="2025-03-32"), "rows.1.day: "),
    (row("anna", day=20000), "rows.1.day: "),
    (row("anna", day=None), "rows.1.day: "),
    (row("anna", project="\0"), "rows.1.project: "),
    (row("anna", project="a\nb"), "rows.1.project: "),
    (row("anna", project=""), "rows.1.project: "),
    (row("anna", project="x" * 201), "rows.1.project: "),
    (row("anna", items=-1), "rows.1.items: "),
    (row("anna", items=2**31), "rows.1.items: "),
    (row("anna", items=1.5), "rows.1.items: "),
    (row("anna", items="1"), "rows.1.items: "),
    (row("anna", items=True), "rows.1.items: "),
    (row("anna", ingested_seconds=-0.1), "rows.1.ingested_seconds: "),
    (row("anna", ingested_seconds=1e300), "rows.1.ingested_seconds: "),
    (row("anna", ingested_seconds=float("nan")), "rows.1.ingested_seconds: "),
    (row("anna", storage_text_mb=float("inf")), "rows.1.storage_text_mb: "),
    (row("anna", storage_text_mb=None), "rows.1.storage_text_mb: "),
    (row("anna", deleted=1), "rows.1.deleted: "),
    (without(row("anna"), "deleted"), "rows.1.deleted: Field required"),
    ({}, "rows.1.account: Field required"),
    ([], "rows.1: "),
]


@pytest.mark.parametrize(("bad", "why"), BAD_ROWS)
def test_one_bad_row_keeps_the_whole_account_out_and_no_other(
    database: Database, bad: object, why: str
) -> None:
    database.sql(f"insert into usage (account, project, day) values ('anna', 'old', '{FIRST}')")
    with answering(
        {"anna": whole("anna", row("anna"), bad), "bert": whole("bert", row("bert"))}
    ) as u:
        result = take(u)
    assert result["accounts"] == {"bert": 1}
    assert list(result["failures"]) == ["anna"]
    assert why in result["failures"]["anna"]
    found = database.sql("select account, project, items from usage order by account")
    assert found.splitlines() == ["anna|old|0", "bert|news|1"]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (whole("bert", row("anna")), "account: not the one asked for"),
        ({"account": "anna"}, "rows: Field required"),
        ([], "the answer: "),
        (None, "the answer: "),
        (b"", "Invalid JSON"),
        (b"\xff{}", "Invalid JSON"),
        (b"[" * 100_000, "Invalid JSON"),
        (b'{"account": "anna", "rows": [' + b"{}," * 400_000 + b"{}]}", "rows.0.account: "),
        (b'{"account": "anna", "rows": [' + b" " * ingest.LONGEST_ANSWER, "is longer than"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_an_answer_of_another_shape_is_refused(
    database: Database, content: object, why: str
) -> None:
    with answering({"anna": content, "bert": whole("bert")}) as url:
        result = take(url)
    assert result["accounts"] == {"bert": 0}
    assert why in result["failures"]["anna"]
    assert len(result["failures"]["anna"]) < 400
    assert table(database) == ""


def test_no_redirect_is_followed(database: Database, platform: Platform) -> None:
    answers = {"anna": b"", "bert": whole("bert")}
    with answering(answers, status=302, elsewhere=f"{platform.url}/api/companies") as url:
        assert "status is 302" in take(url)["failures"]["anna"]


def test_a_fault_in_the_second_window_keeps_the_first_out_too(database: Database) -> None:
    # The row is of the first window; the second is answered with the same, and refused.
    with answering({"anna": whole("anna", row("anna")), "bert": whole("bert")}) as url:
        result = take(url, FIRST, FIRST + timedelta(days=90))
    assert "from 2025-05-30 to 2025-05-30: rows.0.day" in result["failures"]["anna"]
    assert table(database) == ""


@pytest.mark.parametrize("id", ["", "a b", "a\n", "x" * 101, "'; drop table usage; --", None, 7])
def test_accounts_of_strange_names_are_refused_before_anything_is_asked(
    database: Database, id: object
) -> None:
    answers = {"/api/accounts": {"accounts": [{"id": "bert"}, {"id": id}]}}
    with answering(answers) as url, pytest.raises(ingest.IngestError, match=r"accounts\.1\.id: "):
        take(url)


# Isolation


def test_no_account_sees_what_was_taken_in_for_another(
    database: Database, platform: Platform
) -> None:
    take(platform.url)
    assert db.acts_for() is None
    with db.session() as session:
        assert session.scalars(select(Usage)).all() == []
    for account in ACCOUNTS:
        with db.acting_for(account), db.session() as session:
            assert set(session.scalars(select(Usage.account))) == {account}


def test_the_database_itself_refuses_rows_of_another_account(database: Database) -> None:
    database.sql(f"insert into usage (account, project, day) values ('bert', 'news', '{FIRST}')")
    rows = [row("anna", day=FIRST), row("bert", day=FIRST)]
    with pytest.raises(ProgrammingError) as caught, db.acting_for("anna"):
        ingest._upsert(rows)
    assert caught.value.orig.pgcode == DENIED
    assert database.sql("select account, items from usage") == "bert|0"


# The nightly job


@pytest.fixture
def worker(
    database: Database, platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The environment of the worker of the simulated platform."""
    shutil.copy(database.server.secrets / "db_app_password", tmp_path)
    (tmp_path / "platform_password").write_text(f"{PASSWORD}\n")
    for name, value in {
        "TIMESTACK_ENV": "test",
        "SECRETS_DIR": str(tmp_path),
        "DATABASE_CA": str(database.server.secrets / "ca.pem"),
        "SCHEMA_FILE": str(SCHEMA_FILE),
        "PLATFORM_URL": platform.url,
    }.items():
        monkeypatch.setenv(name, value)


def yesterday() -> date:
    return datetime.now(UTC).date() - timedelta(days=1)


def test_the_first_night_takes_in_half_a_year(database: Database, worker: None) -> None:
    result = tasks.usage(None, silent, UsageParams())
    assert set(result["accounts"]) == set(ACCOUNTS)
    assert result["failures"] == {}
    for account in ACCOUNTS:
        first, last = days(account)
        assert str(last) == result["last"]
        assert (last - first).days == 179
    assert date.fromisoformat(result["last"]) in (yesterday(), yesterday() - timedelta(days=1))


def test_a_night_takes_in_what_was_missed_and_the_last_days_again(
    database: Database, worker: None
) -> None:
    tasks.usage(None, silent, UsageParams())
    before = table(database)
    last = yesterday()
    missed, late, kept = last - timedelta(days=20), last - timedelta(days=3), last - timedelta(4)
    # One account missed twenty nights, one has a late correction, and one is up to date.
    database.sql(f"delete from usage where account = 'studio-north' and day > '{missed}'")
    database.sql(f"update usage set items = 7 where account = 'studio-south' and day = '{late}'")
    tasks.usage(None, silent, UsageParams())
    assert table(database) == before
    database.sql(f"update usage set items = 7 where account = 'studio-south' and day = '{kept}'")
    changed = table(database)
    tasks.usage(None, silent, UsageParams())
    assert table(database) == changed


def test_days_that_are_asked_for_are_taken_in_again_and_leave_no_gap(
    database: Database, worker: None
) -> None:
    tasks.usage(None, silent, UsageParams(days=30))
    assert (days("studio-north")[1] - days("studio-north")[0]).days == 29
    right = table(database)
    last = days("studio-north")[1]
    # Twenty nights were missed, and one row is wrong before them.
    database.sql(f"delete from usage where day > '{last - timedelta(days=20)}'")
    database.sql(f"update usage set items = 7 where day = '{last - timedelta(days=29)}'")
    tasks.usage(None, silent, UsageParams(days=2))
    assert table(database).count("\n") == right.count("\n")
    assert table(database) != right
    tasks.usage(None, silent, UsageParams(days=30))
    assert table(database) == right


def test_a_day_that_has_not_come_hides_none_that_are_missing(
    database: Database, worker: None
) -> None:
    database.sql(
        "insert into usage (account, project, day) values ('harbor-media', 'x', '2199-1-1')"
    )
    assert tasks.usage(None, silent, UsageParams())["accounts"]["harbor-media"] > 1000


# Companies


def test_companies_are_taken_in_and_taken_in_again(database: Database, worker: None) -> None:
    assert tasks.companies(None, silent, Params()) == {"companies": 40, "years": 440}
    count = "select count(*), count(distinct company_id), sum(q1), sum(q4) from finances"
    before = database.sql(count)
    assert before.startswith("440|40|")
    database.sql("update finances set q1 = 0")
    assert tasks.companies(None, silent, Params()) == {"companies": 40, "years": 440}
    assert database.sql(count) == before


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b'{"companies": [{"name": "\xff"}]}', "byte 25 of the answer is not UTF-8"),
        (b"[" * 1_000_000, "nested too deeply"),
        ({"companies": [{}] * 9}, "companies.2.name: Field required; and 6 more"),
    ],
    ids=["bytes", "nested", "many"],
)
def test_a_document_that_is_none_is_a_sentence(
    database: Database, content: object, why: str
) -> None:
    with answering({"/api/companies": content}) as url, pytest.raises(ingest.IngestError) as caught:
        ingest.companies(url)
    assert why in str(caught.value)
    assert "\n" not in str(caught.value)
