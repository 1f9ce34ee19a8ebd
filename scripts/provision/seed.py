"""Load the seeds that are not loaded yet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from scripts.provision.errors import Refused
from scripts.provision.seeds import Seed, prices, weather
from timestack.models import Import

SEEDS = (weather.SEED, prices.SEED)


def seed(engine: Engine, directory: Path, seeds: tuple[Seed, ...] = SEEDS) -> Iterator[str]:
    """Load each seed in one transaction with its row in ``imports``; yields what was done.

    A seed whose row is there is not loaded again. Raises Refused when a file is missing.
    """
    missing = [directory / each.file for each in seeds if not (directory / each.file).is_file()]
    if missing:
        todo = "no such file: rebuild the web image or set DATA_DIR"
        raise Refused(*(f"{path}: {todo}" for path in missing))
    for each in seeds:
        with Session(engine) as session, session.begin():
            if session.scalar(select(Import).where(Import.id == each.id)):
                yield f"{each.table}: already seeded"
                continue
            with session.connection().connection.cursor() as cursor:
                rows = each.load(cursor, directory / each.file)
            session.add(Import(id=each.id, table_name=each.table, source=each.source, rows=rows))
        yield f"{each.table}: {rows:,} rows from {each.source}"
