"""Parts of a whole: the largest and the others, and amounts rounded so that they add up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal


@dataclass(frozen=True)
class Part:
    """An amount, above 0, of what the names say."""

    names: tuple[str, ...]
    amount: Decimal


@dataclass(frozen=True)
class Whole:
    """The ``largest`` parts, and the sum of all ``others``, of which there are ``count``."""

    largest: Sequence[Part]
    others: Decimal
    count: int

    @property
    def amounts(self) -> list[Decimal]:
        """What is drawn: the largest, then the others where there are any."""
        return [*(each.amount for each in self.largest), *([self.others] if self.count else [])]

    @property
    def total(self) -> Decimal:
        """The sum of all parts, exactly."""
        return sum(self.amounts, Decimal(0))


def fold(parts: Iterable[Part], most: int) -> Whole:
    """Keep the ``most`` largest parts, of equal ones those whose names come first."""
    ranked = sorted(parts, key=lambda each: (-each.amount, each.names))
    rest = ranked[most:]
    return Whole(ranked[:most], sum((each.amount for each in rest), Decimal(0)), len(rest))


def digits(total: Decimal) -> int:
    """Return the decimals with which a total shows three digits at least, and one decimal."""
    return max(1, 2 - total.adjusted()) if total else 1


def rounded(amounts: Sequence[Decimal], decimals: int) -> list[Decimal]:
    """Round amounts so that their sum is the rounded sum: by the largest remainders.

    Ref: https://en.wikipedia.org/wiki/Largest_remainder_method
    """
    step = Decimal(1).scaleb(-decimals)
    whole = sum(amounts, Decimal(0)).quantize(step, ROUND_HALF_UP)
    found = [each.quantize(step, ROUND_FLOOR) for each in amounts]
    missing = int((whole - sum(found, Decimal(0))) / step)
    by_remainder = sorted(range(len(found)), key=lambda each: found[each] - amounts[each])
    for each in by_remainder[:missing]:
        found[each] += step
    return found
