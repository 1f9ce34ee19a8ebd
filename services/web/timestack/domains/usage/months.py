"""Months, and those of which an account has usage."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import date
from typing import Self

from sqlalchemy import text
from sqlalchemy.orm import Session

# Of the years 1900 to 2199: what a file brought of others is a mistake.
PATTERN = "^((?:19|20|21)[0-9]{2})-(0[1-9]|1[0-2])$"
MONTHS = text("""
select distinct date_trunc('month', day)::date as month from usage
 where day >= '1900-01-01' and day < '2200-01-01' order by month
""")


@dataclass(frozen=True, order=True)
class Month:
    """A month of UTC days; ``str`` is as in an address, ``2026-10``."""

    year: int
    number: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``2026-10``; raises ValueError with a sentence for anything else."""
        found = re.fullmatch(PATTERN, text)
        if not found:
            raise ValueError(f"“{text[:40]}” is not a month such as 2026-10.")
        return cls(int(found[1]), int(found[2]))

    @classmethod
    def of(cls, day: date) -> Self:
        """The month that a day is in."""
        return cls(day.year, day.month)

    def __str__(self) -> str:
        return f"{self.year:04}-{self.number:02}"

    def after(self, months: int) -> Month:
        """The month so many months later, or with a negative number earlier."""
        year, number = divmod(self.year * 12 + self.number - 1 + months, 12)
        return Month(year, number + 1)

    @property
    def first(self) -> date:
        """Its first day; ``after(1).first`` is the end, which is not in it."""
        return date(self.year, self.number, 1)

    @property
    def title(self) -> str:
        """``Oct 2026``."""
        return f"{calendar.month_abbr[self.number]} {self.year}"

    @property
    def name(self) -> str:
        """``October 2026``."""
        return f"{calendar.month_name[self.number]} {self.year}"


def months(session: Session) -> list[Month]:
    """Return the months in which the account has any row, the oldest first."""
    return [Month.of(day) for day in session.scalars(MONTHS)]
