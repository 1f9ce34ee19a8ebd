"""Pydantic's errors about a document, as sentences that may be shown."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ValidationError


def sentences(error: ValidationError, whole: str) -> list[str]:
    """Return ``place: what is wrong`` for each fault, in the document's order.

    ``whole`` is the place of a fault of all of it. The values themselves are left
    out: they may be secrets.
    """
    faults = error.errors(include_input=False, include_url=False, include_context=False)
    return [f"{'.'.join(map(str, each['loc'])) or whole}: {each['msg']}" for each in faults]


def summary(faults: Sequence[str]) -> str:
    """Return the first three faults as one sentence, and how many more there are."""
    more = f"; and {len(faults) - 3} more" if len(faults) > 3 else ""
    return "; ".join(faults[:3]) + more
