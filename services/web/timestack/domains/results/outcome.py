"""What every format of test results comes to: suites of results, or a fault with its line."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

# What the database accepts (hypertables.yaml); what is outside counts as not known.
EARLIEST, LATEST = date(1970, 1, 1), date(2200, 1, 1)
LONGEST_SECONDS = 1e9
# In characters. A name's index entry holds 2,704 bytes with host and suite.
LONGEST_NAME, LONGEST_SUITE, LONGEST_MESSAGE = 400, 120, 2000
# Of one file.
MOST_RESULTS = 100_000


class ResultFileError(ValueError):
    """The file is not what it should be; str() is ``line 3: what is wrong``."""

    def __init__(self, line: int, what: str):
        self.line = line
        super().__init__(f"line {line}: {shown(what)}")


@dataclass(frozen=True, slots=True)
class Result:
    """One test; ``outcome`` is of models/results.py, ``seconds`` None where not known."""

    name: str
    outcome: str
    seconds: float | None = None
    message: str = ""


@dataclass(slots=True)
class Suite:
    """Tests that ran together. Without a name or a start (UTC) in the file: "" and None."""

    name: str = ""
    started: datetime | None = None
    results: list[Result] = field(default_factory=list)

    def add(self, name: str, outcome: str, seconds: object, message: str) -> None:
        """Add a result, cut to what is stored."""
        self.results.append(
            Result(
                fitted(name, LONGEST_NAME) or "(no name)",
                outcome,
                seconds_of(seconds),
                storable(message.strip())[:LONGEST_MESSAGE],
            )
        )

    def counts(self) -> Counter[str]:
        """How many results there are of each outcome."""
        return Counter(each.outcome for each in self.results)


def require_few(line: int, tests: int) -> None:
    """Raise ResultFileError for more tests than a file may have."""
    if tests > MOST_RESULTS:
        raise ResultFileError(line, f"has more than {MOST_RESULTS:,} tests: split it")


def shown(text: str) -> str:
    r"""Return a text in one line: what cannot be printed is written as ``\n`` or ``\x00``."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )


def storable(text: str) -> str:
    """Return a text as PostgreSQL takes it, line breaks and all."""
    return text.replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode()


def fitted(name: str, longest: int) -> str:
    """Return a name in one line of limited length; names that differ stay different."""
    name = shown(name.strip())
    if len(name) <= longest:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:12]
    return f"{name[: longest - 13]}…{digest}"


def seconds_of(given: object) -> float | None:
    """Return a duration, or None for what is not one; ``1,234.5`` has its thousands marked."""
    try:
        value = float(given.replace(",", "") if isinstance(given, str) else given)
    except (TypeError, ValueError, OverflowError):
        return None
    return value if math.isfinite(value) and 0 <= value <= LONGEST_SECONDS else None


def within(time: datetime) -> datetime | None:
    """Return a time in UTC, or None for one that the database does not accept."""
    try:
        time = time.astimezone(UTC)
    except (OverflowError, ValueError):
        return None
    return time if EARLIEST <= time.date() < LATEST else None
