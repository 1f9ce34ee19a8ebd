"""alerts.yaml as a model: what people are alerted to, validated with file, line and key.

The file is read by the workers, which evaluate it, and by pages, API and shell, which show it.
``load`` reports every fault at once.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from datetime import timedelta
from functools import cached_property, lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    StringConstraints,
    ValidationError,
    WithJsonSchema,
)

from timestack.domains.alerts import sources
from timestack.series import catalog, uploaded
from timestack.series.catalog import Identifier, Interval
from timestack.series.sql import interval_text
from timestack.settings import ALERTS_IN_IMAGE, alerts_file
from timestack.validation import Document, Fault, NotYaml, message

SEVERITIES = ("info", "warning", "critical")
DAY = timedelta(days=1)
# Of all times in a rule.
LONGEST = 366 * DAY
NAME = r"^[a-z][a-z0-9_-]*$"
# A hypertable of the file, or that of an uploaded dataset.
TABLE = rf"{catalog.IDENTIFIER}|^{uploaded.TABLE.pattern}$"
# Messages name the file where a person can change it, not its copy in the image.
IN_CLONE = "services/timescaledb/schema/alerts.yaml"
CONDITIONS = ("above", "below", "outside", "no_data")
# What is looked at over a time, and what `no_data` alone decides.
OVER_TIME = ("mean", "min", "max", "change")
NOT_OF_NO_DATA = ("value", "of", "over", "for", "clear")


class RulesError(Exception):
    """The file cannot be used; ``faults`` holds one ``file:line: key: message`` per fault."""

    def __init__(self, faults: list[str]):
        self.faults = tuple(faults)
        super().__init__("\n".join(faults))


def _number(value: object) -> float:
    # YAML reads `1e9` as text.
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise ValueError("is not a number")
    try:
        number = float(value)
    except (ValueError, OverflowError):
        raise ValueError("is not a number") from None
    if not math.isfinite(number):
        raise ValueError("must be a finite number")
    return number


def _band(value: object) -> tuple[float, float]:
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        raise ValueError("is not a band: write its two ends, such as `[10, 20]`")
    low, high = map(_number, value)
    if not low < high:
        raise ValueError("must begin with the lesser of its two ends")
    return low, high


def _threshold(value: object) -> float | tuple[float, float]:
    return _band(value) if isinstance(value, (list, tuple)) else _number(value)


def _chosen(value: object) -> tuple[str, ...]:
    """One value or several of a column, as the database writes them."""
    several = value if isinstance(value, list) else [value]
    if not several or not all(
        isinstance(each, (str, int)) and not isinstance(each, bool) for each in several
    ):
        raise ValueError("must be a text or whole number, or a list of them")
    texts = tuple(map(str, several))
    if any("\0" in text for text in texts):
        raise ValueError("holds a NUL character")
    return texts


def _not_too_long(value: timedelta) -> timedelta:
    if value > LONGEST:
        raise ValueError(f"must be at most {interval_text(LONGEST)}")
    return value


NUMBER = {"type": "number"}
PAIR = {"type": "array", "items": NUMBER, "minItems": 2, "maxItems": 2}
VALUES = {"type": ["string", "integer"]}
Number = Annotated[float, BeforeValidator(_number), WithJsonSchema(NUMBER)]
Band = Annotated[tuple[float, float], BeforeValidator(_band), WithJsonSchema(PAIR)]
Threshold = Annotated[
    float | tuple[float, float],
    BeforeValidator(_threshold),
    WithJsonSchema({"anyOf": [NUMBER, PAIR]}),
]
Chosen = Annotated[
    tuple[str, ...],
    BeforeValidator(_chosen),
    WithJsonSchema({"anyOf": [VALUES, {"type": "array", "items": VALUES, "minItems": 1}]}),
]
Span = Annotated[Interval, AfterValidator(_not_too_long)]
Name = Annotated[str, StringConstraints(pattern=NAME, max_length=63)]
Table = Annotated[str, StringConstraints(pattern=TABLE, max_length=63)]


class Rule(BaseModel):
    """One rule: which series are looked at, what of them, and when it is an alert.

    Exactly one of ``above``, ``below``, ``outside`` and ``no_data`` is the condition.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    table: Table = Field(
        description="a hypertable of hypertables.yaml, or an uploaded dataset that everybody may "
        "see, such as `datasets.d7`"
    )
    value: Identifier | None = Field(
        None, description="the column; it may be left out where the table declares only one"
    )
    keys: dict[Identifier, Chosen] = Field(
        default_factory=dict,
        description="only series with these values of a key column, such as `sensor_id: [1, 2]`; "
        "default: every series of the table",
    )
    where: dict[Identifier, Chosen] = Field(
        default_factory=dict,
        description="only series whose key refers to a row with these values, such as sensors "
        "of `type: temperature` and `location: [JFK, LGA]`",
    )
    of: Literal["newest", *OVER_TIME] = Field(
        "newest",
        description="what is compared: the newest reading; or its mean, minimum or maximum `over` "
        "a time up to now; or its change, as much as it would be in the time `over` at its present "
        "rate",
    )
    over: Span | None = Field(None, description="of mean, min, max and change")
    above: Number | None = Field(None, description="an alert when greater than this")
    below: Number | None = Field(None, description="an alert when less than this")
    outside: Band | None = Field(None, description="an alert when outside of these two")
    no_data: Span | None = Field(
        None, description="an alert when a series has had no reading for so long"
    )
    wait: Span | None = Field(
        None,
        alias="for",
        description="how long the condition must hold without a break; until then it is pending; "
        "default: it fires at once",
    )
    clear: Threshold | None = Field(
        None,
        description="the alert ends when the value is back at this or beyond, such as 90 of "
        "`above: 100`; two numbers of `outside`; default: at the threshold itself",
    )
    clear_for: Span | None = Field(
        None, description="how long it must be back until the alert ends; default: as `for`"
    )
    within: Span = Field(
        DAY,
        description="readings older than this are not looked at: a series without a newer one "
        "keeps its state, and one that was silent for longer before has no alert of `no_data`; "
        "default: 1 day",
    )
    severity: Literal[SEVERITIES] = Field("warning", description="how it is shown")
    message: Annotated[str, StringConstraints(strip_whitespace=True, max_length=300)] = Field(
        "", description="what the reader should know or do"
    )

    @property
    def band(self) -> tuple[float, float]:
        """The values that are no alert, both ends included; of no data, seconds without any."""
        if self.no_data is not None:
            return -math.inf, self.no_data.total_seconds()
        if self.outside is not None:
            return self.outside
        low = -math.inf if self.below is None else self.below
        return low, math.inf if self.above is None else self.above

    @property
    def thresholds(self) -> tuple[float | None, float | None]:
        """The ends of ``band`` that the values themselves have; None of a change and of no data."""
        of_values = self.quantity not in ("change", "age")
        low, high = (end if of_values and math.isfinite(end) else None for end in self.band)
        return low, high

    @property
    def clear_band(self) -> tuple[float, float]:
        """The values that end an alert: within ``band``, both ends included."""
        if isinstance(self.clear, tuple):
            return self.clear
        if self.clear is None:
            return self.band
        return (-math.inf, self.clear) if self.above is not None else (self.clear, math.inf)

    @property
    def hold(self) -> timedelta:
        """How long the condition must hold."""
        return self.wait or timedelta(0)

    @property
    def clear_hold(self) -> timedelta:
        """How long it must be over."""
        return self.clear_for or self.hold

    @property
    def quantity(self) -> str:
        """What is compared: ``of``, or the ``age`` of the newest reading in seconds."""
        return self.of if self.no_data is None else "age"

    @cached_property
    def digest(self) -> str:
        """What the rule decides by: another digest is another rule under the same name."""
        deciding = self.model_dump(mode="json", exclude={"severity", "message"})
        return sha256(json.dumps(deciding, sort_keys=True).encode()).hexdigest()[:16]

    def faults(self) -> Iterator[Fault]:
        """Faults that no single key shows: keys that contradict one another."""
        given = [name for name in CONDITIONS if getattr(self, name) is not None]
        if not given:
            yield (), f"has no condition: write one of {', '.join(CONDITIONS)}"
            return
        if len(given) > 1:
            better = ": a band is `outside`" if set(given) == {"above", "below"} else ""
            yield (given[1],), f"is a second condition beside `{given[0]}`{better}"
            return
        if self.no_data is not None:
            yield from self._no_data_faults()
            return
        if self.of == "newest" and self.over:
            yield ("over",), f"is of `of`: {', '.join(OVER_TIME)}"
        if self.of != "newest" and not self.over:
            yield ("of",), f"`{self.of}` needs `over`, such as `over: 1 hour`"
        if self.over and self.over > self.within:
            yield ("over",), "must be at most `within`, whose default is 1 day"
        if self.hold > self.within:
            yield ("for",), "must be at most `within`, whose default is 1 day"
        yield from self._clear_faults(given[0])

    def _clear_faults(self, condition: str) -> Iterator[Fault]:
        if self.clear is None:
            if not (self.wait or self.clear_for):
                yield (
                    (condition,),
                    "would flap around its threshold: add `for` or `clear_for`, a time, or "
                    "`clear`, another threshold at which it ends",
                )
            return
        if isinstance(self.clear, tuple) != (condition == "outside"):
            yield ("clear",), "must be two numbers of `outside`, and one of `above` and `below`"
            return
        (low, high), (clear_low, clear_high) = self.band, self.clear_band
        if not low <= clear_low <= clear_high <= high:
            where = {"above": "at most", "below": "at least", "outside": "within"}[condition]
            yield ("clear",), f"must be {where} `{condition}`: there it is no alert any more"

    def _no_data_faults(self) -> Iterator[Fault]:
        for name in NOT_OF_NO_DATA:
            field = "wait" if name == "for" else name
            if getattr(self, field) != type(self).model_fields[field].default:
                yield (name,), "has no effect with `no_data`"
        if self.no_data >= self.within:
            yield ("no_data",), "must be shorter than `within`, whose default is 1 day"


