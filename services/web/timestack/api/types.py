"""The types of what a request may give; the document shows their bounds, and faults name them.

Parameters come as text and are read strictly: ``1_000`` and `` 1`` are not integers, and a number
is not a time. Members of a JSON body have JSON's own types.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)

from timestack.validation import whole

INTEGER = re.compile(r"-?[0-9]{1,19}", re.ASCII)
TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?([Zz]|[+-]\d\d:\d\d)?", re.ASCII)
DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
# What shows as nothing, or changes how what follows it reads: controls, ends of lines, directions.
UNSEEN = r"\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069"
PRINTABLE = rf"^ *[^\s{UNSEEN}][^{UNSEEN}]*$"
# Exact to the cent, up to a million billions.
AMOUNT = r"^-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,2})?$"
# In characters, where nothing else limits a text; an entry of an index holds three names.
LONGEST_TEXT, LONGEST_NAME = 500, 200
DECIMAL = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?", re.ASCII)
# A century.
MOST_SECONDS = 36_525 * 86_400
MOST_LISTED = 1000


class Query(BaseModel):
    """The parameters of an address; one that is unknown or given twice is a fault."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Body(BaseModel):
    """A JSON object that is sent; unknown members are a fault, and texts are not numbers."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, strict=True)


class View(BaseModel):
    """A JSON object that is answered."""

    # Every member is always there: the document says so.
    model_config = ConfigDict(json_schema_mode="serialization", from_attributes=True)


class ExtentView(View):
    """The times of the first and the last row, both inclusive."""

    first: datetime
    last: datetime


def _integer(given: Any) -> Any:
    if isinstance(given, str) and not INTEGER.fullmatch(given):
        raise ValueError("should be an integer in digits")
    return whole(given)


def _seconds(given: Any) -> Any:
    if not (isinstance(given, str) and DECIMAL.fullmatch(given)):
        raise ValueError("should be a number of seconds such as 3600 or 0.5")
    return float(given)


def _time(given: Any) -> Any:
    if isinstance(given, datetime):
        return given
    if not (isinstance(given, str) and TIME.fullmatch(given)):
        hint = "; write + as %2B in an address" if " " in str(given)[11:] else ""
        raise ValueError(f"should be a time such as 2026-01-31T12:00:00Z{hint}")
    return datetime.fromisoformat(given.upper())


def _day(given: Any) -> Any:
    if isinstance(given, date):
        return given
    if not (isinstance(given, str) and DAY.fullmatch(given)):
        raise ValueError("should be a day such as 2026-01-31")
    return given


def _flag(given: Any) -> Any:
    if isinstance(given, str) and given not in ("true", "false"):
        raise ValueError("should be true or false")
    return given


def _amount(given: Any) -> Decimal:
    # Not a number of JSON, which most of its readers take for a float.
    if not (isinstance(given, str) and re.fullmatch(AMOUNT, given)):
        raise ValueError(
            'should be an amount in quotes, of 15 digits and 2 decimals at most, such as "12.50"'
        )
    return Decimal(given)


def _utc(time: datetime) -> datetime:
    try:
        return time.astimezone(UTC)
    except OverflowError:
        raise ValueError("should be within the years 1 to 9999 in UTC") from None


def _printable(text: str) -> str:
    if not re.fullmatch(PRINTABLE, text):
        raise ValueError("should have printable characters alone, and not only blanks")
    return text.strip()


# To be put behind the bounds: what comes after a validator is not in the document.
Digits = BeforeValidator(_integer)
Integer = Annotated[int, Digits]
Flag = Annotated[bool, BeforeValidator(_flag)]
# The ids of rows.
Id = Annotated[int, Field(ge=1, lt=2**63), Digits]
Limit = Annotated[int, Field(ge=1, le=MOST_LISTED, description="The most items to list."), Digits]
# Counted to the microsecond.
Seconds = Annotated[float, Field(ge=1e-6, le=MOST_SECONDS), BeforeValidator(_seconds)]
# With a zone; in UTC from here on.
Time = Annotated[AwareDatetime, BeforeValidator(_time), AfterValidator(_utc)]
_Pattern = Field(json_schema_extra={"pattern": PRINTABLE})
# Printable; without the blanks around it from here on.
Text = Annotated[
    str,
    StringConstraints(min_length=1, max_length=LONGEST_TEXT),
    _Pattern,
    AfterValidator(_printable),
]
# What a row is called.
Name = Annotated[
    str,
    StringConstraints(min_length=1, max_length=LONGEST_NAME),
    _Pattern,
    AfterValidator(_printable),
]
# A UTC date.
Day = Annotated[date, BeforeValidator(_day)]
Money = Annotated[
    Decimal, BeforeValidator(_amount), WithJsonSchema({"type": "string", "pattern": AMOUNT})
]
Cursor = Annotated[
    str,
    StringConstraints(min_length=1, max_length=4000, pattern=r"^[A-Za-z0-9_.-]+$"),
    Field(description="`next` of the list so far, to go on with it."),
]


class Between(Query):
    """Days of a range: ``start <= day < end``."""

    start: Day | None = None
    end: Day | None = None

    @field_validator("end")
    @classmethod
    def _end_is_later(cls, end: date | None, given: ValidationInfo) -> date | None:
        start = given.data.get("start")
        if start and end and end <= start:
            raise ValueError(f"is not after start, {start}")
        return end
