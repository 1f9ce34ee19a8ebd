"""Backups: taken and verified by the clock and on demand, and looked at."""

from sqlalchemy.orm import Session

from timestack.domains import backups
from timestack.domains.jobs.kinds import BackupParams, Params
from timestack.domains.operations import backup_alarm
from timestack.progress import Progress
from timestack.tasks.job import job


@job("backups.take")
def take(session: Session, progress: Progress, params: BackupParams) -> dict:
    """Take a backup of the database and delete those that are too many."""
    return backups.take(progress, params.type)


@job("backups.verify")
def verify(session: Session, progress: Progress, params: Params) -> dict:
    """Look whether WAL arrives in the repository and every file there is what was written."""
    return backups.verify(progress)


@job("backups.watch")
def watch(session: Session, progress: Progress, params: Params) -> dict:
    """Read the repository, tell people of what is wrong, and ask for a backup that is missing."""
    backups.look()
    return backup_alarm.watch(session)
