"""What keeps an installation in order: certificates, samples, old rows, a probe of the workers."""

from __future__ import annotations

import time
from datetime import timedelta

from sqlalchemy import bindparam, insert
from sqlalchemy.orm import Session

from timestack.domains import certificates, operations, tokens
from timestack.domains.jobs import pruning
from timestack.domains.jobs.kinds import Params, ProbeParams
from timestack.domains.operations import samples
from timestack.domains.uploads import store
from timestack.models.jobs import Probe
from timestack.prepared import Prepared
from timestack.progress import Progress
from timestack.settings import Settings
from timestack.tasks.job import job

# Seconds between two calls of a probe's progress.
STEP = 0.2
# Thousands of probes are run at once, to see how fast jobs are and what faults do to them.
_MARK = Prepared("job_mark", insert(Probe).values(mark=bindparam("mark")).returning(Probe.id))


@job("certificates.check")
def check_certificates(session: Session, progress: Progress, params: Params) -> dict:
    """Log which certificates end within thirty days; count them."""
    return {"ending": certificates.warn(Settings.load().secrets_dir)}


@job("operations.sample")
def sample(session: Session, progress: Progress, params: Params) -> dict:
    """Write down sizes, free space and how many jobs wait; keep what is slow to find out."""
    taken = samples.take(session)
    operations.keep(session)
    return taken


@job("jobs.prune")
def prune(session: Session, progress: Progress, params: Params) -> dict:
    """Delete the rows of jobs that ended more than JOBS_KEEP_DAYS ago, tokens that ended, uploads.

    Of uploads those that nobody came back to, row and file.
    """
    settings = Settings.load()
    keep = timedelta(days=settings.jobs_keep_days)
    return {
        **pruning.prune(session, keep, progress),
        **store.prune(session, settings.uploads_dir),
        "tokens": tokens.prune(session),
    }


@job("jobs.probe")
def probe(session: Session, progress: Progress, params: ProbeParams) -> dict:
    """Write one row, after a while: whoever asked for it finds it if jobs are run, and once."""
    started = time.monotonic()
    while (passed := time.monotonic() - started) < params.seconds:
        progress(passed / params.seconds, f"waiting {params.seconds:g} s")
        time.sleep(min(STEP, params.seconds - passed))
    _MARK.one(session.connection(), {"mark": params.mark})
    return {"mark": params.mark}
