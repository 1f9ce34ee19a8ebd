"""The part of plotly.js that the image has is of the version that Dash draws with."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from plotly.offline import get_plotlyjs_version

from tests.unit.web.conftest import signed_in
from timestack.dash import shell

WEB = Path(__file__).resolve().parents[3] / "services" / "web"
PACKAGE = "node_modules/plotly.js-finance-dist-min"


def test_the_lock_has_the_version_of_the_wheel_and_no_address() -> None:
    lock = json.loads((WEB / "package-lock.json").read_text())
    locked = lock["packages"][PACKAGE]
    assert locked["integrity"].startswith("sha512-")
    # Patches are not published as parts each time.
    assert locked["version"].split(".")[:2] == get_plotlyjs_version().split(".")[:2]
    assert not any("resolved" in each for each in lock["packages"].values())


def test_nothing_waits_for_it_and_where_it_is_not_there_all_of_it_comes(
    make_app: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch
) -> None:
    def loaded() -> str:
        page = signed_in(make_app()).get("/dash/sensors").text
        return re.search(r'<script id="plotly" src="/([^"?]+)[^"]*" async></script>', page)[1]

    assert re.fullmatch(
        r"dash/_dash-component-suites/plotly/package_data/plotly\.v[0-9_]+m\d+\.min\.js", loaded()
    )
    # A file that is there without an image.
    monkeypatch.setattr(shell, "PLOTLY", "copy.js")
    assert loaded() == "static/copy.js"
