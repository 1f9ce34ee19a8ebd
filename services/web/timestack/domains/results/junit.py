"""JUnit XML, as pytest, Surefire, Gradle, Jest, gotestsum and others write it.

A document type is refused, and with it every entity but XML's own five: there is nothing to
expand and nothing to fetch. Expat reports the line of whatever is wrong.
"""

from __future__ import annotations

from datetime import datetime
from typing import NoReturn
from xml.parsers import expat
from zoneinfo import ZoneInfo

from timestack.domains.results.outcome import (
    LONGEST_MESSAGE,
    ResultFileError,
    Suite,
    require_few,
    within,
)

ROOTS = ("testsuites", "testsuite")
# Of a test's children, that say how it ended.
OUTCOMES = {"failure": "failed", "error": "error", "skipped": "skipped"}
# What GoogleTest writes of a test that was left out.
LEFT_OUT = ("notrun", "disabled", "skipped")
DEEPEST = 100


def parse(data: bytes, zone: ZoneInfo) -> list[Suite]:
    """Return a suite for each outermost ``testsuite``; those within it belong to it.

    Times without an offset are of ``zone``. Raises ResultFileError.
    """
    reader = _Reader(zone)
    try:
        reader.parser.Parse(data, True)
    except expat.ExpatError as error:
        what = expat.errors.messages.get(error.code, "not XML")
        raise ResultFileError(error.lineno, f"is not XML: {what}") from None
    except (LookupError, ValueError) as error:
        if isinstance(error, ResultFileError):
            raise
        # An encoding that there is not, or that has more than one byte for a character.
        raise ResultFileError(1, f"is not XML: {error}") from None
    return [suite for suite in reader.suites if suite.results]


class _Reader:
    """What has been read so far: the open suite, and the open test in it."""

    def __init__(self, zone: ZoneInfo):
        self.zone = zone
        self.suites: list[Suite] = []
        self.depth = self.suite_depth = self.tests = 0
        self.test: dict[str, str] | None = None
        self.outcome, self.message = "passed", ""
        # The open child of the test whose text is its message.
        self.message_tag = ""
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self.refuse
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.text

    @property
    def line(self) -> int:
        return self.parser.CurrentLineNumber

    def refuse(self, *_: object) -> NoReturn:
        raise ResultFileError(self.line, "has a document type, which is refused: remove it")

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        # With a namespace's prefix or without.
        tag = tag.rpartition(":")[2]
        self.depth += 1
        if self.depth > DEEPEST:
            raise ResultFileError(self.line, f"is nested more than {DEEPEST} deep")
        if self.depth == 1 and tag not in ROOTS:
            what = f"is not JUnit XML: its root is `{tag[:40]}` and not `testsuites` or `testsuite`"
            raise ResultFileError(self.line, what)
        if self.test is not None:
            if tag in OUTCOMES and self.outcome != "error":
                self.outcome = OUTCOMES[tag]
                self.message = attributes.get("message") or attributes.get("type") or ""
                self.message_tag = tag
        elif tag == "testsuite":
            if not self.suite_depth:
                self.suite_depth = self.depth
                if self.suites and not self.suites[-1].results:
                    self.suites.pop()
                self.suites.append(Suite(attributes.get("name", "")))
            suite = self.suites[-1]
            suite.started = suite.started or self.time(attributes.get("timestamp", ""))
        elif tag == "testcase":
            if not self.suite_depth:
                raise ResultFileError(self.line, "has a `testcase` that is in no `testsuite`")
            self.test = attributes
            left_out = attributes.get("status") in LEFT_OUT
            self.outcome, self.message = ("skipped" if left_out else "passed"), ""

    def end(self, tag: str) -> None:
        tag = tag.rpartition(":")[2]
        if tag == "testcase" and self.test is not None:
            name, group = self.test.get("name", ""), self.test.get("classname", "")
            named = name if group in ("", name) else f"{group}.{name}"
            self.tests += 1
            require_few(self.line, self.tests)
            self.suites[-1].add(named, self.outcome, self.test.get("time"), self.message)
            self.test = None
        elif tag == self.message_tag:
            self.message_tag = ""
        if self.depth == self.suite_depth:
            self.suite_depth = 0
        self.depth -= 1

    def text(self, data: str) -> None:
        if self.message_tag and len(self.message) < LONGEST_MESSAGE and not data.isspace():
            self.message += ("\n" if self.message else "") + data[:LONGEST_MESSAGE]

    def time(self, text: str) -> datetime | None:
        try:
            time = datetime.fromisoformat(text)
        except ValueError:
            return None
        return within(time if time.tzinfo else time.replace(tzinfo=self.zone))
