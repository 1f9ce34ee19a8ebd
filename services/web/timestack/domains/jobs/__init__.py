"""Background jobs. The row in ``jobs`` is the truth; a message only says that there is one.

    kinds       what may be asked for: parameters, queue, limits, what makes two jobs one
    requests    a job is accepted: its parameters are checked, its row is written
    notices     somebody is told of what happened to a job
    schedules   the jobs that are made by the clock
    dispatch    what was asked for and what is due is sent; what crashes left behind is repaired
    lateness    schedules whose jobs should have run by now
    steps       a worker's way through one job: claim, progress, end
    control     cancel, retry, pause and resume
    listing     what the pages, the API and the shell show
    pruning     old rows go

A job goes queued -> running -> succeeded, failed or cancelled; from running back to queued when an
attempt failed or its worker died. Each step is one UPDATE whose WHERE clause names the state it
leaves, so that two processes cannot both take it. A running job is guarded by an advisory lock on
the connection that does its work: the lock ends when that connection does, so a process that can
take the lock of a running job knows that its worker is dead, without clocks or heartbeats. All
times are the database's, in UTC: the clocks of other machines do not matter.

A function that takes a session leaves the commit to its caller; the others commit themselves.
"""

from timestack.domains.jobs.dispatch import submit
from timestack.domains.jobs.kinds import KINDS, Kind, Params
from timestack.domains.jobs.requests import add

__all__ = ["KINDS", "Kind", "Params", "add", "submit"]
