"""Writing while the database is away, and what a form would cost."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

LINE = b"temperature,location=JFK air=1 1769860800"
FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize("path", ["/api/v1/readings", "/api/v2/write?bucket=readings"])
def test_without_a_database_what_is_sent_is_to_come_again(client: FlaskClient, path: str) -> None:
    answer = client.post(path, data=LINE, content_type="text/csv")
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.get_json(force=True)["status"] == 503


def test_the_clients_of_influxdb_find_code_and_message_in_every_refusal(
    client: FlaskClient, stranger: FlaskClient
) -> None:
    for who, path, status, code in (
        (client, "/api/v2/write?bucket=readings", 503, "unavailable"),
        (client, "/api/v2/write", 400, "invalid"),
        (stranger, "/api/v2/write?bucket=readings", 401, "unauthorized"),
    ):
        answer = who.post(path, data=LINE, content_type="text/plain")
        found = answer.get_json()
        assert (answer.status_code, found["code"]) == (status, code)
        assert found["message"]
        assert found["request_id"] == answer.headers["X-Request-Id"]


def test_a_body_beyond_the_limit_is_refused_before_it_is_read(client: FlaskClient) -> None:
    for path in ("/api/v1/readings", "/api/v2/write?bucket=readings"):
        answer = client.post(path, data=b"#" * (16 * 1024 * 1024 + 1), content_type=FORM)
        assert answer.status_code == 413
        assert "16 MiB at most" in answer.get_json(force=True)["detail"]
