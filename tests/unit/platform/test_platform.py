"""The rest of the simulated platform: manifest, companies, mail, start and stop."""

from __future__ import annotations

import os
import signal
import smtplib
import subprocess
import sys
from decimal import Decimal
from email.message import EmailMessage
from hashlib import sha256
from pathlib import Path

import httpx
import pytest

from tests.stack import BUSY, wait_until
from tests.unit.platform.running import FOLDER, PASSWORD, Platform, running
from timestack.domains import finance


def test_every_answer_says_that_it_is_simulated(client: httpx.Client) -> None:
    for path in ("/health", "/api/manifest", "/api/companies", "/mail", "/api/usage", "/nothing"):
        assert client.get(path).headers["X-Simulated"] == "yes", path


def test_a_question_that_is_no_log_in_is_answered_400(client: httpx.Client) -> None:
    for body in ("[]", "{}", '{"user": 1, "password": "x"}', '{"user": "x"', "null"):
        headers = {"Content-Type": "application/json"}
        answer = client.post("/api/login", content=body, headers=headers)
        assert answer.status_code == 400, body
        assert answer.json()["error"]
    assert client.post("/api/login", content="user=x").status_code == 415
    long = {"user": "x" * 70_000, "password": "x"}
    assert client.post("/api/login", json=long).status_code == 413


def test_the_manifest_points_to_a_document_with_its_hash(client: httpx.Client) -> None:
    pointer = client.get("/api/manifest").json()
    download = client.get(pointer["url"])
    assert sha256(download.content).hexdigest() == pointer["sha256"]
    document = download.json()
    assert document["version"] == pointer["version"]
    assert len(document["titles"]) >= 300
    assert len({title["id"] for title in document["titles"]}) == len(document["titles"])


def test_publishing_changes_the_version_and_keeps_the_old_document(client: httpx.Client) -> None:
    old = client.get("/api/manifest").json()
    before = client.get(old["url"])
    published = client.post("/api/manifest/publish")
    assert published.status_code == 201
    new = client.get("/api/manifest").json()
    assert new == published.json()
    assert int(new["version"]) == int(old["version"]) + 1
    after = client.get(new["url"])
    assert sha256(after.content).hexdigest() == new["sha256"] != old["sha256"]
    assert len(after.json()["titles"]) > len(before.json()["titles"])
    assert client.get(old["url"]).content == before.content
    assert client.get(f"/api/manifest/{int(new['version']) + 1}.json").status_code == 404
    assert client.get("/api/manifest/publish").status_code in (404, 405)


