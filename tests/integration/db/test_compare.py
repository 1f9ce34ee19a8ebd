"""Comparing two databases by row hash: what changed, is missing or doubled is found."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from scripts.host.compare import differences, hashes
from scripts.host.session import Session, SessionError
from tests.integration.db.conftest import Database

pytestmark = [pytest.mark.database, pytest.mark.editions("apache", "timescale")]

TABLES = """
create schema other;
create table other.plain (a int, b text);
insert into other.plain values (1, 'one'), (2, null), (3, 'three'), (3, 'three');
create table series (time timestamptz not null, value float8);
select create_hypertable('series', by_range('time', interval '1 day'));
insert into series select timestamptz '2024-03-01' + n * interval '1 hour', n / 3.0
  from generate_series(0, 99) as n;
create unlogged table passing (a int);
"""


@pytest.fixture
def ask(database: Database) -> Iterator[Session]:
    with Session(database.server.id, database.name) as session:
        session(TABLES)
        yield session


def test_every_table_is_counted_and_a_hypertable_is_one(ask: Session) -> None:
    found = hashes(ask)
    assert {name: rows.count for name, rows in found.items()} == {
        "other.plain": 4,
        "public.series": 100,
    }


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("update other.plain set b = 'two' where a = 2", "has other values in the copy"),
        ("update other.plain set b = '' where a = 2", "has other values in the copy"),
        ("delete from other.plain where a = 1", "has 4 rows, and the copy 3"),
        ("insert into other.plain values (1, 'one')", "has 4 rows, and the copy 5"),
        ("update other.plain set (a, b) = (1, 'one') where a = 2", "has other values"),
        ("update other.plain set (a, b) = (1, 'one') where a = 3", "has other values"),
        ("drop table other.plain", "is missing in the copy"),
    ],
)
def test_a_difference_is_found(ask: Session, change: str, said: str) -> None:
    before = hashes(ask)
    ask(f"{change};")
    (found,) = differences(before, hashes(ask))
    assert found.startswith("other.plain ")
    assert said in found


def test_one_bit_of_one_reading_is_found(ask: Session) -> None:
    before = hashes(ask)
    ask("update public.series set value = value + 1e-14 where time = '2024-03-02 00:00+00';")
    assert len(differences(before, hashes(ask))) == 1


def test_neither_order_of_rows_and_columns_nor_settings_matter(ask: Session) -> None:
    before = hashes(ask)
    ask("""
        create table other.again (b text, gone int, a int);
        insert into other.again select b, 0, a from other.plain order by a desc;
        alter table other.again drop gone;
        drop table other.plain;
        alter table other.again rename to plain;
        set timezone = 'Asia/Tokyo'; set extra_float_digits = 0; set datestyle = 'German';
    """)
    assert differences(before, hashes(ask)) == []


def test_a_statement_that_fails_says_why(ask: Session) -> None:
    with pytest.raises(SessionError, match='relation "nowhere" does not exist'):
        ask("select from nowhere;")
