"""The worker and beat: ``celery -A timestack.tasks worker`` and ``celery -A timestack.tasks beat``.

One file per job family. A new job is a function under ``@job`` in such a file, its module's name
below, and its kind in ``timestack.domains.jobs.KINDS``.
"""

from timestack.queue import app
from timestack.tasks import certificates, lifecycle, mail, platform, rollups, sweep

lifecycle.connect(app)

__all__ = ["app", "certificates", "mail", "platform", "rollups", "sweep"]
