"""Whether the proxy may send requests, as the web answers it; a stack: test_deploy.py."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from timestack import serving


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("READY", "DRAINING", "TOLD"):
        monkeypatch.setattr(serving, name, str(tmp_path / name.lower()))
    return tmp_path


def asked(client: FlaskClient) -> tuple[int, str]:
    answer = client.get("/auth/serving")
    return answer.status_code, answer.json["status"]


def test_it_serves_from_its_first_readiness_until_it_drains(client: FlaskClient) -> None:
    assert asked(client) == (503, "starting")
    serving.note(serving.READY)
    # Neither database nor broker is there: that is no reason to leave.
    assert asked(client) == (200, "ok")
    serving.note(serving.DRAINING)
    assert asked(client) == (503, "draining")


def test_what_the_proxy_was_told_is_known(client: FlaskClient) -> None:
    assert not serving.told("no", seconds=0)
    asked(client)
    assert serving.told("no", seconds=0)
    assert not serving.told("yes", seconds=0)
    serving.note(serving.READY)
    asked(client)
    assert serving.main([]) is None


def test_a_drain_waits_until_the_proxy_has_asked(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    serving.note(serving.READY)
    asked(client)
    monkeypatch.setattr(serving.time, "sleep", lambda seconds: asked(client))
    assert serving.main(["--drain"]) is None
    assert serving.draining()


def test_a_full_disk_takes_nothing_out_of_service(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    serving.note(serving.READY)
    monkeypatch.setattr(serving, "TOLD", str(folder / "missing" / "told"))
    assert asked(client) == (200, "ok")
