"""A ticker with its prices: uploaded over HTTP, and fetched from the simulated platform."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from media_platform.faults import ENDPOINTS, KINDS
from media_platform.prices import document
from tests.integration.db.conftest import Database
from tests.stack import free_port
from tests.unit.platform.running import Platform, running
from timestack import db
from timestack.domains.jobs.kinds import PricesFileParams, PricesParams
from timestack.domains.jobs.steps import CancelledError, LaterError, PermanentError
from timestack.domains.platform import http
from timestack.domains.prices import source
from timestack.domains.prices.read import read
from timestack.ingest import prices
from timestack.progress import Progress, unwatched
from timestack.tasks import prices as tasks

pytestmark = pytest.mark.database

UPLOAD = "/api/v1/prices"
FETCH = "/api/v1/prices/fetch"
LOAD = "/api/v1/prices/upload"
NEW = {"symbol": "ACME", "name": "Acme Anvils", "industry": "Tools"}
FILE = """Date,Open,High,Low,Close,Adj Close,Volume
2013-05-01,88,91,86,90,45,120000
2013-05-02,45,46,44,45,45,250000
2013-05-02,45,46,44,45,45,250000
2013-05-03,45,45.5,44,44.5,44.5,98000
"""
ROWS = """
select t::text from tickers t union all select p::text from prices_daily p order by 1
"""


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with running(tmp_path_factory.mktemp("platform")) as platform:
        yield platform


@pytest.fixture
def faulty(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Orders a fault of the prices; who is waited for is not waited for long."""
    monkeypatch.setattr(http, "PAUSE", 0.01)
    with platform.client() as control:

        def order(**fault: object) -> None:
            assert control.post("/api/faults", json={"prices": fault}).status_code == 200

        yield order
        control.post("/api/faults", json=dict.fromkeys(ENDPOINTS))


@pytest.fixture(autouse=True)
def markets(provisioned: Database, web: Flask, environment: dict[str, str]) -> Database:
    """Without a ticker yet."""
    provisioned.sql(
        "truncate tickers, prices_daily restart identity cascade; truncate timestack.changes"
    )
    return provisioned


@pytest.fixture
def client(sign_in: Callable[..., FlaskClient]) -> FlaskClient:
    return sign_in("editor")


