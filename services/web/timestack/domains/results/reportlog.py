"""pytest's JSON lines, as `pytest --report-log` of the plugin pytest-reportlog writes them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from timestack.domains.results.outcome import (
    ResultFileError,
    Suite,
    require_few,
    seconds_of,
    within,
)

KEY = "$report_type"


def parse(data: bytes) -> list[Suite]:
    """Return the one suite of the file: a test's set-up, call and tear-down are one result.

    A module that cannot be collected is an error by its name. Of a test that is run again, the
    last run counts. Raises ResultFileError, also for a line that breaks off.
    """
    tests: dict[str, dict[str, Any]] = {}
    suite, number, reports = Suite(), 1, 0
    for number, line in enumerate(data.split(b"\n"), 1):
        if not line.strip():
            continue
        report = _report(number, line)
        reports += 1
        name, outcome = report.get("nodeid"), report.get("outcome")
        if report[KEY] == "CollectReport" and outcome != "failed":
            continue
        if report[KEY] not in ("CollectReport", "TestReport"):
            continue
        if not isinstance(name, str) or outcome not in ("passed", "failed", "skipped", "rerun"):
            raise ResultFileError(number, "has no `nodeid` or `outcome` as pytest writes them")
        started = _time(report.get("start"))
        suite.started = min(filter(None, (suite.started, started)), default=None)
        when = report.get("when", "collect")
        if name not in tests or when == "setup":
            tests[name] = {"outcome": "passed", "seconds": None, "message": ""}
        _count(tests[name], when, outcome, report)
    if not reports:
        raise ResultFileError(number, "is empty: pytest writes a line when it begins")
    require_few(number, len(tests))
    for name, test in tests.items():
        suite.add(name, test["outcome"], test["seconds"], test["message"])
    return [suite] if suite.results else []


def _report(number: int, line: bytes) -> dict[str, Any]:
    try:
        report = json.loads(line)
    except json.JSONDecodeError as error:
        raise ResultFileError(number, f"is not JSON: {error.msg}, column {error.colno}") from None
    except (ValueError, RecursionError):
        raise ResultFileError(number, "is not JSON that can be read") from None
    if not isinstance(report, dict) or not isinstance(report.get(KEY), str):
        raise ResultFileError(number, f"is not a line of pytest's report: it has no `{KEY}`")
    return report


def _count(test: dict[str, Any], when: object, outcome: str, report: dict[str, Any]) -> None:
    """Add one of a test's phases to it."""
    taken = seconds_of(report.get("duration"))
    if taken is not None:
        test["seconds"] = (test["seconds"] or 0.0) + taken
    if outcome == "passed":
        return
    test["message"] = test["message"] or _why(report.get("longrepr"))
    if outcome == "skipped":
        test["outcome"] = "skipped"
    elif when == "call":
        test["outcome"] = "failed"
    elif test["outcome"] != "failed":
        test["outcome"] = "error"


def _why(given: Any) -> str:
    """The message of a failure, whose shape pytest does not fix."""
    if isinstance(given, list) and given:
        # Of a skipped test: file, line, reason.
        given = given[-1]
    if isinstance(given, dict):
        crash = given.get("reprcrash")
        given = crash.get("message") if isinstance(crash, dict) else None
    return given if isinstance(given, str) else ""


def _time(given: object) -> datetime | None:
    if isinstance(given, bool) or not isinstance(given, (int, float)):
        return None
    try:
        return within(datetime.fromtimestamp(given, UTC))
    except (OverflowError, ValueError, OSError):
        return None
