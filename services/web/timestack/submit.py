"""``python -m timestack.submit KIND [NAME=VALUE …]``: submit a job and follow it to its end.

A value is read as JSON where it is that, else as text. Exit code 0: it succeeded, and its result,
which is printed, has no ``failures``; 1: refused, failed or cancelled, the reason on standard
error; 130: no longer followed, the job goes on.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError

from timestack import db
from timestack.domains import jobs
from timestack.domains.jobs import listing
from timestack.models.jobs import FINISHED, Job
from timestack.settings import Settings, SettingsError

# Seconds between two looks at the row.
PERIOD = 0.5


def main(arguments: list[str]) -> int:
    """Submit and follow; return the exit code."""
    if not arguments or not all("=" in each for each in arguments[1:]):
        return _refuse("usage: python -m timestack.submit KIND [NAME=VALUE …]")
    try:
        db.init(Settings.load(needs=["redis_password"]), application_name="timestack-submit")
        params = dict(map(_parameter, arguments[1:]))
        job = jobs.submit(arguments[0], params, submitted_by="shell")
    except SettingsError as error:
        return _refuse(str(error))
    except ValueError as error:
        return _refuse(f"nothing was submitted: {error}")
    except SQLAlchemyError:
        return _refuse("nothing was submitted: the database does not answer")
    print(f"{job.kind}: job {job.id}", flush=True)
    try:
        return _report(_followed(job.id))
    except SQLAlchemyError:
        return _refuse(f"job {job.id} goes on, but the database does not answer to follow it")
    except KeyboardInterrupt:
        _refuse(f"job {job.id} goes on")
        return 130


def _parameter(text: str) -> tuple[str, Any]:
    name, _, value = text.partition("=")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _followed(id: UUID) -> Job | None:
    """Return the job when it has ended, None when its row is gone; print its progress till then."""
    shown = None
    while True:
        with db.session() as session:
            job = listing.get(session, id)
        if job is None or job.state in FINISHED:
            return job
        now = f"{job.progress:4.0%} {job.message or job.state}"
        if now != shown:
            print(now, flush=True)
            shown = now
        time.sleep(PERIOD)


def _report(job: Job | None) -> int:
    if job is None:
        return _refuse("the row of the job is gone")
    if job.state != "succeeded":
        return _refuse(f"{job.state}: {job.message}")
    result = job.result or {}
    print(json.dumps(result, indent=2, ensure_ascii=False))
    failures = result.get("failures") or {}
    for name, why in failures.items():
        _refuse(f"{name}: {why}")
    return 1 if failures else 0


def _refuse(sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
