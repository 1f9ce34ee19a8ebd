"""Browsers keep files for as long as they stay the same; what a page is made of travels light."""

from __future__ import annotations

import gzip
import re

import pytest
from flask.testing import FlaskClient

FOREVER = {"max-age=31536000", "immutable"}


def kept(client: FlaskClient, path: str) -> set[str]:
    answer = client.get(path)
    assert answer.status_code == 200, path
    return {part.strip() for part in answer.headers["Cache-Control"].split(",")}


def addresses(page: str) -> list[str]:
    found = re.findall(r'(?:href|src)="([^"]+\.(?:css|js|svg)[^"]*)"', page)
    assert found
    return found


@pytest.mark.parametrize("page", ["/no-such-page", "/dash/sensors"])
def test_a_page_names_each_file_by_its_version_and_browsers_keep_it(
    client: FlaskClient, page: str
) -> None:
    for path in addresses(client.get(page).text):
        assert kept(client, path) >= FOREVER, path


@pytest.mark.parametrize("query", ["", "?v=000000000000", "?m=1"])
@pytest.mark.parametrize("path", ["/static/timestack.css", "/dash/assets/timestack.js"])
def test_a_file_that_is_not_asked_for_by_its_version_is_asked_about_each_time(
    client: FlaskClient, path: str, query: str
) -> None:
    assert kept(client, path + query) == {"no-cache"}


def test_what_is_made_for_one_request_is_compressed_when_it_is_whole(client: FlaskClient) -> None:
    plain = client.get("/dash/_dash-dependencies")
    packed = client.get("/dash/_dash-dependencies", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in packed.headers["Vary"]
    assert gzip.decompress(packed.data) == plain.data
