"""While the database is moved nobody writes: pages are read, and a change is refused in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from flask import Flask, g
from flask.testing import FlaskClient
from psycopg2.errors import ReadOnlySqlTransaction
from sqlalchemy.exc import InternalError
from sqlalchemy.orm import Session

from tests.integration.db.conftest import Database
from timestack.domains import tokens, users
from timestack.words import READ_ONLY

pytestmark = pytest.mark.database


@pytest.fixture(scope="module")
def token(provisioned: Database) -> str:
    provisioned.sql(
        "insert into sensors (id, type, location, name, unit) overriding system value"
        " values (1, 'temperature', 'cellar', 'north wall', '°C')"
    )
    with Session(provisioned.engine()) as session, session.begin():
        users.put(session, "writer@example.org", "editor")
        user = users.find(session, "writer@example.org")
        return tokens.make(session, user, "x", "write")[0]


@pytest.fixture
def read_only(web: Flask, provisioned: Database, token: str) -> Iterator[None]:
    def write(word: str) -> None:
        change = f"alter database {provisioned.name} {word}"
        provisioned.server.sql(change)
        web.extensions["engine"].dispose()

    write("set default_transaction_read_only = on")
    yield
    write("reset default_transaction_read_only")


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize("path", ["/", "/dash/sensors", "/dash/jobs", "/account"])
def test_pages_are_read(sign_in: Callable[..., FlaskClient], read_only: None, path: str) -> None:
    assert sign_in("editor").get(path).status_code == 200


def test_a_token_reads(web: Flask, read_only: None, token: str) -> None:
    answer = web.test_client().get("/api/v1/sensors", headers=bearer(token))
    assert answer.status_code == 200
    assert len(answer.json["items"]) == 1


def test_rows_that_are_sent_are_refused_and_may_come_again(
    web: Flask, read_only: None, token: str
) -> None:
    answer = web.test_client().post(
        "/api/v1/readings",
        data=b"time,sensor_id,value\n2026-01-31T12:00:00Z,1,20\n",
        headers={**bearer(token), "Content-Type": "text/csv"},
    )
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "60"
    assert answer.json["detail"] == f"{READ_ONLY.heading}. {READ_ONLY.advice}"


def test_a_change_by_the_api_is_refused_in_words(
    sign_in: Callable[..., FlaskClient], read_only: None
) -> None:
    answer = sign_in("editor").post(
        "/api/v1/sensors",
        json={"type": "temperature", "location": "attic", "name": "south", "unit": "°C"},
    )
    assert answer.status_code == 503
    assert READ_ONLY.advice in answer.json["detail"]


def test_a_browser_gets_a_page_that_says_so(web: Flask, read_only: None) -> None:
    with web.test_request_context("/", headers={"Accept": "text/html"}):
        g.request_id, g.user = "none", None
        error = InternalError("update", {}, ReadOnlySqlTransaction())
        page = web.make_response(web.handle_user_exception(error))
    assert page.status_code == 503
    assert READ_ONLY.heading in page.get_data(as_text=True)
