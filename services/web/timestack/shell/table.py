"""A table of texts in aligned columns."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence


def show(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows below their heads; on a terminal, what does not fit is cut off at its edge."""
    lines = [heads, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    edge = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for line in lines:
        cells = (text.ljust(width) for text, width in zip(line, widths, strict=True))
        shown = "  ".join(cells).rstrip()
        cut = edge is not None and len(shown) > edge
        print(f"{shown[: edge - 1]}…" if cut else shown)
