"""Rollups kept up to date: every five minutes, and on demand."""

from sqlalchemy.orm import Session

from timestack.domains.jobs.kinds import Params
from timestack.progress import Progress
from timestack.series import rollups
from timestack.tasks.job import job


@job("rollups.refresh")
def refresh(session: Session, progress: Progress, params: Params) -> dict:
    """Fold what was written, corrected or deleted since the last run into every rollup."""
    return rollups.refresh_all(session, progress=progress)
