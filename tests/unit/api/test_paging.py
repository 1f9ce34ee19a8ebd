"""Cursors: what is in one comes out of it, and what is none is refused in words."""

from __future__ import annotations

import base64
import json
from datetime import UTC, date, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from timestack.api import paging
from timestack.domains.keyset import Order, Part, named
from timestack.models.finance import Company

# A value of each type that a list is sorted by. PostgreSQL's text holds neither NUL nor surrogates.
VALUES = {
    int: st.integers(-(2**63), 2**63 - 1),
    str: st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    date: st.dates(),
    datetime: st.datetimes(timezones=st.just(UTC)),
    UUID: st.uuids(),
}
KEYS = st.lists(st.sampled_from(list(VALUES)), min_size=1, max_size=3).flatmap(
    lambda types: st.tuples(st.just(types), st.tuples(*map(VALUES.get, types)))
)


def word(content: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


def mark(of: str) -> str:
    cursor = paging.encode((1,), of)
    return json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))[0]


@given(KEYS, st.text())
def test_a_key_comes_out_as_it_went_in(key: tuple[list[type], tuple], of: str) -> None:
    types, values = key
    cursor = paging.encode(values, of)
    assert cursor.replace("-", "").replace("_", "").isalnum(), "it needs no quoting in an address"
    assert paging.decode(cursor, types, of) == values


@given(KEYS)
def test_a_cursor_goes_on_with_its_own_list_alone(key: tuple[list[type], tuple]) -> None:
    types, values = key
    with pytest.raises(paging.NotACursor, match="another list"):
        paging.decode(paging.encode(values, "/sensors"), types, "/companies")
    with pytest.raises(paging.NotACursor, match="another list"):
        paging.decode(paging.encode(values, "/sensors"), [*types, int], "/sensors")


@given(st.text() | st.binary().map(lambda each: base64.urlsafe_b64encode(each).decode()))
def test_a_text_that_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(paging.NotACursor):
        paging.decode(text, [int])


@pytest.mark.parametrize(
    ("types", "values"),
    [
        ([int], ["1"]),
        ([int], [True]),
        ([int], [1.0]),
        ([int], [2**63]),
        ([int], [None]),
        ([int], [[1]]),
        ([str], [1]),
        ([str], ["a\0b"]),
        ([str], ["\ud800"]),
        ([date], ["2026-02-30"]),
        ([date], [20260101]),
        ([datetime], ["2026-01-01T00:00:00"]),
        ([datetime], ["10000-01-01T00:00:00Z"]),
        ([UUID], ["1"]),
        ([UUID], [1]),
    ],
)
def test_a_cursor_that_somebody_made_up_is_refused(types: list[type], values: list) -> None:
    with pytest.raises(paging.NotACursor, match="is not a cursor"):
        paging.decode(word([mark("/list"), *values]), types, "/list")


@pytest.mark.parametrize("content", [[], {}, 1, None, "x", [1, 1], [None, 1], [[[[]]]]])
def test_json_that_is_no_cursor_is_refused(content: object) -> None:
    with pytest.raises(paging.NotACursor, match="is not a cursor"):
        paging.decode(word(content), [int])


def test_numbers_without_end_and_depths_without_end_are_refused() -> None:
    for text in ("9" * 9000, "[" * 9000, "NaN"):
        cursor = base64.urlsafe_b64encode(f'["x", {text}]'.encode()).decode()
        with pytest.raises(paging.NotACursor):
            paging.decode(cursor, [int])


def test_a_part_begins_after_a_key_in_either_direction() -> None:
    orders = {"name": Order((Company.name, Company.id))}
    up = str(named(orders, "name").apply(select(Company.id), Part(3, ("b", 7))))
    down = str(named(orders, "-name").apply(select(Company.id), Part(3, ("b", 7))))
    assert "(companies.name, companies.id) > (" in up
    assert "ORDER BY companies.name, companies.id" in up
    assert "(companies.name, companies.id) < (" in down
    assert "ORDER BY companies.name DESC, companies.id DESC" in down
