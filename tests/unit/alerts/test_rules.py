"""alerts.yaml: what is refused, and that every fault is reported with line and key."""

from __future__ import annotations

import json
import math
import re
from datetime import timedelta

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.stack import ROOT
from timestack.domains.alerts import rules, words
from timestack.series import catalog

SCHEMA = ROOT / "services" / "timescaledb" / "schema"
DECLARED = catalog.load(SCHEMA / "hypertables.yaml")
HOT = "table: readings, above: 30, clear: 25"


def parse(*lines: str, name: str = "hot") -> rules.Rules:
    return rules.parse(f"rules:\n  {name}: {{{', '.join(lines)}}}", DECLARED, "alerts.yaml")


def faults(text: str) -> list[str]:
    with pytest.raises(rules.RulesError) as error:
        rules.parse(text, DECLARED, "alerts.yaml")
    return list(error.value.faults)


def fault(*lines: str) -> str:
    [found] = faults(f"rules:\n  hot: {{{', '.join(lines)}}}")
    return found.removeprefix("alerts.yaml:2: rules.hot").removeprefix(".")


def test_the_project_s_own_file_is_valid_and_so_are_its_examples() -> None:
    file = SCHEMA / "alerts.yaml"
    assert set(rules.load(file, DECLARED).rules) == {"heat", "storm", "disk"}
    # Commented out: a name or a key, and no sentence.
    examples = re.findall(r"^  # ((?:  )?[a-z_-]+:.*)$", file.read_text(), re.MULTILINE)
    text = "\n".join(["rules:", *(f"  {line}" for line in examples)])
    assert set(rules.parse(text, DECLARED).rules) == {"silent", "failing-tests"}


def test_the_json_schema_beside_the_file_is_current() -> None:
    stored = json.loads((SCHEMA / "alerts.schema.json").read_text())
    assert stored == rules.json_schema(), (
        "generate it again: python -m scripts.provision json-schema alerts > "
        "services/timescaledb/schema/alerts.schema.json"
    )


def test_the_rules_of_the_guides_are_valid() -> None:
    guide = (ROOT / "docs" / "make-it-yours.md").read_text()
    table, rule = re.findall(r"```yaml\n(?: {5}|  )(\w[\w-]*:\n.+?)```", guide, re.DOTALL)[:2]
    power = catalog.parse("hypertables:\n  " + table)
    assert set(rules.parse(f"rules:\n  {rule}", power).rules) == {"idle-meter"}
    shown = re.findall(r"```yaml\n(.+?)```", (ROOT / "docs" / "alerts.md").read_text(), re.DOTALL)
    assert len(rules.parse("".join(shown), DECLARED).rules) == 5


@pytest.mark.parametrize("text", ["", "rules:", "rules: {}", "# only a comment"])
def test_a_file_may_declare_nothing(text: str) -> None:
    assert rules.parse(text, DECLARED).rules == {}


def test_without_a_file_there_are_no_rules(tmp_path) -> None:
    assert rules.load(tmp_path / "alerts.yaml", DECLARED).rules == {}


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["table: readings"], ": has no condition: write one of above, below, outside, no_data"),
        ([HOT, "below: 3"], "below: is a second condition beside `above`: a band is `outside`"),
        ([HOT, "hue: red"], "hue: unknown key"),
        (["above: 3, clear: 2"], "table: is required"),
        (
            ["table: reading, above: 3, clear: 2"],
            "table: `reading` is not a hypertable: use one of",
        ),
        ([HOT, "value: x"], "value: `x` is not a value of it: use one of value"),
        (["table: prices_daily, above: 3, clear: 2"], ": needs `value`: one of open, high"),
        ([HOT, "keys: {host: a}"], "keys.host: is not a key of it: use sensor_id"),
        ([HOT, "keys: {sensor_id: 1.5}"], "keys.sensor_id: must be a text or whole number"),
        ([HOT, "keys: {sensor_id: []}"], "keys.sensor_id: must be a text or whole number"),
        ([HOT, "where: {colour: red}"], "where.colour: is not a column of sensors: use one of id"),
        (
            ["table: test_runs, value: seconds, above: 3, clear: 2, where: {a: b}"],
            "where: its key refers to no other table: use `keys`",
        ),
        (["table: readings, above: x"], "above: is not a number"),
        (["table: readings, above: .nan"], "above: must be a finite number"),
        (["table: readings, above: 1e999"], "above: must be a finite number"),
        (["table: readings, above: true"], "above: is not a number"),
        (["table: readings, outside: 3"], "outside: is not a band: write its two ends"),
        (["table: readings, outside: [3, 3]"], "outside: must begin with the lesser of its"),
        (["table: readings, above: 30"], "above: would flap around its threshold: add `for` or"),
        (["table: readings, above: 30, clear: 31"], "clear: must be at most `above`"),
        (["table: readings, below: 30, clear: 29"], "clear: must be at least `below`"),
        (["table: readings, outside: [1, 9], clear: [2, 10]"], "clear: must be within `outside`"),
        (["table: readings, outside: [1, 9], clear: 5"], "clear: must be two numbers of `outside`"),
        ([HOT, "for: 10"], "for: 10 is not an interval: write a count and second, minute"),
        ([HOT, "for: 2 days"], "for: must be at most `within`, whose default is 1 day"),
        ([HOT, "within: 400 days"], "within: must be at most 366 days"),
        ([HOT, f"within: {10**30} days"], "within: is longer than a million years"),
        ([HOT, "over: 1 hour"], "over: is of `of`: mean, min, max, change"),
        ([HOT, "of: mean"], "of: `mean` needs `over`, such as `over: 1 hour`"),
        ([HOT, "of: sum, over: 1 hour"], "of: Input should be"),
        ([HOT, "severity: fatal"], "severity: Input should be"),
        (["table: readings, no_data: 1 day"], "no_data: must be shorter than `within`"),
        (["table: readings, no_data: 1 hour, clear: 3"], "clear: has no effect with `no_data`"),
        (["table: readings, no_data: 1 hour, for: 1 hour"], "for: has no effect with `no_data`"),
    ],
)
def test_a_fault_names_line_and_key_and_what_to_do(lines: list[str], expected: str) -> None:
    assert fault(*lines).startswith(expected)


