"""The worker and beat: ``celery -A timestack.tasks worker`` and ``celery -A timestack.tasks beat``.

One file per job family. A new job is a function under ``@job`` in such a file, its module's name
below, and its kind in ``timestack.domains.jobs.kinds``; to run it by the clock as well, one entry
in ``timestack.domains.jobs.schedules``.
"""

from timestack.queue import app
from timestack.tasks import (
    alerts,
    files,
    lifecycle,
    mail,
    maintenance,
    notify,
    platform,
    rollups,
    watch,
)

lifecycle.connect(app)

__all__ = [
    "alerts",
    "app",
    "files",
    "mail",
    "maintenance",
    "notify",
    "platform",
    "rollups",
    "watch",
]
