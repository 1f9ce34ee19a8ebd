"""Figures as Plotly draws them, without a colour: static/usage.js gives them those of the look.

``meta`` of a trace are the keys of its colours. Whatever a project is called is text: Plotly would
take tags of it for markup, so they are written as entities, and sectors are known by their number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

# Characters of a name in a sector and at the pointer; the table has all of it.
SHORT, LONG = 18, 60
CENTRE = {"showarrow": False, "x": 0.5, "y": 0.5}


@dataclass(frozen=True)
class Tile:
    """A tile of a treemap, within that of its parent; ``value`` is beyond those within it."""

    id: str
    parent: str
    label: str
    value: float = 0.0
    text: str = ""
    hover: str = ""
    key: int | None = None


def donut(
    labels: Sequence[str],
    hours: Sequence[str],
    shares: Sequence[str],
    keys: Sequence[int],
    total: str,
) -> dict[str, Any]:
    """A ring of sectors from the top clockwise, as they are given, around the total."""
    return {
        "data": [
            {
                "type": "pie",
                "hole": 0.62,
                "sort": False,
                "direction": "clockwise",
                # Two of one label would be one sector.
                "labels": [str(number) for number in range(len(labels))],
                "values": [_number(each) for each in hours],
                "text": list(shares),
                "textinfo": "text",
                "textposition": "outside",
                "automargin": True,
                "hovertext": [
                    f"{plain(label, LONG)}<br>{hour} hours, {share}"
                    for label, hour, share in zip(labels, hours, shares, strict=True)
                ],
                "hoverinfo": "text",
                "meta": list(keys),
            }
        ],
        "layout": {
            "annotations": [
                {**CENTRE, "text": total, "yshift": 10, "font": {"size": 22, "weight": 600}},
                {**CENTRE, "text": "hours", "yshift": -14},
            ],
            "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
        },
    }


def treemap(
    names: Sequence[tuple[str, str]],
    sizes: Sequence[str],
    shares: Sequence[str],
    keys: Sequence[int],
    total: str,
) -> dict[str, Any]:
    """Tiles of project and kind within one of each project; one without a kind is by itself."""
    tiles = [Tile("all", "", f"{total} GB")]
    known: dict[str, str] = {}
    for number, ((project, kind), size, share, key) in enumerate(
        zip(names, sizes, shares, keys, strict=True)
    ):
        if kind and project not in known:
            known[project] = f"project {len(known)}"
            # What a project has is the sum of its tiles, which Plotly adds up.
            label, hover = plain(project, SHORT), plain(project, LONG)
            tiles.append(Tile(known[project], "all", label, hover=hover))
        label = kind or plain(project, SHORT)
        of = ", ".join(filter(None, [plain(project, LONG), kind]))
        hover = f"{of}<br>{size} GB, {share}"
        parent = known[project] if kind else "all"
        tiles.append(Tile(str(number), parent, label, _number(size), f"{size} GB", hover, key))
    return {
        "data": [
            {
                "type": "treemap",
                "ids": [each.id for each in tiles],
                "parents": [each.parent for each in tiles],
                "labels": [each.label for each in tiles],
                "values": [each.value for each in tiles],
                "branchvalues": "remainder",
                "text": [each.text for each in tiles],
                "textinfo": "label+text",
                "hovertext": [each.hover for each in tiles],
                "hoverinfo": "text",
                "pathbar": {"visible": False},
                "tiling": {"pad": 2},
                "meta": [each.key for each in tiles],
            }
        ],
        "layout": {"margin": {"l": 0, "r": 0, "t": 0, "b": 0}},
    }


def bars(
    months: Sequence[str],
    volumes: Sequence[str],
    hours: Sequence[Sequence[str]],
    keys: Sequence[int],
) -> dict[str, Any]:
    """For each month a group of one bar for each volume."""
    return {
        "data": [
            {
                "type": "bar",
                "name": volume,
                "x": list(months),
                "y": [_number(each[place]) for each in hours],
                "hovertext": [
                    f"{volume} in {month}<br>{each[place]} hours"
                    for month, each in zip(months, hours, strict=True)
                ],
                "hoverinfo": "text",
                "meta": [key],
            }
            for place, (volume, key) in enumerate(zip(volumes, keys, strict=True))
        ],
        "layout": {
            "barmode": "group",
            "bargap": 0.3,
            # Else Plotly takes "Nov 2025" for a time.
            "xaxis": {"type": "category", "showgrid": False},
            "yaxis": {"title": {"text": "Hours"}, "rangemode": "tozero", "tickformat": ",~f"},
            "margin": {"l": 8, "r": 8, "t": 16, "b": 8},
        },
    }


def plain(name: str, longest: int) -> str:
    """A name as text of Plotly's: not its markup, cut where it is longer."""
    cut = name if len(name) <= longest else f"{name[: longest - 1]}…"
    return cut.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _number(written: str) -> float:
    """The number that is shown, so that what is drawn is what is read."""
    return float(written.replace(",", ""))
