"""What takes long to find out, as it was when somebody last did: kept in Redis for who cannot wait.

Whoever reads the whole report keeps it, and a job does each hour.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import timedelta

from timestack import cache
from timestack.domains.operations.check import Check

log = logging.getLogger(__name__)

KEY = "operations:checks"
# One hour's job may be missed.
FOR = timedelta(hours=2, minutes=10)


def keep(checks: Iterable[Check]) -> None:
    """Keep checks, in place of those before; without Redis none is kept."""
    try:
        with cache.redis() as redis:
            redis.set(KEY, json.dumps([asdict(each) for each in checks]), ex=FOR)
    except cache.CacheError as error:
        log.warning("what is slow to find out is not kept: %s", error)


def kept() -> Sequence[Check]:
    """Return what was kept; none where nothing was, or by another version of this software."""
    try:
        with cache.redis() as redis:
            found = redis.get(KEY)
        return [Check(**each) for each in json.loads(found or "[]")]
    except (cache.CacheError, TypeError):
        return ()
