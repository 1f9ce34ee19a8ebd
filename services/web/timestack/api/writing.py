"""What both ways to write have in common: who may, how much at once, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore

from flask import Flask, current_app, request
from werkzeug.exceptions import (
    BadRequest,
    Forbidden,
    HTTPException,
    NotFound,
    RequestEntityTooLarge,
    TooManyRequests,
    UnsupportedMediaType,
)

from timestack.auth import bearer
from timestack.errors import Fault
from timestack.ingest import body, write
from timestack.ingest.errors import (
    TooLargeError,
    UnknownTableError,
    UnsupportedError,
    WriteError,
)
from timestack.ingest.target import READINGS
from timestack.ingest.times import Clock, Unit

SENSORS = "sensors"
SLOTS = "writes"
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
# Seconds.
LATER = 1
# Lines that the sentence names; the document lists more.
MOST_SAID = 5


class Refusal(HTTPException):
    """Lines were refused: 422 where others were written, 400 where none was."""

    def __init__(self, report: write.Report):
        self.code = 422 if report.written else 400
        faults = [Fault(reason, line=line) for line, reason in report.refused.shown()]
        refused = len(report.refused)
        self.members = {
            "written": report.written,
            "refused": refused,
            "errors": [{"line": each.line, "detail": each.detail} for each in faults],
        }
        done = _counted(report.written, "row") if report.written else "nothing"
        rest = refused - MOST_SAID
        said = [f"{each}." for each in faults[:MOST_SAID]]
        said += [f"And {_counted(rest, 'line')} more."] if rest > 0 else []
        super().__init__(
            f"Partial write: {done} written, {_counted(refused, 'line')} refused. {' '.join(said)}"
        )


def init_app(app: Flask) -> None:
    """Let MOST_WRITES of a process's threads write at a time."""
    app.extensions[SLOTS] = BoundedSemaphore(app.config.get("MOST_WRITES", 1))


def accept(read: write.Read, table: str, unit: Unit | None) -> write.Report:
    """Write the rows of this request's body into a table.

    Raises Refusal where lines are refused, another HTTPException where the whole is, and
    SQLAlchemy's errors when the database is away.
    """
    with admitted() as stream:
        target = write.target_of(table)
        bearer.may_use(table)
        clock = Clock(unit, target.bounds.get(target.time))
        report = write.write(read, stream, target, clock, may_make=_may_make(table))
    if len(report.refused):
        raise Refusal(report)
    return report


@contextmanager
def admitted() -> Iterator[body.Stream]:
    """Give this request's body, of as many requests as may write at a time.

    A WriteError within is answered as the HTTPException that it is.
    """
    with slot(), _refusals():
        yield body.Stream(_body(), request.headers.get("Content-Encoding"))


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


@contextmanager
def slot() -> Iterator[None]:
    """Be one of as many requests as may write, or read what is to be written, at a time."""
    slots = current_app.extensions[SLOTS]
    if not slots.acquire(blocking=False):
        raise TooManyRequests(
            "As many writes as this server does at once are under way: send this one again.",
            retry_after=LATER,
        )
    try:
        yield
    finally:
        slots.release()


@contextmanager
def _refusals() -> Iterator[None]:
    kinds: tuple[tuple[type[WriteError], type[HTTPException]], ...] = (
        (UnknownTableError, NotFound),
        (TooLargeError, RequestEntityTooLarge),
        (UnsupportedError, UnsupportedMediaType),
        (WriteError, BadRequest),
    )
    try:
        yield
    except WriteError as error:
        answer = next(http for kind, http in kinds if isinstance(error, kind))
        raise answer(f"{error}.") from None


def _body():
    # Of a session, a form was read already to look for a CSRF token: nothing is left of it.
    if request.mimetype in FORMS and "form" in request.__dict__:
        raise UnsupportedMediaType("The body came as a form: send it as text/plain.")
    return request.stream


def _may_make(table: str) -> bool:
    """Whether sensors that are not there may be made: where the token is for their table too."""
    if table != READINGS:
        return False
    try:
        bearer.may_use(SENSORS)
    except Forbidden:
        return False
    return True
