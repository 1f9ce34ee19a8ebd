"""``celery -A timestack.tasks.every worker`` and ``celery -A timestack.tasks beat``.

One file per job family. A new job is a function under ``@job`` in such a file, its module's name
in ``every``, and its kind in ``timestack.domains.jobs.kinds``; to run it by the clock as well, one
entry in ``timestack.domains.jobs.schedules``.
"""

from timestack.queue import app
from timestack.tasks import lifecycle

lifecycle.connect(app)

__all__ = ["app"]
