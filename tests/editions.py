"""The editions of TimescaleDB that the database tests run on, and the image of each.

A test runs on the editions that its marker names, `@pytest.mark.editions("apache", "timescale")`,
and without one on Apache-2 alone. The Community edition's image is what TIMESCALEDB_IMAGE names:
one that services/timescaledb made on a base with that edition. `make test` makes it where a
registry has the base.
"""

from __future__ import annotations

import os

import pytest

from scripts.host.compose import image

IMAGES = {
    "apache": image("timescaledb"),
    "timescale": os.environ.get("TIMESCALEDB_IMAGE", ""),
}
FOLDER = "tests/integration/db/"
NOT_RUN = (
    "Community edition: not run. No image of it is at hand: `make test` makes one where a registry"
    " answers, and TIMESCALEDB_IMAGE names one that was made before."
)


def of(test: pytest.Function) -> tuple[str, ...]:
    """The editions that a test's nearest marker names."""
    marker = test.get_closest_marker("editions")
    return marker.args if marker else ("apache",)


def summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say that half of the database tests did not run, where there was no image for it."""
    reports = [each for kind in terminalreporter.stats.values() for each in kind]
    ran = any(getattr(each, "nodeid", "").startswith(FOLDER) for each in reports)
    if ran and not IMAGES["timescale"]:
        terminalreporter.section("editions")
        terminalreporter.line(NOT_RUN)
