"""docs/api.md names every endpoint that there is, with its methods, and no other."""

from __future__ import annotations

import re
from collections.abc import Callable

from flask import Flask

from tests.stack import ROOT
from tests.unit.web.conftest import environment as environment
from tests.unit.web.conftest import make_app, signed_in  # noqa: F401

GUIDE = (ROOT / "docs" / "api.md").read_text()
# `/sensors/<id>` | GET, PATCH | …
ROW = re.compile(r"^\| (`/[^|]+`) \| ([A-Z, ]+) \|", re.MULTILINE)
PLACE = re.compile(r"<[^>]*>|\{[^}]*\}")


def test_the_guide_lists_every_endpoint_and_no_other(make_app: Callable[..., Flask]) -> None:  # noqa: F811
    document = signed_in(make_app()).get("/api/v1/openapi.json").get_json()
    described = {
        (method.upper(), PLACE.sub("<>", path))
        for path, item in document["paths"].items()
        for method in item
    }
    listed = [
        (method, PLACE.sub("<>", path).partition("?")[0])
        for paths, methods in ROW.findall(GUIDE)
        for path in re.findall(r"`([^`]+)`", paths)
        for method in methods.split(", ")
    ]
    assert len(listed) == len(set(listed))
    assert set(listed) == described
