"""What all tests of a running stack share."""

from __future__ import annotations

import pytest

# Before they are imported: what these assert is shown with its values, as in a test.
pytest.register_assert_rewrite("tests.attacker", "tests.canaries", "tests.features")
