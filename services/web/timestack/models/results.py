"""Results of tests, as the scanner reads them from files; see models/files.py for these."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from sqlalchemy import BigInteger, CheckConstraint
from sqlalchemy.orm import Mapped, mapped_column

from timestack.models.base import Base

OUTCOMES = ("passed", "failed", "error", "skipped")
FAILURES = ("failed", "error")


class Run(Base):
    """One suite in one file: how many of its tests passed, and how long they took.

    ``time`` (UTC) is when it began, else when its file was written. ``run`` is the name of the
    run's directory. ``pass_rate`` is in percent of the tests that were not skipped, None where all
    were; ``seconds`` is the sum over the tests. A hypertable, for its rollups.
    """

    __tablename__ = "test_runs"
    __mapper_args__: ClassVar = {"primary_key": ["file_id", "host", "suite", "time"]}

    time: Mapped[datetime]
    host: Mapped[str]
    suite: Mapped[str]
    file_id: Mapped[int] = mapped_column(BigInteger)
    run: Mapped[str]
    run_tag: Mapped[str]
    passed: Mapped[int]
    failed: Mapped[int]
    errors: Mapped[int]
    skipped: Mapped[int]
    seconds: Mapped[float]
    pass_rate: Mapped[float | None]


class Result(Base):
    """One test of a run, whose ``time`` it has; ``number`` counts the tests of a file from 1."""

    __tablename__ = "test_results"
    __table_args__ = (CheckConstraint(f"outcome in {OUTCOMES}", name="outcome"),)
    __mapper_args__: ClassVar = {"primary_key": ["file_id", "number", "time"]}

    time: Mapped[datetime]
    host: Mapped[str]
    suite: Mapped[str]
    file_id: Mapped[int] = mapped_column(BigInteger)
    number: Mapped[int]
    name: Mapped[str]
    outcome: Mapped[str]
    seconds: Mapped[float | None]
    message: Mapped[str]


class Statistic(Base):
    """A test over the latest runs of its suite, those without it and where it was skipped aside.

    ``flips`` is how often it failed after it had passed, or passed after it had failed.
    ``outcome`` is the latest one, at ``last_at``. Computed from ``Result`` by the queue.
    """

    __tablename__ = "test_statistics"

    host: Mapped[str] = mapped_column(primary_key=True)
    suite: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    runs: Mapped[int]
    failures: Mapped[int]
    flips: Mapped[int]
    seconds_mean: Mapped[float | None]
    seconds_max: Mapped[float | None]
    outcome: Mapped[str]
    last_at: Mapped[datetime]
