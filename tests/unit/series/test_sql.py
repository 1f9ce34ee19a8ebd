"""Composing SQL: no name and no value is ever pasted in."""

from __future__ import annotations

from datetime import timedelta

import pytest

from timestack.series.sql import fill, interval_text, literal, quote


def test_a_name_is_quoted_whatever_it_holds():
    assert fill("drop table {table}", table='x"; drop table y; --') == (
        'drop table "x""; drop table y; --"'
    )


def test_several_names_become_a_list():
    assert fill("({columns})", columns=["a", "b"]) == '("a", "b")'


@pytest.mark.parametrize("name", ["", "a\0b", "x" * 64, "ä" * 32])
def test_what_postgresql_cannot_store_as_a_name_is_refused(name):
    with pytest.raises(ValueError, match="not an identifier"):
        quote(name)


def test_a_text_is_quoted_whatever_it_holds():
    assert literal("it's") == "'it''s'"


def test_a_text_with_a_nul_is_refused():
    with pytest.raises(ValueError, match="NUL"):
        literal("a\0")


@pytest.mark.parametrize(
    ("interval", "text"),
    [
        (timedelta(days=7), "7 days"),
        (timedelta(hours=36), "36 hours"),
        (timedelta(minutes=1), "1 minute"),
        (timedelta(seconds=90), "90 seconds"),
    ],
)
def test_an_interval_is_written_in_the_largest_unit_that_divides_it(interval, text):
    assert interval_text(interval) == text
