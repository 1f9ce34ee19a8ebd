"""Rows of a table as a file, sent while they are read."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from threading import BoundedSemaphore
from typing import Annotated

from flask import Response, current_app, g, request
from flask.blueprints import BlueprintSetupState
from pydantic import Field
from werkzeug.exceptions import NotFound, TooManyRequests

from timestack import db
from timestack.api import access, formats
from timestack.api.operation import Resource
from timestack.auth import bearer
from timestack.domains.export import rows, tables
from timestack.series import catalog, encode, uploaded

log = logging.getLogger(__name__)

resource = Resource("export", __name__, url_prefix="/export", about="Rows of a table, as a file.")

# The part of a process's threads that may send files at a time: each holds its thread, and a
# connection to the database, for as long as its client takes.
SHARE = 4
RETRY_AFTER = 10
PLACES = "exports"
BUSY = "Other files are being sent: try again soon."


class ExportQuery(formats.TableQuery):
    """Which rows and columns, and in which format."""

    columns: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=4000,
            description="Names with commas between them, in the order that is wanted; "
            "default: all.",
        ),
    ] = None


@resource.record
def _make_places(state: BlueprintSetupState) -> None:
    settings = state.app.config.get("SETTINGS")
    threads = settings.web_threads if settings else SHARE
    state.app.extensions[PLACES] = BoundedSemaphore(max(1, threads // SHARE))


class Stream:
    """Pieces of an answer, the first of which is there; ``close`` ends what they are made of."""

    def __init__(self, pieces: Iterator[bytes], about: str, finish: Callable[[], None]):
        self._pieces, self._about = pieces, about
        self._end = ExitStack()
        self._first = next(pieces, b"")
        self._end.callback(finish)
        self._end.callback(pieces.close)

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield self._first
            yield from self._pieces
        except Exception:
            # What was sent cannot be taken back: the server breaks the connection off, so that
            # nobody takes it for all.
            log.error("broke off: %s", self._about)
            raise
        finally:
            self.close()

    def close(self) -> None:
        """End the transaction; the server calls it when all is sent or the client is gone."""
        self._end.close()


@resource.get(
    "/<table>",
    query=ExportQuery,
    media={encode.FORMATS["json"].media: "An array of objects, one a row.", **formats.MEDIA},
    problems=(404, 406),
)
def show(table: str, query: ExportQuery) -> Response:
    """The rows of a hypertable, or of another table that files are loaded into, as they are.

    Of a hypertable those from `start` on and before `end`, oldest first. `key.<column>=<value>`
    chooses rows by any column, each as often as there are values. Whole numbers and decimals keep
    all their digits: decimals are text in JSON.

    It is sent while it is read, and what breaks off was not all: the connection ends before the
    answer does. Rights are looked at when it begins. Some may run at a time, the next one is
    answered 429.
    """
    declared = catalog.current()
    known = tables.readable(declared)
    if table not in known and not access.may_read(table):
        raise NotFound(_unknown(table, known))
    bearer.may_use(table)
    format = formats.wanted(query.format)
    only = query.columns.split(",") if query.columns else None
    keys = query.keys()
    try:
        with db.session() as session, tables.still_there(table):
            asked = rows.ask(session, table, keys, only=only, start=query.start, end=query.end)
    except tables.GoneError:
        raise NotFound(_unknown(table, known)) from None
    except tables.WrongParameter as error:
        raise formats.refused(error) from None
    answer = Response(headers=formats.file(format, table, query.start, query.end))
    answer.vary.add("Accept")
    answer.cache_control.private = True
    answer.cache_control.no_store = True
    if request.method != "HEAD":
        try:
            with tables.still_there(table):
                answer.response = _stream(asked, format)
        except tables.GoneError:
            raise NotFound(_unknown(table, known)) from None
    return answer


def _unknown(table: str, known: set[str]) -> str:
    if uploaded.id_of(table) is not None:
        return f"{table} {access.unknown(table, [])}."
    return f"There is no table {table}: there are {', '.join(sorted(known))}."


def _stream(asked: rows.Rows, format: encode.Format) -> Stream:
    """Begin to read, in this request's name: what fails until here is answered as ever."""
    places: BoundedSemaphore = current_app.extensions[PLACES]
    if not places.acquire(blocking=False):
        raise TooManyRequests(BUSY, retry_after=RETRY_AFTER)
    gone = request.environ.get(db.GONE, lambda: False)
    pieces = encode.pieces(format, asked.schema, asked.batches(gone))
    about = f"{request.path} ({g.get('request_id')})"
    try:
        return Stream(pieces, about, places.release)
    except BaseException:
        places.release()
        raise
