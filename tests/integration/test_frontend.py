"""The frontend's own checks: its types, its style and its tests, which need no Node on the host."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests import frontend

pytestmark = pytest.mark.stack

# Fewer are some that were not found.
LEAST = 60


def test_its_types_and_style_are_right_and_its_tests_pass(tmp_path: Path) -> None:
    frontend.build("frontend-tested", tmp_path)
    found = json.loads((tmp_path / "tests.json").read_text())
    assert found["success"] is True
    assert found["numPassedTests"] == found["numTotalTests"] >= LEAST