def test_all_faults_are_reported_at_once_in_the_order_of_the_lines() -> None:
    text = f"""
rules:
  Hot: {{{HOT}}}
  cold:
    table: readings
    below: 3
    below: 4
  far: {{table: nowhere, above: 3, clear: 1}}
  wrong: [1]
other: 1
"""
    lines = [int(each.split(":")[1]) for each in faults(text)]
    assert lines == sorted(lines)
    assert set(lines) == {3, 7, 8, 9, 10}


@pytest.mark.parametrize(
    "text", ["- a", "3", "rules: [1]", "rules: x", "rules: {hot: 3}", "{", "\x00"]
)
def test_what_is_not_rules_is_refused_with_its_line(text: str) -> None:
    for each in faults(text):
        assert each.startswith("alerts.yaml")


def test_the_bands_are_those_of_the_condition() -> None:
    inf = math.inf

    def bands(*lines: str) -> tuple:
        rule = parse("table: readings", *lines).rules["hot"]
        return rule.band, rule.clear_band

    assert bands("above: 30, clear: 25") == ((-inf, 30), (-inf, 25))
    assert bands("below: 5, clear: 8") == ((5, inf), (8, inf))
    assert bands("outside: [5, 30], clear: [8, 25]") == ((5, 30), (8, 25))
    assert bands("above: 30, for: 1 minute") == ((-inf, 30), (-inf, 30))
    assert bands("no_data: 10 minutes") == ((-inf, 600), (-inf, 600))


def test_a_rule_in_other_words_is_the_same_and_with_another_condition_is_not() -> None:
    def digest(*lines: str) -> str:
        return parse("table: readings, clear: 25", *lines).rules["hot"].digest

    assert digest("above: 30") == digest("above: 30.0", "severity: info", "message: Run")
    assert len({digest("above: 30"), digest("above: 31"), digest("above: 30, for: 1 hour")}) == 3


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["above: 1234567, for: 10 minutes"], "above 1.235e+06 for 10 minutes"),
        (["of: mean, over: 1 hour, below: 5, clear: 6"], "mean over 1 hour below 5, until 6"),
        (["outside: [5, 30], clear: [8, 25]"], "outside 5 to 30, until 8 to 25"),
        (["of: change, over: 3 hours, above: 2, clear: 0"], "change over 3 hours above 2, until 0"),
        (["no_data: 90 minutes"], "no data for 90 minutes"),
    ],
)
def test_a_condition_is_said_in_words(lines: list[str], expected: str) -> None:
    assert words.condition(parse("table: readings", *lines).rules["hot"]) == expected


# Whatever is written, it is rules, or faults with their lines: never another error.
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.sampled_from(["1 hour", "readings", "10 days", "mean", f"{10**20} days"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip
KEYS = st.sampled_from([field.alias or name for name, field in rules.Rule.model_fields.items()])
ENTRY = st.dictionaries(KEYS | st.text(max_size=5), VALUES, max_size=8)
SOUND = st.fixed_dictionaries({"table": st.just("readings")}).flatmap(
    lambda base: ENTRY.map(lambda entry: {**entry, **base})
)


@settings(max_examples=300, deadline=timedelta(seconds=5))
@given(st.dictionaries(st.text(max_size=5), SOUND | ENTRY | VALUES, max_size=3) | VALUES)
def test_whatever_is_written_is_rules_or_faults_with_their_lines(entries: object) -> None:
    text = yaml.safe_dump({"rules": entries}, allow_unicode=False)
    try:
        found, refused = rules.parse(text, DECLARED, "alerts.yaml"), None
    except rules.RulesError as error:
        found, refused = rules.Rules(), error.faults
    assert refused is None or refused
    assert all(each.startswith("alerts.yaml") for each in refused or ())
    for rule in found.rules.values():
        assert words.condition(rule)
        (low, high), (clear_low, clear_high) = rule.band, rule.clear_band
        assert low <= clear_low <= clear_high <= high


# Datasets


def test_a_rule_may_name_a_dataset_which_the_database_alone_knows() -> None:
    text = "rules: {high: {table: datasets.d7, value: metres, above: 3, clear: 2}}"
    assert rules.parse(text, DECLARED).rules["high"].table == "datasets.d7"


@pytest.mark.parametrize("table", ["datasets.x", "datasets.d0", "datasets.d7_1h", "other.d7", "."])
def test_no_other_name_with_a_dot_is_a_table(table: str) -> None:
    text = f"rules: {{high: {{table: '{table}', above: 3, clear: 2}}}}"
    with pytest.raises(rules.RulesError, match=r"table: is not a name"):
        rules.parse(text, DECLARED)
