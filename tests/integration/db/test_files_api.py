"""Tracked files and their queue over the API."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.integration.db.conftest import Database
from timestack import api, db, errors

pytestmark = pytest.mark.database

FILES = "/api/v1/files"
JOBS = "/api/v1/file-jobs"


# Three files of two hosts, with a queue row and a result for each.
FILL = """
delete from tracked_files; delete from test_runs; delete from test_results;
insert into tracked_files (path, name, type, size, modified_at, owner, site, host, run_tag, state,
                           time_to_live)
select '/r/' || n, n, 'tap', n, '2026-03-01T12:00Z', 'qa', 'lab',
       case when n < 3 then 'a' else 'b' end, 'r' || n,
       case n when 1 then 'failed' else 'parsed' end, interval '1 day'
  from generate_series(1, 3) as n;
insert into file_jobs (kind, file_id, owner, site, host, run_tag)
select 'statistics', id, owner, site, host, run_tag from tracked_files;
insert into test_runs
select '2026-03-01', host, 's', id, run_tag, run_tag, 1, 0, 0, 0, 1, 100 from tracked_files;
insert into test_results
select '2026-03-01', host, 's', id, 1, 'n', 'passed', 1, '' from tracked_files;
"""


@pytest.fixture(scope="module")
def routes(provisioned: Database) -> Iterator[FlaskClient]:
    """The API with the rights of the web."""
    engine = db.init(provisioned.settings("app"))
    app = Flask(__name__)
    errors.init_app(app)
    api.init_app(app, lambda *_: None)
    yield app.test_client()
    engine.dispose()


@pytest.fixture
def client(provisioned: Database, routes: FlaskClient) -> FlaskClient:
    """The same, with all the rows."""
    if names(routes) != ["3", "2", "1"]:
        provisioned.sql(FILL)
    return routes


def names(client: FlaskClient, query: str = "") -> list[str]:
    return [each["name"] for each in client.get(f"{FILES}{query}").get_json()["files"]]


def test_files_are_listed_newest_first_with_all_that_is_known(client: FlaskClient) -> None:
    assert names(client) == ["3", "2", "1"]
    [shown] = client.get(f"{FILES}?state=failed").get_json()["files"]
    assert {name: shown[name] for name in ("path", "host", "owner", "size", "run_tag")} == {
        "path": "/r/1",
        "host": "a",
        "owner": "qa",
        "size": 1,
        "run_tag": "r1",
    }
    assert (shown["modified_at"], shown["time_to_live"]) == ("2026-03-01T12:00:00Z", 86400)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?host=a", ["2", "1"]),
        ("?host=a&state=parsed", ["2"]),
        ("?owner=qa&site=lab&run_tag=r3&type=tap", ["3"]),
        ("?host=A", []),
        ("?host=%25", []),
        ("?host=a%27%20or%20%271%27=%271", []),
    ],
)
def test_a_filter_means_the_rows_that_are_equal_to_all_of_it(
    client: FlaskClient, query: str, found: list[str]
) -> None:
    assert names(client, query) == found


def test_a_long_list_comes_in_parts(client: FlaskClient) -> None:
    first = client.get(f"{FILES}?limit=2").get_json()
    assert [each["name"] for each in first["files"]] == ["3", "2"]
    rest = client.get(f"{FILES}?limit=2&before={first['next']}").get_json()
    assert [each["name"] for each in rest["files"]] == ["1"]
    assert rest["next"] is None


def test_the_queue_is_listed_and_deleted_by_a_filter(client: FlaskClient) -> None:
    listed = client.get(f"{JOBS}?host=a&state=waiting").get_json()
    assert [each["run_tag"] for each in listed["file_jobs"]] == ["r2", "r1"]
    assert client.delete(f"{JOBS}?run_tag=r1").get_json() == {"deleted": 1}
    assert len(client.get(JOBS).get_json()["file_jobs"]) == 2
    assert names(client) == ["3", "2", "1"]


def test_files_are_deleted_with_their_results_and_queue_rows(
    provisioned: Database, client: FlaskClient
) -> None:
    assert client.delete(f"{FILES}?host=a").get_json() == {"deleted": 2}
    assert client.delete(f"{FILES}?host=a").get_json() == {"deleted": 0}
    assert names(client) == ["3"]
    for table in ("test_runs", "test_results", "file_jobs"):
        assert provisioned.sql(f"select host from {table}") == "b"
    assert len(client.get(JOBS).get_json()["file_jobs"]) == 1


@pytest.mark.parametrize("method", ["get", "delete"])
@pytest.mark.parametrize("path", [FILES, JOBS])
@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("?hots=a", "hots: is not a parameter here. Parameters are owner, site, host"),
        ("?host=a&host=b", "host: is given twice."),
        ("?state=running", "state: Input should be "),
        ("?host=", "host: String should have at least 1 character"),
        ("?host=a%00", "host: String should match pattern"),
    ],
)
def test_a_filter_that_there_is_not_is_a_problem_and_deletes_nothing(
    client: FlaskClient, method: str, path: str, query: str, detail: str
) -> None:
    answer = client.open(f"{path}{query}", method=method)
    assert (answer.status_code, answer.mimetype) == (422, "application/problem+json")
    assert answer.get_json()["detail"].startswith(detail)
    assert len(names(client)) == 3


@pytest.mark.parametrize("query", ["?limit=0", "?limit=501", "?before=-1", "?before=x"])
def test_a_part_that_there_is_not_is_a_problem(client: FlaskClient, query: str) -> None:
    assert client.get(f"{FILES}{query}").status_code == 422


@pytest.mark.parametrize("path", [FILES, JOBS])
def test_nothing_is_deleted_without_a_filter(client: FlaskClient, path: str) -> None:
    answer = client.delete(path)
    assert answer.status_code == 422
    assert answer.get_json()["detail"] == (
        "nothing says which rows to delete: give at least one of "
        + ("owner, site, host, run_tag, user_tag, ")
        + ("state, type." if path == FILES else "state, kind.")
    )
    assert len(names(client)) == 3