class Rules(BaseModel):
    """The whole file: what people are alerted to."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rules: dict[Name, Rule] = Field(default_factory=dict)

    _document: Document | None = PrivateAttr(None)

    def value_of(self, name: str, declared: catalog.Catalog) -> str | None:
        """The column that a rule looks at; None of no data, which is of all of a row."""
        rule = self.rules[name]
        return rule.value or next(iter(sources.values(rule.table, declared)), None)

    def faults(self, declared: catalog.Catalog) -> Iterator[Fault]:
        """Names that are not those of the database; datasets are known to the database alone."""
        for name, rule in self.rules.items():
            if uploaded.id_of(rule.table) is not None:
                continue
            for place, what in unknown(rule, declared):
                yield ("rules", name, *place), what


def unknown(rule: Rule, declared: catalog.Catalog) -> Iterator[Fault]:
    """Yield the names in a rule that are not those of a catalog."""
    if rule.table not in declared.hypertables:
        known = ", ".join(declared.hypertables)
        yield ("table",), f"`{rule.table}` is not a hypertable: use one of {known}"
        return
    values = sources.values(rule.table, declared)
    if rule.value is not None and rule.value not in values:
        yield ("value",), f"`{rule.value}` is not a value of it: use one of {', '.join(values)}"
    if rule.value is None and rule.no_data is None and len(values) != 1:
        yield (), f"needs `value`: one of {', '.join(values)}"
    keys = sources.keys(rule.table, rule.value, declared)
    for column in rule.keys:
        if column not in keys:
            yield ("keys", column), f"is not a key of it: use {', '.join(keys) or 'none'}"
    referred = sources.referred(rule.table, keys)
    for column in rule.where:
        if referred is None:
            yield ("where",), "its key refers to no other table: use `keys`"
            return
        if column not in referred.columns:
            known = ", ".join(referred.columns)
            yield ("where", column), f"is not a column of {referred.table}: use one of {known}"


def parse(text: str, declared: catalog.Catalog, file: str = "alerts.yaml") -> Rules:
    """Return the rules that ``text`` declares. Raises RulesError with every fault."""
    try:
        document = Document(text, file)
    except NotYaml as error:
        raise RulesError([str(error)]) from None
    data = document.data if document.data is not None else {}
    if isinstance(data, dict) and data.get("rules", {}) is None:
        # A file whose rules are all commented out.
        data = {**data, "rules": {}}
    faults = list(document.twice)
    try:
        rules = Rules.model_validate(data)
    except ValidationError as error:
        rules = None
        faults += [_fault(each) for each in error.errors()]
    # Rules are checked one by one, so that a fault in one hides none in the others.
    entries = data.get("rules") if isinstance(data, dict) else None
    sound: dict[str, Rule] = {}
    for name, entry in entries.items() if isinstance(entries, dict) else ():
        try:
            sound[str(name)] = Rule.model_validate(entry)
        except ValidationError:
            continue
        faults += [(("rules", str(name), *at), what) for at, what in sound[str(name)].faults()]
    faults += Rules.model_construct(rules=sound).faults(declared)
    if faults or rules is None:
        raise RulesError(document.listed(faults))
    rules._document = document
    return rules


def _fault(error: dict[str, Any]) -> Fault:
    # A key that fails its pattern is reported at `[key]` after its own name.
    place = tuple(part for part in error["loc"] if part != "[key]")
    if error["type"] == "string_pattern_mismatch":
        if error["ctx"]["pattern"] == NAME:
            return place, "is not a name: use lower-case letters, digits, `-` and `_`"
        return place, "is not a name: use lower-case letters, digits and underscores"
    if error["type"] in ("model_type", "dict_type"):
        return place, "must be keys with values, each `key: value` on a line of its own"
    return place, message(error)


def load(path: Path, declared: catalog.Catalog) -> Rules:
    """Read and validate a file; without one there are no rules. Raises RulesError."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Rules()
    except OSError as error:
        raise RulesError([f"{path}: {error.strerror}"]) from None
    except UnicodeDecodeError as error:
        raise RulesError([f"{path}: byte {error.start}: not UTF-8"]) from None
    return parse(text, declared, IN_CLONE if path == ALERTS_IN_IMAGE else str(path))


@lru_cache(maxsize=8)
def current(path: Path | None = None) -> Rules:
    """The rules of this process: of ``path``, default alerts.yaml beside hypertables.yaml.

    Read once: the file is part of the image and does not change under a running process.
    Raises RulesError with every fault.
    """
    return load(path or alerts_file(), catalog.current())


def json_schema() -> dict[str, Any]:
    """The file's JSON schema, with which editors complete and check it."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Rules.model_json_schema(),
        "title": "Timestack alerts",
    }
