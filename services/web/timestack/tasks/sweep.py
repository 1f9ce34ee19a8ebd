"""The sweeper: no accepted job is lost to a broker or worker that died."""

from timestack.domains import jobs
from timestack.queue import app


@app.task(name="jobs.sweep", soft_time_limit=50, time_limit=60)
def sweep() -> dict[str, int]:
    """Queue the jobs of dead workers again and send messages that were lost; count them."""
    return jobs.sweep()
