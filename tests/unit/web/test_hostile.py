"""What only a script sends: refused with a status of its own, and never with 500."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from werkzeug.exceptions import BadRequest

CALLBACKS = "/dash/_dash-update-component"
# A lone surrogate is valid in JSON and in no other text.
HALF_A_CHARACTER = '{"output": "\\ud800"}'


@pytest.mark.parametrize("body", ["[" * 100_000, '{"a":' * 100_000])
@pytest.mark.parametrize("path", [CALLBACKS, "/api/v1/jobs"])
def test_a_body_nested_without_end_is_a_bad_request(
    client: FlaskClient, path: str, body: str
) -> None:
    answer = client.post(
        path, data=body, content_type="application/json", headers={"Accept": "application/json"}
    )
    assert answer.status_code == 400
    assert answer.json["detail"] == "The body is nested too deeply to be read."


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_half_a_character_is_a_bad_request(client: FlaskClient, accept: str) -> None:
    sent = {"data": HALF_A_CHARACTER, "content_type": "application/json"}
    answer = client.post(CALLBACKS, headers={"Accept": accept}, **sent)
    assert answer.status_code == 400


def test_half_a_character_in_a_message_does_not_break_the_page(client: FlaskClient) -> None:
    def refuse() -> str:
        raise BadRequest("No sensor has the type “\ud800”.")

    client.application.add_url_rule("/refuse", view_func=refuse)
    answer = client.get("/refuse")
    assert answer.status_code == 400
    assert "No sensor has the type “?”." in answer.text


@pytest.mark.parametrize(
    "path",
    ["nope/x.js", "dash/nope.js", "dash/%2e%2e/%2e%2e/etc/passwd", "sys/x.js", "timestack/app.py"],
)
def test_a_file_that_no_component_has_is_not_found(
    client: FlaskClient, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer = client.get(f"/dash/_dash-component-suites/{path}")
    assert answer.status_code == 404
    assert "registered" not in answer.text
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
