"""Chance that never changes: the same question has the same answer in every process and version."""

from __future__ import annotations

from hashlib import blake2b

SEED = "timestack-platform-1"


def unit(*parts: object) -> float:
    """Return a number from 0 to below 1 that only the seed and the parts decide."""
    text = "\x1f".join(map(str, (SEED, *parts)))
    # 53 bits, what a float holds exactly: more could round up to 1.
    return (int.from_bytes(blake2b(text.encode(), digest_size=8).digest()) >> 11) / 2**53


def between(low: float, high: float, *parts: object) -> float:
    """Return a number from ``low`` to below ``high``."""
    return low + (high - low) * unit(*parts)


def pick(choices: tuple[str, ...], *parts: object) -> str:
    """Return one of ``choices``."""
    return choices[int(unit(*parts) * len(choices))]
