"""TAP, the Test Anything Protocol, versions 12 to 14. Ref: https://testanything.org

What is within a test (subtests, diagnostics) is summarised by the test's own line.
"""

from __future__ import annotations

import re
from dataclasses import replace

from timestack.domains.results.outcome import (
    LONGEST_MESSAGE,
    Result,
    ResultFileError,
    Suite,
    require_few,
)
from timestack.models.results import FAILURES

PLAN = re.compile(r"1\.\.(\d{1,9})\b")
TEST = re.compile(r"(not )?ok\b(?: +(\d{1,9}))?(?: *-)? *(.*)")
# An unescaped `#` begins what is not the test's name.
DIRECTIVE = re.compile(r"(?<!\\)#\s*(skip|todo|time=)\S*\s*(.*)$", re.IGNORECASE)
TIME = re.compile(r"(?<!\\)#\s*time=(\d+(?:\.\d+)?)(ms|s)?", re.IGNORECASE)
DURATION = re.compile(r"\s+duration_ms:\s*['\"]?(\d+(?:\.\d+)?)")
BAIL_OUT = re.compile(r"Bail out!\s*(.*)", re.IGNORECASE)


def parse(data: bytes) -> list[Suite]:
    """Return the one suite of the file.

    A test that is TODO and fails is skipped. Tests that were planned and did not run, and `Bail
    out!`, are an error of the run named `plan`. Raises ResultFileError.
    """
    planned, tests, number = None, [], 1
    for number, line in enumerate(data.decode("utf-8", "backslashreplace").split("\n"), 1):
        line = line.removesuffix("\r")
        if match := PLAN.match(line):
            planned = int(match[1])
        elif match := TEST.match(line):
            tests.append(_test(match, len(tests) + 1))
            require_few(number, len(tests))
        elif match := BAIL_OUT.match(line):
            planned = len(tests) + 1
            tests.append(Result("plan", "error", message=f"bailed out: {match[1]}"))
            break
        elif tests and line[:2] in ("  ", "# "):
            tests[-1] = _with_more(tests[-1], line)
    if planned is None and not tests:
        raise ResultFileError(number, "is not TAP: it has neither a plan (`1..5`) nor a test")
    suite = Suite()
    for each in tests:
        suite.add(each.name, each.outcome, each.seconds, each.message)
    if planned not in (None, len(tests)):
        why = f"the plan is {planned:,} tests, and {len(tests):,} ran"
        suite.add("plan", "error", None, why)
    return [suite] if suite.results else []


def _test(match: re.Match, number: int) -> Result:
    """What a test's line says."""
    failed, _, text = match.groups()
    outcome, message, seconds = "failed" if failed else "passed", "", None
    if time := TIME.search(text):
        seconds = float(time[1]) / (1 if time[2] == "s" else 1000)
    if found := DIRECTIVE.search(text):
        word = found[1].lower()
        text = text[: found.start()]
        if word == "skip" or (word == "todo" and failed):
            outcome, message = "skipped", found[2]
    name = text.strip().replace("\\#", "#").replace("\\\\", "\\")
    return Result(name or f"test {number}", outcome, seconds, message)


def _with_more(test: Result, line: str) -> Result:
    """The test with what a line below it adds."""
    if match := DURATION.match(line):
        return replace(test, seconds=float(match[1]) / 1000)
    if test.outcome in FAILURES and len(test.message) < LONGEST_MESSAGE:
        return replace(test, message=f"{test.message}{line[:LONGEST_MESSAGE].strip(' #')}\n")
    return test
