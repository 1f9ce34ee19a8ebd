"""Rollups kept up to date: every five minutes by beat, and on demand."""

from timestack.series import rollups
from timestack.tasks.job import job


@job("rollups.refresh")
def refresh(session, progress) -> dict:
    """Fold what was written, corrected or deleted since the last run into every rollup."""
    return rollups.refresh_all(session, progress=progress)
