"""Failures: one shape for each kind of client, an id in each, the cause in none."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest
from flask import Flask, Response, abort, request
from flask.testing import FlaskClient
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import TooManyRequests

from tests.unit.web.conftest import signed_in
from timestack import logs
from timestack.errors import problem

PROBLEM = "application/problem+json"
SECRET = "the cause, which is nobody's business"


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    """The application, with views that fail in the ways views do."""
    app = make_app()

    @app.get("/crash")
    @app.get("/api/crash")
    def crash() -> str:
        raise RuntimeError(SECRET)

    @app.get("/database")
    @app.get("/api/database")
    def database() -> str:
        raise OperationalError(f"select '{SECRET}'", {}, Exception(SECRET))

    @app.get("/api/busy")
    def busy() -> str:
        raise TooManyRequests(retry_after=7)

    @app.post("/api/read")
    def read() -> dict:
        return {"length": len(request.get_data())}

    @app.get("/api/helper")
    def helper() -> Response:
        return problem(409, "It is taken.", holder="another")

    @app.get("/refuse")
    def refuse() -> str:
        abort(422, "The date <b>2013-13-01</b> is none.")

    return app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return signed_in(app)


def test_the_api_answers_with_a_problem_document(client: FlaskClient) -> None:
    answer = client.get("/api/v1/no-such-thing", headers={"Accept": "text/html"})
    assert answer.status_code == 404
    assert answer.content_type == PROBLEM
    assert answer.json == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "instance": "/api/v1/no-such-thing",
        "request_id": answer.headers["X-Request-Id"],
    }


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("text/html,application/xhtml+xml,*/*;q=0.8", "text/html"),
        ("*/*", "text/html"),
        ("", "text/html"),
        ("application/json", PROBLEM),
        ("application/problem+json", PROBLEM),
        ("application/json, text/html;q=0.5", PROBLEM),
    ],
)
def test_elsewhere_the_client_chooses(client: FlaskClient, accept: str, kind: str) -> None:
    answer = client.get("/no-such-page", headers={"Accept": accept})
    assert (answer.status_code, answer.mimetype) == (404, kind)


@pytest.mark.parametrize("path", ["/crash", "/api/crash"])
def test_the_cause_of_an_unexpected_failure_is_logged_and_never_sent(
    client: FlaskClient, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    answer = client.get(path)
    assert answer.status_code == 500
    assert SECRET not in answer.text
    assert "Traceback" not in answer.text
    assert answer.headers["X-Request-Id"] in answer.text
    assert SECRET in caplog.text
    assert "Traceback" in caplog.text


@pytest.mark.parametrize("path", ["/database", "/api/database"])
def test_a_database_that_is_away_is_a_503_to_try_again(
    client: FlaskClient, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    answer = client.get(path)
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert SECRET not in answer.text
    assert SECRET in caplog.text


def test_a_method_that_is_not_allowed_says_which_are(client: FlaskClient) -> None:
    answer = client.delete("/api/read")
    assert (answer.status_code, answer.content_type) == (405, PROBLEM)
    assert "POST" in answer.headers["Allow"]


def test_a_body_over_the_limit_is_413(app: Flask, client: FlaskClient) -> None:
    limit = app.config["MAX_CONTENT_LENGTH"]
    assert client.post("/api/read", data=b"x" * limit).json == {"length": limit}
    answer = client.post("/api/read", data=b"x" * (limit + 1))
    assert (answer.status_code, answer.content_type) == (413, PROBLEM)


def test_a_body_that_is_not_json_is_415_and_a_broken_one_400(client: FlaskClient) -> None:
    assert client.post("/api/v1/jobs", data="kind=x").status_code == 415
    answer = client.post("/api/v1/jobs", data="{", content_type="application/json")
    assert (answer.status_code, answer.content_type) == (400, PROBLEM)
    assert "line 1 column 2" in answer.json["detail"]


def test_too_many_requests_say_when_to_come_back(client: FlaskClient) -> None:
    answer = client.get("/api/busy")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")


def test_a_problem_has_members_of_its_own(client: FlaskClient) -> None:
    answer = client.get("/api/helper")
    assert answer.status_code == 409
    assert answer.content_type == PROBLEM
    assert (answer.json["detail"], answer.json["holder"]) == ("It is taken.", "another")


def test_words_of_ours_reach_the_reader_escaped(client: FlaskClient) -> None:
    answer = client.get("/refuse")
    assert answer.status_code == 422
    assert "The date &lt;b&gt;2013-13-01&lt;/b&gt; is none." in answer.text


@pytest.mark.parametrize("id", ["abcdefgh", "0123-4567-89AB", "x" * 64])
def test_a_request_id_is_taken_over(client: FlaskClient, id: str) -> None:
    assert client.get("/version", headers={"X-Request-Id": id}).headers["X-Request-Id"] == id


@pytest.mark.parametrize("id", ["", "short", "x" * 65, "a b c d e f", "<script>alert</script>"])
def test_a_request_id_of_another_shape_is_replaced(client: FlaskClient, id: str) -> None:
    given = client.get("/version", headers={"X-Request-Id": id}).headers["X-Request-Id"]
    assert given != id
    assert 8 <= len(given) <= 64


def test_each_request_has_an_id_of_its_own(client: FlaskClient) -> None:
    assert len({client.get("/version").headers["X-Request-Id"] for _ in range(3)}) == 3


def test_no_failure_is_kept_in_a_cache(client: FlaskClient) -> None:
    for path in ("/no-such-page", "/api/no-such-thing", "/crash"):
        assert client.get(path).headers["Cache-Control"] == "no-store"


def test_a_line_of_the_log_carries_the_request_id(
    client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    from_request = []

    class Note(logging.Filter):
        def filter(self, record: logging.LogRecord) -> bool:
            from_request.append(logs.request_id.get())
            return True

    caplog.handler.addFilter(Note())
    client.get("/crash", headers={"X-Request-Id": "one-two-three"})
    assert from_request == ["one-two-three"]


def test_a_form_longer_than_any_of_ours_is_413(stranger: FlaskClient) -> None:
    answer = stranger.post("/logout", data={"email": "a" * 300_000})
    assert answer.status_code == 413
