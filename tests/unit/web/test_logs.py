"""Lines of the log: one JSON object each, in UTC, with the request id and without secrets."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from tests.unit.web.conftest import PASSWORD
from timestack import logs
from timestack.settings import Settings


@pytest.fixture
def log(environment: pytest.MonkeyPatch) -> Iterator[logging.Logger]:
    """A logger of ours, after ``configure``; the root logger is put back as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    logger = logging.getLogger("timestack.example")
    yield logger
    logging.captureWarnings(False)
    root.handlers[:] = handlers
    root.setLevel(level)


def configure(environment: pytest.MonkeyPatch, **variables: str) -> None:
    for name, value in variables.items():
        environment.setenv(name, value)
    logs.configure(Settings.load(needs=["redis_password", "secret_key"]))


def test_a_line_is_one_object_with_a_time_in_utc(
    environment: pytest.MonkeyPatch, log: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(environment)
    token = logs.request_id.set("0123456789")
    log.warning("two\nlines of %s", "text")
    logs.request_id.reset(token)
    (line,) = capsys.readouterr().out.splitlines()
    event = json.loads(line)
    assert event.pop("time").endswith("Z")
    assert event == {
        "level": "warning",
        "logger": "timestack.example",
        "message": "two\nlines of text",
        "request_id": "0123456789",
    }


def test_no_secret_reaches_a_line_in_any_spelling(
    environment: pytest.MonkeyPatch, log: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(environment)
    log.error("refused %s", f"redis://:{quote(PASSWORD, safe='')}@redis:6379/0")
    log.error("refused %s", f"host=db password={PASSWORD} user=x")
    log.error("refused postgresql://someone:another-secret@db/timestack")
    try:
        raise ValueError(PASSWORD)
    except ValueError:
        log.exception("failed")
    written = capsys.readouterr().out
    for secret in (PASSWORD, quote(PASSWORD, safe=""), "another-secret"):
        assert secret not in written
    assert written.count(logs.HIDDEN) == 4
    assert "Traceback" in json.loads(written.splitlines()[-1])["exception"]


def test_an_access_line_has_its_facts_as_members(
    environment: pytest.MonkeyPatch, log: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(environment)
    facts = {
        "request_id": "from-the-answer",
        "method": "GET",
        "path": "/timestack/dash/sensors",
        "status": 200,
        "client": "203.0.113.7",
        "bytes": 42,
        "duration": 0.012345,
    }
    logging.getLogger(logs.ACCESS).info("%(method)s %(path)s %(status)s", facts)
    event = json.loads(capsys.readouterr().out)
    assert event.pop("time")
    assert event == {
        "level": "info",
        "logger": logs.ACCESS,
        "message": "GET /timestack/dash/sensors 200",
        **facts,
    }


def test_below_the_level_nothing_is_written(
    environment: pytest.MonkeyPatch, log: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(environment, LOG_LEVEL="warning")
    log.info("a detail")
    assert capsys.readouterr().out == ""


def test_development_reads_as_text(
    environment: pytest.MonkeyPatch, log: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(environment, TIMESTACK_ENV="development")
    log.info("it is %s", PASSWORD)
    line = capsys.readouterr().out
    assert line.endswith(f"INFO timestack.example it is {logs.HIDDEN}\n")


def test_the_token_of_a_mailed_link_is_in_no_line(
    environment: pytest.MonkeyPatch, log: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(environment)
    log.error("Exception on /timestack/recover/a-token [POST]")
    facts = {"method": "GET", "path": "/recover/a-token", "status": 200}
    logging.getLogger(logs.ACCESS).info("%(method)s %(path)s %(status)s", facts)
    written = capsys.readouterr().out
    assert "a-token" not in written
    first, second = map(json.loads, written.splitlines())
    assert first["message"] == f"Exception on /timestack/recover/{logs.HIDDEN} [POST]"
    assert second["path"] == f"/recover/{logs.HIDDEN}"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("redis://:pass@redis:6379", "redis://:***@redis:6379"),
        ("REDIS_PASSWORD=hunter2 and more", "REDIS_PASSWORD=*** and more"),
        ("?access_token=hunter2&page=2", "?access_token=***&page=2"),
        ('{"db_password": "hunter2", "n": 1}', '{"db_password": "***", "n": 1}'),
        ("Authorization: Basic dTpodW50ZXIy", "Authorization: Basic ***"),
        ("a header Bearer hunter2.hunter2", "a header Bearer ***"),
        ("https://hooks.slack.com/services/T0/B0/x", "https://hooks.slack.com/***"),
        ("https://chat.example.org/hooks/x failed", "https://chat.example.org/hooks/*** failed"),
        ("https://example.org/api/webhooks/1/x/slack", "https://example.org/api/webhooks/***"),
        ("is Qm3vX8kPz1LwT6yRb9NcJ5hGsDfA2eUo-_", "is ***"),
    ],
)
def test_what_looks_like_a_secret_is_masked(text: str, shown: str) -> None:
    assert logs.masked(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "make rotate SECRET=db_app_password",
        "the platform's token is missing: write it to platform_password under SECRETS_PATH",
        "job 0b9d3b1c-53f8-4a7e-9d39-6b0f5a1e2c3d, sha256 " + "0a" * 32,
        "/app/timestack/domains/notifications/webhook.py, line 12, in _post",
        "the answer of https://media.example.org:9000/api/usage is 503",
    ],
)
def test_what_a_reader_needs_is_not_masked(text: str) -> None:
    assert logs.masked(text) == text
