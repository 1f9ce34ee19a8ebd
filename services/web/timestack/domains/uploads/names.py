"""Names of columns that are safe in SQL, for labels that may be anything."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from timestack.domains.uploads.layout import LONGEST_NAME, SUFFIXES, TAKEN


def names(labels: Sequence[str]) -> list[str]:
    """Return a name for each label: different ones, that are not words of SQL or of rollups."""
    found: list[str] = []
    for number, label in enumerate(labels, 1):
        base, name, turn = slug(label, number), "", 1
        while not name or _is_taken(name, found):
            name = _numbered(base, turn)
            turn += 1
        found.append(name)
    return found


def slug(label: str, number: int) -> str:
    """Return a label in a-z, 0-9 and _, beginning with a letter; ``column_N`` of one with none."""
    plain = unicodedata.normalize("NFKD", label).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")
    if not name:
        return f"column_{number}"
    name = name if name[0].isalpha() else f"c_{name}"
    return name[:LONGEST_NAME].rstrip("_")


def _numbered(base: str, turn: int) -> str:
    behind = "" if turn == 1 else f"_{turn}"
    return base[: LONGEST_NAME - len(behind)] + behind


def _is_taken(name: str, others: Sequence[str]) -> bool:
    return (
        name in TAKEN
        or name in others
        or any(name == other + end or other == name + end for other in others for end in SUFFIXES)
    )
