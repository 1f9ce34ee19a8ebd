"""Data in Redis, apart from the queue's: database 3. What is here can be fetched again.

``init`` names the server, and nothing is connected until the first use. Where requests wait
(``brief``), Redis is given BRIEF seconds, and for AWAY seconds after it was silent it is not
asked at all: what hangs is waited for once, however many ask.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as LostError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as LateError
from redis.retry import Retry

from timestack.settings import Settings

# 0 and 1 are the queue's (queue.py), 2 counts log-ins (auth/limits.py).
DATABASE = 3
# Seconds.
TIMEOUT = 6.0
BRIEF = 1.5
AWAY = 2.0

_redis: Redis | None = None
_brief = False
_away_until = 0.0


class CacheError(Exception):
    """Redis did not do what it was asked to; str() says why."""


class AwayError(CacheError):
    """Redis does not answer."""


def init(settings: Settings, *, brief: bool = False) -> Redis:
    """Bind ``redis()`` of this process to a server, and return its client."""
    global _redis, _brief, _away_until
    wait = BRIEF if brief else TIMEOUT
    _brief, _away_until = brief, 0.0
    _redis = Redis.from_url(
        settings.redis_url(DATABASE),
        socket_timeout=wait,
        socket_connect_timeout=wait,
        retry=Retry(NoBackoff(), 0),
    )
    return _redis


@contextmanager
def redis() -> Iterator[Redis]:
    """Give the client; keys and values are bytes.

    Raises AwayError when Redis does not answer, and CacheError when it refuses.
    """
    global _away_until
    if time.monotonic() < _away_until:
        raise AwayError("Redis did not answer a moment ago")
    try:
        yield _redis
    except (LostError, LateError) as error:
        _away_until = time.monotonic() + AWAY if _brief else 0.0
        raise AwayError(f"Redis does not answer: {error}") from None
    except RedisError as error:
        raise CacheError(f"Redis refuses: {error}") from None
