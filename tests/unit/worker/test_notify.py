"""Why a message was not delivered, as its job's row says it."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiosmtpd.controller import Controller

from tests.stack import free_port
from timestack.domains.jobs.kinds import Delivery
from timestack.domains.jobs.steps import LaterError, PermanentError
from timestack.progress import unwatched
from timestack.tasks import notify

SECRET = "a-secret"
pytestmark = pytest.mark.usefixtures("settings")


class Refusing:
    """A mail server that repeats what it was sent."""

    async def handle_DATA(self, server: object, session: object, envelope: object) -> str:
        return f"554 not this: {SECRET}"


def deliver(channel: str) -> None:
    notify.deliver(None, unwatched, Delivery(channel=channel, subject="s", text=SECRET))


@pytest.mark.parametrize("listens", [True, False])
def test_a_mail_that_is_not_taken_is_sent_again_and_the_answer_not_repeated(
    monkeypatch: pytest.MonkeyPatch, listens: bool
) -> None:
    server = Controller(Refusing(), "127.0.0.1", free_port())
    for name, value in {
        "NOTIFY_EMAIL": "ops@example.org",
        "SMTP_HOST": "127.0.0.1",
        "SMTP_PORT": str(server.port),
        "SMTP_TLS": "none",
    }.items():
        monkeypatch.setenv(name, value)
    if listens:
        server.start()
    try:
        with pytest.raises(LaterError, match=r"^e-mail: ") as caught:
            deliver("email")
    finally:
        if listens:
            server.stop()
    expected = "the server's answer is 554" if listens else "no connection: "
    assert expected in str(caught.value)
    assert SECRET not in str(caught.value)


def test_in_production_no_webhook_is_asked_in_clear_text(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TIMESTACK_ENV", "production")
    (tmp_path / "notify_webhook").write_text(f"http://127.0.0.1:1/hooks/{SECRET}\n")
    with pytest.raises(PermanentError, match=r"begins with https://") as caught:
        deliver("webhook")
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("channel", ["webhook", "email"])
def test_a_channel_that_was_taken_away_meanwhile_says_how_to_set_it_up(channel: str) -> None:
    with pytest.raises(PermanentError, match=r"it is not set up: write .* run `make up`"):
        deliver(channel)
