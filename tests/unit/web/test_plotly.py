"""The parts of plotly.js that the image has: of the version that Dash draws with, by the lock."""

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
DRAWN = re.compile(r"""\btype: "(scatter|bar|candlestick)\"""")


def test_the_lock_has_the_version_of_the_wheel_a_hash_of_each_package_and_no_address() -> None:
    packages = json.loads((WEB / "package-lock.json").read_text())["packages"]
    assert packages["node_modules/plotly.js"]["version"] == get_plotlyjs_version()
    locked = {name: each for name, each in packages.items() if name}
    assert "node_modules/esbuild" in locked
    assert {each["integrity"].partition("-")[0] for each in locked.values()} == {"sha512"}
    assert not any("resolved" in each for each in locked.values())


def test_what_pages_draw_with_is_among_the_parts() -> None:
    parts = (WEB / "plotly" / "parts.js").read_text()
    registered = set(re.findall(r'require\("plotly\.js/lib/(\w+)"\)', parts)) | {"scatter"}
    scripts = [each.read_text() for each in (WEB / "timestack" / "dash" / "assets").glob("*.js")]
    drawn = {kind for script in scripts for kind in DRAWN.findall(script)}
    assert drawn
    assert drawn | {"pie", "treemap"} <= registered


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
