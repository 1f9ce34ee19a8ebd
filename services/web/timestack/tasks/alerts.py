"""Alert rules, looked at every minute, and on demand."""

from sqlalchemy.orm import Session

from timestack.domains.alerts import rules
from timestack.domains.alerts.evaluate import evaluate as look
from timestack.domains.jobs.kinds import Params
from timestack.domains.jobs.steps import PermanentError
from timestack.progress import Progress
from timestack.series import catalog
from timestack.tasks.job import job


@job("alerts.evaluate")
def evaluate(session: Session, progress: Progress, params: Params) -> dict:
    """Look at every series by every rule; what follows is committed with the end of the job."""
    try:
        declared = rules.current()
    except rules.RulesError as error:
        # What is open stays as it is.
        raise PermanentError(f"{rules.IN_CLONE} cannot be used: {error.faults[0]}") from None
    return look(session, declared, catalog.current(), progress).result(declared)
