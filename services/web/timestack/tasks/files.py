"""The queue of what follows from files: every quarter of an hour, and on demand."""

from sqlalchemy.orm import Session

from timestack.domains.files import queue
from timestack.domains.jobs.kinds import Params
from timestack.progress import Progress
from timestack.tasks.job import job


@job("files.drain")
def drain(session: Session, progress: Progress, params: Params) -> dict:
    """Do what waits in the queue; each row commits by itself, so that none is done twice."""
    return queue.drain(progress)
