"""Faults of documents as sentences that may be shown, and where in a YAML file each is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import yaml
from pydantic import ValidationError

# The keys and numbers that lead to a place in a document.
Place = tuple[str | int, ...]
Fault = tuple[Place, str]

# More places than any file of ours has: aliases of aliases make a few lines endless.
MOST_PLACES = 100_000


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


def whole(given: Any) -> Any:
    """Return the integer of a float that has no fraction: to JSON 1.0 is one. Else the same."""
    return int(given) if isinstance(given, float) and given.is_integer() else given


def message(error: dict[str, Any]) -> str:
    """Return what one of pydantic's errors says about a key, in the words of a file."""
    if error["type"] == "extra_forbidden":
        return "unknown key"
    if error["type"] == "missing":
        return "is required"
    return error["msg"].removeprefix("Value error, ")


class NotYaml(ValueError):
    """The text is not YAML; str() is ``file:line: not YAML: why``."""


class Document:
    """What a YAML text holds, with the line of each key.

    ``data`` is of YAML's own types, ``twice`` the keys that are written more than once.
    Raises NotYaml.
    """

    def __init__(self, text: str, file: str):
        self.file = file
        self.twice: list[Fault] = []
        self._lines: dict[Place, int] = {}
        try:
            places = list(_places(yaml.compose(text, Loader=yaml.SafeLoader)))
            self.data = yaml.safe_load(text)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            where = f"{file}:{mark.line + 1}" if mark else file
            raise NotYaml(f"{where}: not YAML: {getattr(error, 'problem', error)}") from None
        except RecursionError:
            raise NotYaml(f"{file}: not YAML: it is nested too deeply") from None
        except ValueError as error:
            # Of a date or number that looks like one and is none.
            raise NotYaml(f"{file}: not YAML: {error}") from None
        doubled: set[Place] = set()
        for place, line in places:
            # What is below a key that is written twice is written twice for that reason.
            if place in self._lines and not any(
                place[:end] in doubled for end in range(1, len(place) + 1)
            ):
                self.twice.append((place, f"is written twice, first in line {self._lines[place]}"))
                self._lines[place] = line
                doubled.add(place)
            self._lines.setdefault(place, line)

    def line(self, place: Place) -> int:
        """The line of a key; of one that is missing, that of its nearest parent."""
        prefixes = (place[:end] for end in range(len(place), 0, -1))
        return next((self._lines[prefix] for prefix in prefixes if prefix in self._lines), 1)

    def where(self, place: Place) -> str:
        """``file:line: key``."""
        key = ".".join(map(str, place)) or "the file"
        return f"{self.file}:{self.line(place)}: {key}"

    def listed(self, faults: Iterable[Fault]) -> list[str]:
        """``file:line: key: what is wrong`` of each fault, in the order of the lines."""
        ordered = sorted(faults, key=lambda fault: self.line(fault[0]))
        return [f"{self.where(place)}: {what}" for place, what in ordered]


def _places(node: yaml.Node | None) -> Iterator[tuple[Place, int]]:
    """(place, line) of every key and item, duplicates included."""
    left = MOST_PLACES

    def inside(node: yaml.Node | None, path: Place) -> Iterator[tuple[Place, int]]:
        nonlocal left
        children: Iterable[tuple[str | int, yaml.Node, yaml.Node]] = ()
        if isinstance(node, yaml.MappingNode):
            children = ((str(key.value), key, value) for key, value in node.value)
        elif isinstance(node, yaml.SequenceNode):
            children = ((number, value, value) for number, value in enumerate(node.value))
        for name, marked, value in children:
            left -= 1
            if left < 0:
                raise ValueError(f"it has more than {MOST_PLACES:,} keys and items")
            yield (*path, name), marked.start_mark.line + 1
            yield from inside(value, (*path, name))

    return inside(node, ())
