"""What is wrong, where, and what to do about it: the one form of every message of the host side."""

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
    """Nothing more is done; ``faults`` holds every fault found, not just the first.

    ``untouched`` says that nothing had been done before it either; ``stopped`` names the services
    that ran before and do not any more.
    """

    def __init__(self, faults: Iterable[Fault], *, untouched: bool = False):
        self.faults = list(faults)
        self.untouched = untouched
        self.stopped: list[str] = []
        super().__init__("\n".join(str(fault) for fault in self.faults))
