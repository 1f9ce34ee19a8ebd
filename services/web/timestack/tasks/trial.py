"""``python -m timestack.tasks.trial``: a message by every channel, and what became of each.

Run by `make notify-test` where a worker runs. Exit code 0: each channel that is set up took it;
1: one did not, or none is set up.
"""

from __future__ import annotations

import sys
import time
from uuid import UUID

from timestack import db
from timestack.domains import jobs
from timestack.domains.jobs import control, listing
from timestack.domains.notifications import channels
from timestack.models.jobs import FINISHED
from timestack.settings import Settings

# Seconds that one message has, its wait for a worker included.
PATIENCE = 90.0
PERIOD = 0.2


def main() -> int:
    """Print a line for each channel."""
    settings = Settings.load(needs=["redis_password"])
    db.init(settings, application_name="timestack-trial")
    configured = channels.configured(settings)
    # Not by way of notify.send: what is held back would show nothing.
    sent = {
        channel: jobs.submit(
            "notify.deliver",
            {"channel": channel, "subject": "a test", "text": "Notifications arrive here."},
            submitted_by="make notify-test",
        ).id
        for channel in configured
    }
    failed = not configured
    for channel, title in channels.TITLES.items():
        if channel not in sent:
            print(f"{title}: not set up: {channels.MISSING[channel]}")
            continue
        fault = outcome(sent[channel])
        failed |= fault is not None
        print(f"{title}: {fault.removeprefix(f'{title}: ') if fault else 'sent'}")
    return int(failed)


def outcome(id: UUID) -> str | None:
    """Wait for a job and return why it failed, at its first attempt; None when it has not."""
    end = time.monotonic() + PATIENCE
    while True:
        with db.session() as session:
            job = listing.get(session, id)
            if job.state == "succeeded":
                return None
            if job.errors or job.state in FINISHED or time.monotonic() > end:
                if job.state not in FINISHED:
                    control.cancel(session, id)
                return job.errors[-1]["error"] if job.errors else _not_started(job.state)
        time.sleep(PERIOD)


def _not_started(state: str) -> str:
    if state == "cancelled":
        return "cancelled by somebody"
    return f"not sent within {PATIENCE:.0f} s: see `make ps` and `make logs S=worker`"


if __name__ == "__main__":
    sys.exit(main())
