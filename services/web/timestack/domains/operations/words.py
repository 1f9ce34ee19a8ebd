"""Sizes, shares, numbers and durations as a page writes them: as a terminal does."""

from timestack.shared.amounts import SPANS, UNITS, about, number, share, size

__all__ = ["SPANS", "UNITS", "about", "number", "share", "size"]
