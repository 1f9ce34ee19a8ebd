"""The load that a layout means: what the preview shows is what it does."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from timestack.domains.load.run import Options
from timestack.domains.uploads.layout import Layout


def options(layout: Layout, table: str, file: str, shown: str) -> Options:
    """Return how ``domains.load`` fills a table, which has the layout's columns, from a file.

    ``file`` is a path, ``shown`` what messages call it.
    """
    return Options(
        table,
        file,
        shown,
        fields=tuple(None if each.role == "ignored" else each.name for each in layout.columns),
        has_header=layout.header,
        delimiter=layout.delimiter,
        escape=layout.escape,
        decimal=layout.decimal,
        epoch=layout.epoch,
        order=layout.order,
        zone=ZoneInfo(layout.zone) if layout.zone else None,
    )
