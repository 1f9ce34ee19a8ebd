"""Parts of a whole: nothing is lost and nothing twice, whatever the rows."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from timestack.domains.usage import plots
from timestack.domains.usage.parts import Part, digits, fold, rounded

AMOUNTS = st.decimals(min_value="0.000001", max_value=10**9, places=6)
NAMES = st.tuples(st.text(max_size=5), st.sampled_from(["video", "audio", "text"]))
PARTS = st.dictionaries(NAMES, AMOUNTS, max_size=40).map(
    lambda found: [Part(names, amount) for names, amount in found.items()]
)


@given(PARTS, st.integers(0, 15))
def test_the_parts_sum_to_the_total_and_none_is_lost_or_twice(parts: list[Part], most: int) -> None:
    whole = fold(parts, most)
    assert whole.total == sum((each.amount for each in parts), Decimal(0))
    assert sum(whole.amounts, Decimal(0)) == whole.total
    assert len(whole.largest) == min(most, len(parts))
    assert len(whole.largest) + whole.count == len(parts)
    kept = set(whole.largest)
    assert len(kept) == len(whole.largest)
    others = [each for each in parts if each not in kept]
    assert whole.others == sum((each.amount for each in others), Decimal(0))
    assert all(each.amount <= one.amount for each in others for one in whole.largest)


@given(PARTS)
def test_the_order_of_the_rows_changes_nothing(parts: list[Part]) -> None:
    assert fold(parts, 5) == fold(reversed(parts), 5)


def test_of_equal_parts_the_names_decide() -> None:
    parts = [Part((name,), Decimal(1)) for name in ("c", "a", "d", "b")]
    assert [each.names[0] for each in fold(parts, 2).largest] == ["a", "b"]


@given(st.lists(AMOUNTS, max_size=20), st.integers(0, 4))
def test_what_is_shown_adds_up_to_the_total_that_is_shown(
    amounts: list[Decimal], decimals: int
) -> None:
    shown = rounded(amounts, decimals)
    step = Decimal(1).scaleb(-decimals)
    assert abs(sum(shown, Decimal(0)) - sum(amounts, Decimal(0))) <= step / 2
    assert all(abs(one - other) < step for one, other in zip(shown, amounts, strict=True))


@pytest.mark.parametrize(
    ("total", "decimals"),
    [("0", 1), ("12345", 1), ("12", 1), ("1.2", 2), ("0.12", 3), ("0.0123", 4)],
)
def test_a_small_total_shows_digits(total: str, decimals: int) -> None:
    assert digits(Decimal(total)) == decimals


@given(st.lists(st.tuples(NAMES, AMOUNTS), min_size=1, max_size=13))
def test_the_tiles_of_a_treemap_add_up_once(rows: list[tuple[tuple[str, str], Decimal]]) -> None:
    names = [names for names, _ in rows]
    sizes = [f"{amount:,.6f}" for _, amount in rows]
    made = plots.treemap(names, sizes, ["1%"] * len(rows), [1] * len(rows), "1")
    [trace] = made["data"]
    assert len(set(trace["ids"])) == len(trace["ids"])
    assert set(trace["parents"]) <= {"", *trace["ids"]}
    assert trace["parents"].count("") == 1
    # Beyond what is within them: a tile of a project has nothing of its own.
    assert trace["branchvalues"] == "remainder"
    assert sum(trace["values"]) == pytest.approx(float(sum(amount for _, amount in rows)))
