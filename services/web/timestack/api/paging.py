"""Cursors: where a list goes on, as one opaque word.

A cursor is base64url of JSON: a mark of the list that it goes on with, and the key of the last row
so far. The mark is of path, sort and filters: a cursor never goes on with another list.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, TypeVar
from urllib.parse import urlencode
from uuid import UUID

from flask import request
from pydantic import BaseModel

from timestack.api.operation import Answer
from timestack.api.types import Between, Cursor, Limit, Query
from timestack.domains.keyset import Key, Order, Part
from timestack.errors import Fault, Invalid

# What a request chooses of the list rather than which list it is.
PLACE = frozenset({"limit", "cursor"})
MARK_BYTES = 9
# Type -> how a value of it is written, and read again; ValueError for what is none.
FORMS: Mapping[type, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    int: (int, lambda given: _of(int, given)),
    str: (str, lambda given: _text(given)),
    date: (date.isoformat, lambda given: date.fromisoformat(_of(str, given))),
    datetime: (datetime.isoformat, lambda given: _time(given)),
    UUID: (str, lambda given: UUID(_of(str, given))),
}
MOST = 2**63

Listed = TypeVar("Listed", bound=BaseModel)


class NotACursor(ValueError):
    """A text is not a cursor, or that of another list."""

    def __init__(self, why: str = "is not a cursor: give `next` of the list as it was answered"):
        super().__init__(why)


class ListQuery(Query):
    """The parameters of every list."""

    limit: Limit = 100
    cursor: Cursor | None = None


class DaysQuery(Between, ListQuery):
    """The parameters of a list by day."""


def encode(values: Sequence[Any], of: str = "") -> str:
    """Return the cursor after the row with a key; ``of`` is the list, whatever names it."""
    written = [FORMS[type(value)][0](value) for value in values]
    text = json.dumps([_mark(of), *written], separators=(",", ":"), ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode(cursor: str, types: Sequence[type], of: str = "") -> Key:
    """Return the key in a cursor of a list, of these types. Raises NotACursor."""
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        given = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True).decode())
    except (ValueError, RecursionError):
        raise NotACursor from None
    if not (isinstance(given, list) and given and isinstance(given[0], str)):
        raise NotACursor
    mark, *written = given
    if mark != _mark(of) or len(written) != len(types):
        raise NotACursor(
            "is the cursor of another list: keep path, sort and filters, or begin without it"
        )
    try:
        return tuple(FORMS[type][1](value) for type, value in zip(types, written, strict=True))
    except ValueError:
        raise NotACursor from None


def part(query: ListQuery, order: Order) -> Part:
    """Return which rows to read: one more than are shown, for whether there are more.

    Raises Invalid for a broken cursor, and for that of another list.
    """
    if query.cursor is None:
        return Part(query.limit + 1)
    try:
        return Part(query.limit + 1, decode(query.cursor, order.types, _list(query)))
    except NotACursor as error:
        raise Invalid([Fault(str(error), parameter="cursor")]) from None


def answer(
    model: type[Listed], query: ListQuery, order: Order, rows: Sequence[Any], **more: Any
) -> Answer:
    """Return the answer of a list to the rows of ``part``: ``items``, ``next``, a Link header.

    ``more`` are members of the model beside these two.
    """
    shown = rows[: query.limit]
    cursor = None
    if len(rows) > query.limit:
        cursor = encode(order.key(shown[-1]), _list(query))
    return Answer(
        model.model_validate({**more, "items": shown, "next": cursor}), headers=links(cursor)
    )


def links(cursor: str | None) -> dict[str, str]:
    """Return the header (RFC 8288) with the address of the list's next part, if there is one."""
    if cursor is None:
        return {}
    given = {**request.args.to_dict(), "cursor": cursor}
    return {"Link": f'<{request.base_url}?{urlencode(given)}>; rel="next"'}


def _list(query: ListQuery) -> str:
    """What names the list that a request reads."""
    chosen = query.model_dump(mode="json", exclude=PLACE)
    return json.dumps([request.path, chosen], sort_keys=True)


def _mark(of: str) -> str:
    digest = hashlib.blake2b(of.encode(), digest_size=MARK_BYTES).digest()
    return base64.urlsafe_b64encode(digest).decode()


def _of(type: type, given: Any) -> Any:
    # A bool is an int to Python.
    if not isinstance(given, type) or isinstance(given, bool):
        raise ValueError(given)
    if type is int and not -MOST <= given < MOST:
        raise ValueError(given)
    return given


def _text(given: Any) -> str:
    text = _of(str, given)
    # What the database has no text for.
    if "\0" in text or any("\ud800" <= each <= "\udfff" for each in text):
        raise ValueError(given)
    return text


def _time(given: Any) -> datetime:
    time = datetime.fromisoformat(_of(str, given))
    if time.tzinfo is None:
        raise ValueError(given)
    return time
