"""The one form of every message of the host side: where, what is wrong, and what to do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """One thing that stops the stack, written for the person who repairs it."""

    where: str
    what: str
    todo: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}\n  -> {self.todo}"


class Refused(Exception):
    """The verb stops here; ``faults`` holds every fault found, not just the first.

    ``untouched`` says that nothing was changed before either; ``stopped`` names the services that
    ran before and no longer do.
    """

    def __init__(self, faults: Iterable[Fault], *, untouched: bool = False):
        self.faults = list(faults)
        self.untouched = untouched
        self.stopped: list[str] = []
        super().__init__("\n".join(str(fault) for fault in self.faults))
