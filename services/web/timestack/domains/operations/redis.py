"""Redis: its memory, and whether what it holds outlives it."""

from __future__ import annotations

from typing import Any

from timestack import cache
from timestack.domains.operations import words
from timestack.domains.operations.budget import Budget
from timestack.domains.operations.check import Check, Part, unread
from timestack.domains.operations.thresholds import REDIS_MEMORY

NAME = "redis"
LOGS = "make logs S=redis"
# Bytes, from which on a limit is none: of a container without one the entrypoint has the largest
# number there is.
ENDLESS = 1e15


def read(budget: Budget) -> Part:
    """Return how Redis is; no statement of the budget is run."""
    try:
        with cache.redis() as redis:
            info = redis.info()
    except cache.CacheError as error:
        return unread(NAME, f"{error}. `make ps` shows whether it runs.")
    return Part(NAME, [_memory(info), _persistence(info)])


def _memory(info: dict[str, Any]) -> Check:
    used, most = info["used_memory"], info["maxmemory"]
    if not 0 < most < ENDLESS:
        return Check("Memory", f"{words.size(used)}, without a limit")
    return Check(
        "Memory",
        f"{words.size(used)} of {words.size(most)} ({words.share(used / most)})",
        REDIS_MEMORY.state(used / most),
        str(REDIS_MEMORY),
        "When it is full it refuses messages: raise REDIS_MEMORY in .env, then:",
        "make up",
    )


def _persistence(info: dict[str, Any]) -> Check:
    faults = [
        text
        for text, is_so in {
            "the append-only file is off": not info["aof_enabled"],
            "the last write to the append-only file failed": info["aof_last_write_status"] != "ok",
            "the last rewrite of that file failed": info["aof_last_bgrewrite_status"] != "ok",
            "the last snapshot failed": info["rdb_last_bgsave_status"] != "ok",
        }.items()
        if is_so
    ]
    value = "; ".join(faults)
    return Check(
        "Persistence",
        f"{value[:1].upper()}{value[1:]}" if faults else "each write within a second",
        "act" if faults else "good",
        advice="Its messages would be lost with it. Its log says why:",
        command=LOGS,
    )