@pytest.fixture
def fetch(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> Callable:
    """Does the work of a job in this process."""
    monkeypatch.setenv("PRICES_URL", f"{platform.url}/prices/{{symbol}}.csv")

    def run(symbol: str = "ALDR", progress: Progress = unwatched, **about: str) -> dict:
        given = {"name": "Alder", "industry": "Media", **about}
        with db.session() as session:
            return tasks.fetch(session, progress, PricesParams(symbol=symbol, **given))

    return run


def upload(client: FlaskClient, data: str | bytes = FILE, **about: str) -> TestResponse:
    headers = {name.replace("_", "-"): about.pop(name) for name in list(about) if name[0].isupper()}
    query = {**NEW, **about}
    return client.post(
        UPLOAD, data=data, query_string=query, content_type="text/csv", headers=headers
    )


@pytest.fixture
def uploads(
    web: Flask, provisioned: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Where the bytes of uploads are, for the web and for a worker; the editor has a row."""
    provisioned.sql(
        "insert into users (id, email, fs_uniquifier) overriding system value"
        " values (1, 'editor@example.org', 'x') on conflict do nothing; truncate uploads"
    )
    settings = web.config["SETTINGS"].model_copy(update={"uploads_dir": tmp_path})
    monkeypatch.setitem(web.config, "SETTINGS", settings)
    monkeypatch.setenv("UPLOADS_DIR", str(tmp_path))
    return tmp_path


def sent(client: FlaskClient, data: bytes = FILE.encode(), whole: bool = True) -> str:
    """The id of an upload with these bytes, or the first half of them."""
    made = client.post("/api/v1/uploads", json={"name": "acme.csv", "size": len(data)})
    id = made.get_json()["id"]
    part = client.patch(
        f"/api/v1/uploads/{id}",
        data=data if whole else data[: len(data) // 2],
        headers={"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"},
    )
    assert part.status_code == 204, part.text
    return id


def work(id: str, progress: Progress = unwatched) -> dict:
    """Does the work of the job of an upload in this process."""
    with db.session() as session:
        return tasks.load(session, progress, PricesFileParams(upload=id, **NEW))


def bad(answer: TestResponse, status: int) -> str:
    assert answer.status_code == status, answer.text
    return answer.get_json()["detail"]


# Upload


def test_an_upload_makes_the_ticker_and_says_what_is_in_it(
    client: FlaskClient, markets: Database
) -> None:
    answer = upload(client)
    assert answer.status_code == 200, answer.text
    assert answer.get_json() == {
        "ticker": {"id": 1, **NEW},
        "is_new": True,
        "rows": 3,
        "added": 3,
        "first": "2013-05-01",
        "last": "2013-05-03",
        "duplicates": 1,
        "splits": [{"day": "2013-05-02", "ratio": "2:1"}],
        "ignored": [],
        "adjusted": True,
    }
    shown = client.get("/api/v1/prices?ticker=ACME").get_json()
    assert shown["items"][0] == {
        "day": "2013-05-01", "open": 88, "high": 91, "low": 86, "close": 90, "volume": 120000,
        "adjusted_close": 45,
    }  # fmt: skip
    assert [each["day"][-2:] for each in shown["items"]] == ["01", "02", "03"]
    # The week that the rollups are computed again of.
    changed = markets.sql(
        "select range_merge(ranges) from timestack.changes where table_name = 'prices_daily'"
    )
    assert changed == '["2013-04-29 00:00:00+00","2013-05-06 00:00:00+00")'


def test_days_that_are_there_are_overwritten_and_the_ticker_keeps_its_name(
    client: FlaskClient,
) -> None:
    upload(client)
    lines = FILE.replace("98000", "98001").splitlines()
    later = "2013-05-06,45,46,44,45,45,1"
    answer = upload(client, "\n".join([lines[0], lines[-1], later]), name="Other", industry="Other")
    shown = answer.get_json()
    assert (shown["is_new"], shown["rows"], shown["added"]) == (False, 2, 1)
    assert shown["ticker"] == {"id": 1, **NEW}
    found = client.get("/api/v1/prices?ticker=ACME").get_json()["items"]
    assert [each["volume"] for each in found] == [120000, 250000, 98001, 1]


def test_a_ticker_that_is_there_needs_no_name(client: FlaskClient) -> None:
    upload(client)
    assert upload(client, symbol=" acme ", name="", industry="").get_json()["added"] == 0


def test_gzip_is_read(client: FlaskClient) -> None:
    answer = upload(client, gzip.compress(FILE.encode()), Content_Encoding="gzip")
    assert answer.get_json()["rows"] == 3


def test_a_line_at_fault_leaves_everything_as_it_was(
    client: FlaskClient, markets: Database
) -> None:
    upload(client)
    before = markets.sql(ROWS)
    faulty = FILE.replace("45.5,44,44.5", "43.5,44,44.5") + "2013-05-0"
    for about in ({}, {"symbol": "BOLT"}):
        answer = upload(client, faulty, **about)
        assert bad(answer, 400) == (
            "Nothing was written: line 5 has a high of 43.5 below its low of 44; line 6 has 1"
            " of 7 cells, as if it were cut off."
        )
        assert [each["line"] for each in answer.get_json()["errors"]] == [5, 6]
        assert markets.sql(ROWS) == before


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        ({"data": ""}, 400, "it is empty"),
        ({"data": "<!doctype html>"}, 400, "it is a web page"),
        ({"data": "a,b\n1,2\n"}, 400, "line 1 names no column date"),
        ({"name": ""}, 404, "There is no ticker ACME yet: give its name as well."),
        ({"name": " ", "industry": ""}, 404, "give its name and industry as well"),
        ({"symbol": ""}, 422, "symbol"),
        ({"symbol": "../up"}, 422, "symbol"),
        ({"symbol": "A" * 21}, 422, "symbol"),
        ({"name": "a\nb"}, 422, "name"),
        ({"ticker": "ACME"}, 422, "ticker: is not a parameter"),
        ({"Content_Encoding": "br"}, 415, "'br' is not read here"),
        ({"Content_Encoding": "gzip"}, 400, "not gzip"),
        ({"data": gzip.compress(FILE.encode(), mtime=0)}, 400, "compressed with gzip"),
        (
            {"data": gzip.compress(bytes(17 * 2**20), mtime=0), "Content_Encoding": "gzip"},
            413,
            "16 MiB",
        ),
    ],
    ids=lambda given: str(given)[:40],
)
def test_what_cannot_be_uploaded_is_named_and_nothing_is_written(
    client: FlaskClient, markets: Database, change: dict, status: int, said: str
) -> None:
    assert said in bad(upload(client, **change), status)
    assert markets.sql(ROWS) == ""


def test_prices_are_sent_as_csv(client: FlaskClient) -> None:
    answer = client.post(UPLOAD, query_string=NEW, json=[])
    assert "Send the prices as text/csv" in bad(answer, 415)


def test_a_viewer_adds_nothing(sign_in: Callable[..., FlaskClient], markets: Database) -> None:
    viewer = sign_in("viewer")
    assert "editor" in bad(upload(viewer), 403)
    assert "editor" in bad(viewer.post(FETCH, json=NEW), 403)
    assert markets.sql(ROWS) == ""


def test_two_uploads_of_a_new_ticker_at_once_make_one(web: Flask, markets: Database) -> None:
    found = read(FILE.encode(), "ACME")

    def add(_: int) -> dict:
        with db.session() as session:
            return prices.add(session, prices.Listing(**NEW), found)

    with ThreadPoolExecutor(2) as pool:
        reports = list(pool.map(add, range(2)))
    assert sorted((each["is_new"], each["added"]) for each in reports) == [(False, 0), (True, 3)]
    assert markets.sql("select count(*) from tickers") == "1"


# Of an upload


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_job_takes_in_an_upload_and_deletes_it(
    client: FlaskClient, uploads: Path, markets: Database, pack: Callable[[bytes], bytes]
) -> None:
    id = sent(client, pack(FILE.encode()))
    answer = client.post(LOAD, json={**NEW, "upload": id})
    assert answer.status_code == 202, answer.text
    assert answer.get_json()["kind"] == "prices.load"
    assert client.get(answer.headers["Location"]).get_json()["state"] == "queued"
    messages: list[str] = []
    found = work(id, lambda _, message: messages.append(message))
    assert (found["ticker"], found["rows"], found["added"]) == ({"id": 1, **NEW}, 3, 3)
    assert messages == ["reading the file", "writing 3 days"]
    assert list(uploads.iterdir()) == []
    assert client.get(f"/api/v1/uploads/{id}").status_code == 404
    with pytest.raises(PermanentError, match="the file is gone: upload it again"):
        work(id)


def test_a_job_of_an_upload_that_is_cancelled_writes_nothing(
    client: FlaskClient, uploads: Path, markets: Database
) -> None:
    def progress(fraction: float, message: str) -> None:
        if message.startswith("writing"):
            raise CancelledError

    id = sent(client)
    with pytest.raises(CancelledError):
        work(id, progress)
    assert markets.sql(ROWS) == ""
    # It may be tried again, until somebody deletes it.
    assert work(id)["rows"] == 3


def test_the_lines_at_fault_of_an_upload_are_named_before_a_job_begins(
    client: FlaskClient, uploads: Path, markets: Database
) -> None:
    jobs = markets.sql("select count(*) from jobs")
    faulty = FILE.replace("45.5,44,44.5", "43.5,44,44.5").encode()
    answer = client.post(LOAD, json={**NEW, "upload": sent(client, faulty)})
    assert "line 5 has a high of 43.5" in bad(answer, 400)
    assert [each["line"] for each in answer.get_json()["errors"]] == [5]
    cut = client.post(LOAD, json={**NEW, "upload": sent(client, gzip.compress(faulty)[:-9])})
    assert "the file is not sound gzip: compress it again" in bad(cut, 400)
    long = client.post(LOAD, json={**NEW, "upload": sent(client, gzip.compress(bytes(17 * 2**20)))})
    assert "the file has more than 16 MiB" in bad(long, 400)
    assert markets.sql("select count(*) from jobs") == jobs


def test_an_upload_that_cannot_be_used_is_named(
    client: FlaskClient, sign_in: Callable[..., FlaskClient], uploads: Path
) -> None:
    half = client.post(LOAD, json={**NEW, "upload": sent(client, whole=False)})
    assert "The upload is not complete: send the rest of it first." in bad(half, 409)
    nameless = client.post(LOAD, json={"symbol": "ACME", "upload": sent(client)})
    assert "give its name and industry as well" in bad(nameless, 404)
    none = client.post(LOAD, json={**NEW, "upload": str(uuid4())})
    assert "it ended, or is not yours" in bad(none, 404)
    assert "editor" in bad(sign_in("viewer").post(LOAD, json={**NEW, "upload": str(uuid4())}), 403)


# From the source


def test_a_ticker_is_fetched_with_its_splits(fetch: Callable, markets: Database) -> None:
    messages: list[str] = []
    found = fetch(" aldr", lambda _, message: messages.append(message))
    assert (found["rows"], found["added"], found["duplicates"]) == (2854, 2854, 0)
    assert (found["first"], found["last"]) == ("2015-01-02", "2025-12-31")
    assert found["splits"] == [{"day": "2019-06-03", "ratio": "2:1"}]
    assert found["ticker"] == {"id": 1, "symbol": "ALDR", "name": "Alder", "industry": "Media"}
    assert messages[0].endswith(" for ALDR")
    assert messages[-2:] == [f"reading {len(document('ALDR')):,} bytes", "writing 2,854 days"]
    assert fetch()["added"] == 0


# Why, and whether another attempt may help.
WHY = {
    "500": ("the answer's status is 500", True),
    "503": ("it asks to wait 3600 s", False),
    "429": ("it asks to wait 3600 s", False),
    "401": ("the answer's status is 401", False),
    "redirect": ("a redirect to another host, and none is followed", False),
    "html": ("answers with a web page (HTML) instead of CSV: check PRICES_URL", False),
    "nonsense": ("the answer is not plain text/csv", False),
    "empty": ("it is empty", False),
    "cut": ("of 7 cells, as if it were cut off", False),
    "half": ("the answer breaks off", True),
    "huge": ("the answer is not plain text/csv", False),
    "silent": ("does not answer: no complete answer within", True),
    "drip": ("does not answer: no complete answer within", True),
}


@pytest.mark.parametrize("kind", WHY)
def test_a_fault_of_the_source_is_named_and_leaves_everything_as_it_was(
    fetch: Callable,
    faulty: Callable[..., None],
    markets: Database,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
) -> None:
    fetch()
    before = markets.sql(ROWS)
    if kind in ("silent", "drip"):
        monkeypatch.setattr(source, "DEADLINE", 0.4)
        monkeypatch.setattr(source, "WITHIN", 1.0)
    faulty(kind=kind, retry_after="3600")
    why, passes = WHY[kind]
    for symbol in ("ALDR", "BRCH"):
        with pytest.raises(LaterError if passes else PermanentError) as caught:
            fetch(symbol)
        assert why in str(caught.value)
        assert markets.sql(ROWS) == before


def test_every_fault_of_the_platform_is_met() -> None:
    # One is harmless: a line break more. The other is the one that passes.
    assert {*WHY, "altered", "slow"} == set(KINDS)


def test_a_symbol_that_the_source_does_not_know_is_named(
    fetch: Callable, platform: Platform, markets: Database
) -> None:
    where = platform.url.removeprefix("http://")
    with pytest.raises(PermanentError) as caught:
        fetch("NONE")
    assert str(caught.value) == f"{where} knows no NONE (status 404): check the symbol"
    assert markets.sql(ROWS) == ""


def test_a_symbol_reaches_the_source_as_one_part_of_its_path(
    fetch: Callable, platform: Platform
) -> None:
    with pytest.raises(PermanentError, match=r"knows no \^A=B"):
        fetch("^A=B")
    assert "GET /prices/%5EA%3DB.csv 404" in platform.log.read_text()


def test_a_source_that_is_away_is_asked_again_later(
    fetch: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "PAUSE", 0.01)
    monkeypatch.setenv("PRICES_URL", f"http://127.0.0.1:{free_port()}/{{symbol}}.csv")
    with pytest.raises(LaterError, match=r"does not answer: no connection"):
        fetch()


def test_a_job_that_is_cancelled_waits_for_no_answer(
    fetch: Callable, faulty: Callable[..., None], markets: Database
) -> None:
    faulty(kind="silent")
    asked: list[str] = []

    def progress(fraction: float, message: str) -> None:
        asked.append(message)
        if len(asked) > 1:
            raise CancelledError

    with pytest.raises(CancelledError):
        fetch(progress=progress)
    assert markets.sql(ROWS) == ""


def test_without_a_source_the_job_says_what_to_write(
    fetch: Callable, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRICES_URL", "")
    with pytest.raises(PermanentError, match=r"write PRICES_URL into \.env"):
        fetch()
    assert "upload them, or set PRICES_URL" in bad(client.post(FETCH, json=NEW), 409)
