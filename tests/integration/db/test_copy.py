"""`copy` and `unknown`: all that a database has goes into another one made from the same files."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from scripts.host import compare
from tests.integration.db.conftest import Database
from timestack.shared.roles import OWNER

pytestmark = [pytest.mark.database]

# Rows of every kind: late ones whose range waits for a refresh, an account's, a job's history, a
# dataset, and numbers that no text has exactly.
FILL = """
insert into sensors (type, location, name, unit)
select 'temperature', 'cellar', 'wall ' || n, '°C' from generate_series(1, 7) as n;
insert into readings (time, sensor_id, value)
select t, 1 + extract(epoch from t)::int / 3600 % 7, 0.1 * extract(epoch from t) / 3600
  from generate_series(timestamptz '2024-01-01', '2026-03-01', '1 hour') as t;
insert into tickers (symbol, name, industry) values ('ALDR', 'Alder', 'wood');
insert into usage (day, account, project, ingested_seconds) values ('2026-01-01', 'a', 'p', 0.1);
insert into jobs (id, kind, params, state, finished_at)
values (gen_random_uuid(), 'jobs.probe', '{"seconds": 5}', 'failed', now());
"""
DATASET = """
insert into datasets (name, visibility, declared, layout, source, state)
values ('power', 'everybody', '{"time": "time", "chunk_interval": "7 days", "unique": ["time desc"],
        "types": [["time", "timestamptz"], ["kw", "double precision"]],
        "rollups": [{"keys": [], "values": ["kw"], "levels": ["1 day"]}]}', '{}', '', 'ready');
"""
POWER = "insert into datasets.d1 (time, kw) values ('2026-01-01', 0.1), ('2026-02-01', 7)"
HAND = """
set role timestack_owner;
create table public.notes (id bigint generated always as identity primary key, note text);
create view public.totals as select 1 as one;
alter table sensors add column colour text;
create function public.twice(n int) returns int language sql as 'select 2 * n';
create index tickers_by_hand on tickers (name);
reset role;
create extension pg_trgm schema public;
"""


@pytest.fixture(scope="module")
def both(make_database: Callable[[], Database]) -> Iterator[tuple[Database, Database]]:
    """The one to copy, and the one to copy into."""
    found = make_database(), make_database()
    for each in found:
        each.provision()
    grant = "set on parameter session_replication_role"
    found[0].sql(f"grant {grant} to {OWNER.name}")
    yield found
    found[0].sql(f"revoke {grant} from {OWNER.name}")
    for each in found:
        each.close()


def target(database: Database) -> tuple[str, ...]:
    settings = database.settings()
    at = f"{settings.database_host}:{settings.database_port}/{database.name}"
    options = f"sslmode=verify-full&sslrootcert={settings.database_ca}"
    secret = str(database.server.secrets / OWNER.secret)
    return "--url", f"postgresql://{OWNER.name}@{at}?{options}", "--password-file", secret


def test_every_row_and_the_next_number_of_every_sequence_are_the_same(
    both: tuple[Database, Database], command: Callable[..., int]
) -> None:
    source, copy = both
    source.sql(FILL)
    source.provision()
    source.sql(DATASET)
    source.provision()
    source.sql(POWER)
    copy.sql("insert into sensors (type, location, name, unit) values ('x', 'x', 'x', 'x')")
    assert command(source, "copy", *target(copy)) == 0
    here, there = (compare.hashes(each.sql) for each in both)
    assert here["public.readings"].count > 18_000
    assert here["datasets.d1"].count == 2
    assert here["timestack.changes"].count > 0
    assert compare.differences(here, there) == []
    assert command(copy, "drift") == 0
    made = "insert into sensors (type, location, name, unit) values ('y','y','y','y') returning id"
    assert source.sql(made) == copy.sql(made)


def test_what_a_hand_made_is_listed_and_a_table_may_be_taken_along(
    both: tuple[Database, Database], command: Callable[..., int], capsys: pytest.CaptureFixture
) -> None:
    source, copy = both
    assert command(source, "unknown", *target(copy)) == 0
    source.sql(HAND)
    capsys.readouterr()
    assert command(source, "unknown", *target(copy)) == 2
    assert capsys.readouterr().out.splitlines() == [
        "column colour of public.sensors",
        "extension pg_trgm",
        "function twice(integer)",
        "index tickers_by_hand of public.tickers",
        "table public.notes",
        "view public.totals",
    ]
    assert command(source, "unknown", "--also", "public.notes,public.totals", *target(copy)) == 2
    assert "notes" not in capsys.readouterr().out
