"""Companies and their yearly finances, loaded from nested JSON.

The document: ``{"companies": [{"name": "…", "finances": [{"year": 2023, "q1": 12.50, …}]}]}``.
Amounts are US dollars with at most two decimals, numbers or strings; null or absent where a quarter
is not yet reported. They are never floats on the way: JSON's digits become decimals directly.
"""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from timestack.models import Company, Finance
from timestack.validation import sentences

QUARTERS = ("q1", "q2", "q3", "q4")
Money = Annotated[Decimal, Field(max_digits=17, decimal_places=2, allow_inf_nan=False)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class DocumentError(ValueError):
    """The document cannot be loaded; ``faults`` holds one sentence each, with its place."""

    def __init__(self, faults: list[str]):
        self.faults = tuple(faults)
        super().__init__("\n".join(faults))


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Year(_Entry):
    year: int = Field(ge=1900, le=2200, strict=True)
    q1: Money | None = None
    q2: Money | None = None
    q3: Money | None = None
    q4: Money | None = None


class _Company(_Entry):
    name: Name
    finances: list[_Year] = []


class _Document(_Entry):
    companies: list[_Company]


def load(session: Session, text: str) -> tuple[int, int]:
    """Add or update every company and year of a document, in the session's transaction.

    Returns the number of companies and of years. Years that the document does not name are kept.
    Raises DocumentError, with every fault and nothing written.
    """
    document = _parse(text)
    years = 0
    for company in document.companies:
        add = insert(Company).values(name=company.name)
        # An update that changes nothing, so that the id comes back for a known name as well.
        add = add.on_conflict_do_update(
            index_elements=[Company.name], set_={"name": add.excluded.name}
        )
        company_id = session.scalar(add.returning(Company.id))
        for year in company.finances:
            add = insert(Finance).values(company_id=company_id, **year.model_dump())
            session.execute(
                add.on_conflict_do_update(
                    index_elements=[Finance.company_id, Finance.year],
                    set_={quarter: add.excluded[quarter] for quarter in QUARTERS},
                )
            )
            years += 1
    return len(document.companies), years


def _parse(text: str) -> _Document:
    try:
        data = json.loads(text, parse_float=Decimal, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        fault = f"line {error.lineno}, column {error.colno}: {error.msg}"
        raise DocumentError([fault]) from None
    except ValueError as error:
        raise DocumentError([str(error)]) from None
    try:
        document = _Document.model_validate(data)
    except ValidationError as error:
        raise DocumentError(sentences(error, "the document")) from None
    faults = list(_duplicates(document))
    if faults:
        raise DocumentError(faults)
    return document


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not an amount of money")


def _duplicates(document: _Document):
    names = Counter(company.name for company in document.companies)
    yield from (f"companies: {name!r} appears {n} times" for name, n in names.items() if n > 1)
    for number, company in enumerate(document.companies):
        years = Counter(year.year for year in company.finances)
        for year, n in years.items():
            if n > 1:
                yield f"companies.{number}.finances: {year} appears {n} times"