def test_the_manifest_is_sent_once_to_who_names_its_etag(client: httpx.Client) -> None:
    answer = client.get("/api/manifest")
    etag = answer.headers["ETag"]
    again = client.get("/api/manifest", headers={"If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["ETag"] == etag
    client.post("/api/manifest/publish")
    changed = client.get("/api/manifest", headers={"If-None-Match": etag})
    assert changed.status_code == 200
    assert changed.headers["ETag"] != etag


def test_the_companies_are_what_the_loader_takes(client: httpx.Client) -> None:
    text = client.get("/api/companies").text
    document = finance._parse(text)
    assert len(document.companies) == 40
    quarters = [
        getattr(year, quarter)
        for company in document.companies
        for year in company.finances
        for quarter in finance.QUARTERS
    ]
    assert all(each.as_tuple().exponent == -2 and each > 0 for each in quarters if each)
    assert {type(each) for each in quarters} == {Decimal, type(None)}
    assert client.get("/api/companies").text == text


def test_mail_is_kept_with_its_envelope_subject_and_text(
    platform: Platform, client: httpx.Client
) -> None:
    assert client.delete("/mail").status_code == 204
    message = EmailMessage()
    message["From"], message["To"] = "stack@example.org", "viewer@example.org"
    message["Subject"] = "Passwort zurücksetzen"
    message.set_content("Grüße, hier ist der Link: https://localhost/reset/abc\n")
    message.add_alternative("<p>Grüße</p>", subtype="html")
    with smtplib.SMTP("127.0.0.1", platform.smtp_port, timeout=10) as smtp:
        smtp.send_message(message, to_addrs=["viewer@example.org", "hidden@example.org"])
        smtp.sendmail("a@example.org", ["b@example.org"], b"no header at all\r\n")
        head = b"Subject: =?nonsense?q?x?=\r\nContent-Type: text/plain; charset=nonsense\r\n\r\n"
        smtp.sendmail("a@example.org", ["b@example.org"], head + b"\xff\r\n")
    first, second, third = client.get("/mail").json()
    assert first["from"] == "stack@example.org"
    assert first["to"] == ["viewer@example.org", "hidden@example.org"]
    assert first["subject"] == "Passwort zurücksetzen"
    assert "Grüße, hier ist der Link: https://localhost/reset/abc" in first["text"]
    assert (second["subject"], second["to"]) == ("", ["b@example.org"])
    assert third["to"] == ["b@example.org"]


def test_the_last_hundred_messages_are_kept(platform: Platform, client: httpx.Client) -> None:
    client.delete("/mail")
    with smtplib.SMTP("127.0.0.1", platform.smtp_port, timeout=10) as smtp:
        for number in range(103):
            smtp.sendmail("a@example.org", ["b@example.org"], f"Subject: {number}\r\n\r\nx\r\n")
        with pytest.raises(smtplib.SMTPSenderRefused):
            smtp.sendmail("a@example.org", ["b@example.org"], "x" * 78 + "\r\n" + "y\r\n" * 500_000)
    subjects = [message["subject"] for message in client.get("/mail").json()]
    assert subjects == [str(number) for number in range(3, 103)]
    client.delete("/mail")
    assert client.get("/mail").json() == []


def test_sigterm_ends_it_at_once_while_a_client_waits_and_mail_is_open(tmp_path: Path) -> None:
    with (
        running(tmp_path) as platform,
        smtplib.SMTP("127.0.0.1", platform.smtp_port, timeout=10),
        platform.client() as client,
    ):
        sent = {"user": "drip@platform.example", "password": PASSWORD}
        with client.stream("POST", "/api/login", json=sent) as answer:
            assert next(answer.iter_raw())
            platform.process.send_signal(signal.SIGTERM)
            wait_until(lambda: platform.process.poll() is not None, "it ends", 5 + BUSY)
        assert platform.process.returncode == 0
        assert "stops" in platform.log.read_text()


def test_the_log_tells_each_request_and_no_secret(
    platform: Platform, service: httpx.Client
) -> None:
    token = service.post(
        "/api/login", json={"user": "south@platform.example", "password": PASSWORD}
    ).json()["token"]
    service.get(f"/api/companies?token={PASSWORD}")
    wait_until(lambda: "GET /api/companies 200" in platform.log.read_text(), "it is logged")
    log = platform.log.read_text()
    assert PASSWORD not in log
    assert token not in log
    assert "/health" not in log


@pytest.mark.parametrize(("content", "message"), [(None, "is missing"), ("", "is empty")])
def test_without_a_password_it_does_not_start(
    tmp_path: Path, content: str | None, message: str
) -> None:
    file = tmp_path / "password"
    if content is not None:
        file.write_text(content)
    environment = {
        **os.environ,
        "PYTHONPATH": str(FOLDER),
        "PLATFORM_PASSWORD_FILE": str(file),
    }
    done = subprocess.run(
        [sys.executable, "-m", "media_platform"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 1
    assert f"{file} {message}" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_webhook_keeps_texts_and_shows_and_logs_no_token(
    platform: Platform, client: httpx.Client
) -> None:
    assert client.post("/hooks/T0/B0/a-token", json={"text": "Hello"}).text == "ok"
    assert client.post("/hooks/another-token", json={"text": "again"}).status_code == 200
    for wrong in ({}, {"text": 1}, []):
        assert client.post("/hooks/a-token", json=wrong).status_code == 400
    assert client.get("/hooks").json() == ["Hello", "again"]
    assert client.delete("/hooks").status_code == 204
    assert client.get("/hooks").json() == []
    wait_until(lambda: "POST /hooks/*** 400" in platform.log.read_text(), "it is logged")
    assert "-token" not in platform.log.read_text()
