"""A webhook: what its text may do, and why a message was not taken, without the address."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from timestack.domains.notifications import webhook

TOKEN = "T0/B0/a-secret"


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a server that takes a connection and answers nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def refused(url: str) -> webhook.WebhookError:
    with pytest.raises(webhook.WebhookError) as caught:
        webhook.post(url, "a text")
    error: BaseException | None = caught.value
    assert TOKEN not in str(error)
    assert error.__suppress_context__, "no traceback shows what httpx says"
    return caught.value


def test_no_text_is_read_as_markup_or_calls_everybody() -> None:
    written = webhook.quoted("<!channel> a & b, @everyone @Here @all, ann@example.org")
    assert written.startswith("&lt;!channel&gt; a &amp; b, @")
    for name in ("@everyone", "@Here", "@all"):
        assert name not in written
    assert "ann@example.org" in written


def test_a_webhook_that_cannot_be_reached_may_be_tried_again() -> None:
    error = refused(f"http://127.0.0.1:1/{TOKEN}")
    assert error.passing
    assert str(error).startswith("no connection: ")


def test_a_webhook_that_is_silent_has_a_deadline(
    silent: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "DEADLINE", 0.3)
    error = refused(f"http://127.0.0.1:{silent}/{TOKEN}")
    assert error.passing
    assert str(error) == "no answer within 0.3 s"


@pytest.mark.parametrize("url", [f"http://[::/{TOKEN}", f"http:///{TOKEN}", TOKEN])
def test_what_is_not_an_address_is_not_tried_again(url: str) -> None:
    error = refused(url)
    assert not error.passing
    assert str(error) == "its address is not one"
