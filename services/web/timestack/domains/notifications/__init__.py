"""Notifications: what happened is told by webhook and by e-mail, in jobs of their own.

    add         tell of something, in the transaction in which it happens (``jobs.notices``)
    rate        how many messages go out, and a summary of those that do not
    channels    where messages go
    alarms      what Alertmanager tells, each once
    webhook     one of them: an address that takes JSON

``notify.send`` is added with what it tells of; a worker makes a ``notify.deliver`` of it for each
channel, which is tried again by itself, or holds it back, and ``notify.summary`` counts those.
"""

from timestack.domains.jobs.notices import add

__all__ = ["add"]
