"""A mail on its way through Redis: the text is sealed, and sent as it was written."""

from __future__ import annotations

from pathlib import Path

import pytest

from timestack import logs, queue
from timestack.domains import mail

TEXT = "Choose a new password: https://example.org/recover/a-token\n"


@pytest.mark.usefixtures("settings")
def test_what_redis_is_handed_is_sealed_and_carries_the_request_id(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent = []
    monkeypatch.setattr(queue.app, "send_task", lambda task, **more: sent.append((task, more)))
    token = logs.request_id.set("0123456789")
    assert mail.send("viewer@example.org", "A link", TEXT)
    logs.request_id.reset(token)
    ((task, more),) = sent
    assert task == mail.TASK
    assert "recover" not in str(more)
    assert more["headers"] == {"request_id": "0123456789"}
    assert mail.unseal(more["args"][2]) == TEXT


@pytest.mark.usefixtures("settings")
def test_a_mail_sealed_before_the_password_changed_says_so(tmp_path: Path) -> None:
    sealed = mail.seal(TEXT)
    (tmp_path / "db_app_password").write_text("another\n")
    with pytest.raises(mail.SealError, match="before the database password was changed"):
        mail.unseal(sealed)
