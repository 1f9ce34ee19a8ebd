"""One thing that was looked at, and the parts of a report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

State = Literal["act", "look", "good"]
# The worst first.
STATES: tuple[State, ...] = ("act", "look", "good")


@dataclass(frozen=True)
class Check:
    """A ``value`` in words, and how it is.

    ``limits`` says from where on it is another state. ``advice`` is a sentence on what to do where
    it is not good, with a ``command`` for the host or a ``link`` to a page, below this site's root.
    """

    name: str
    value: str
    state: State = "good"
    limits: str = ""
    advice: str = ""
    command: str = ""
    link: str = ""


@dataclass(frozen=True)
class Part:
    """Some checks of one subject, and the ``rows`` of its table where it has one.

    ``note`` is a sentence that needs no action. One that could not be read ``is_known`` not.
    """

    name: str
    checks: Sequence[Check] = ()
    rows: Sequence[Any] = ()
    note: str = ""
    is_known: bool = True


def unread(name: str, why: str) -> Part:
    """A part that could not be read, which is to be looked at."""
    check = Check(name.capitalize(), "not known", "look", advice=why)
    return Part(name, [check], is_known=False)


def worst(checks: Sequence[Check]) -> State:
    """Return the worst state among checks; good where there is none."""
    return min((each.state for each in checks), key=STATES.index, default="good")
