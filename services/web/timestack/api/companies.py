"""Companies and their yearly finances, each answer in an envelope."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from flask import url_for
from sqlalchemy.orm import Session
from werkzeug.exceptions import Conflict, NotFound

from timestack import db
from timestack.api import idempotency, paging
from timestack.api.conditional import require_match
from timestack.api.envelope import Envelope, EnvelopedResource, good
from timestack.api.operation import Answer
from timestack.api.types import Body, Money, Name, Text, View
from timestack.domains import companies
from timestack.domains.keyset import named
from timestack.errors import Fault, Invalid
from timestack.models.finance import Company, Finance
from timestack.words import sentence

resource = EnvelopedResource(
    "companies", __name__, url_prefix="/companies", about="Companies and what they report per year."
)


class CompaniesQuery(paging.ListQuery):
    """Which companies: those whose name holds ``name``, in capitals or not."""

    name: Text | None = None
    sort: Literal["id", "-id", "name", "-name"] = "id"


class CompanyBody(Body):
    """A company; no other has its name."""

    name: Name


class CompanyView(View):
    """A company."""

    id: int
    name: str


class CompanyList(View):
    """A part of the list; ``next`` is the cursor of the next one."""

    items: list[CompanyView]
    next: str | None


class YearBody(Body):
    """Revenue by quarter in US dollars; null, or left out, where it is not yet reported."""

    q1: Money | None = None
    q2: Money | None = None
    q3: Money | None = None
    q4: Money | None = None


class YearView(View):
    """Revenue of a year by quarter in US dollars; null where it is not yet reported."""

    year: int
    q1: Decimal | None
    q2: Decimal | None
    q3: Decimal | None
    q4: Decimal | None


class YearList(View):
    """All years that a company reported, oldest first."""

    items: list[YearView]


class CompaniesAnswer(Envelope[CompanyList]):
    """Companies, in their envelope."""


class CompanyAnswer(Envelope[CompanyView]):
    """A company, in its envelope."""


class YearsAnswer(Envelope[YearList]):
    """The finances of a company, in their envelope."""


class YearAnswer(Envelope[YearView]):
    """The finances of one year, in their envelope."""


@resource.get("", query=CompaniesQuery, answer=CompaniesAnswer)
def index(query: CompaniesQuery) -> Answer:
    """List companies.

    In the order of ``sort``, with a minus in reverse; ``next`` and the header Link lead on.
    """
    order = named(companies.ORDERS, query.sort)
    with db.session() as session:
        rows = companies.listed(session, order, paging.part(query, order), name=query.name)
    found = paging.answer(CompanyList, query, order, rows)
    return Answer(
        good(CompaniesAnswer, found.content, "Companies are listed."), headers=found.headers
    )


@resource.post(
    "",
    body=CompanyBody,
    headers=("Idempotency-Key",),
    answer=CompanyAnswer,
    status=201,
    problems=(409,),
)
def create(body: CompanyBody) -> Answer:
    """Add a company.

    With an ``Idempotency-Key``, the same request within a day is answered the same and adds
    nothing. 409 another company has the name, or another request had the key.
    """
    try:
        with db.session() as session:
            made = idempotency.once(
                session,
                body,
                CompanyView,
                lambda: CompanyView.model_validate(companies.add(session, body.name)),
            )
    except companies.TakenError as error:
        raise Conflict(sentence(error)) from None
    location = url_for("api.companies.show", id=made.id)
    content = good(CompanyAnswer, made, "The company was added.", 201)
    return Answer(content, headers={"Location": location})


@resource.get("/<int:id>", answer=CompanyAnswer, problems=(404,))
def show(id: int) -> CompanyAnswer:
    """Show a company."""
    with db.session() as session:
        return _shown(_found(session, id))


@resource.patch(
    "/<int:id>",
    body=CompanyBody,
    headers=("If-Match",),
    answer=CompanyAnswer,
    problems=(404, 409, 412),
)
def change(id: int, body: CompanyBody) -> CompanyAnswer:
    """Change a company's name.

    With ``If-Match``, only while the company is as it was got. 409 another company has the name.
    """
    try:
        with db.session() as session:
            company = _found(session, id, lock=True)
            require_match(_shown(company))
            companies.rename(session, company, body.name)
    except companies.TakenError as error:
        raise Conflict(sentence(error)) from None
    return good(CompanyAnswer, company, "The company was changed.")


@resource.get("/<int:id>/finances", answer=YearsAnswer, problems=(404,))
def finances(id: int) -> YearsAnswer:
    """List a company's finances, all years."""
    with db.session() as session:
        rows = companies.finances(session, _found(session, id))
        return good(YearsAnswer, {"items": rows}, "The company's finances are listed.")


@resource.get("/<int:id>/finances/<int:year>", answer=YearAnswer, problems=(404,))
def show_year(id: int, year: int) -> YearAnswer:
    """Show a company's finances of one year."""
    with db.session() as session:
        reported = companies.year(session, _found(session, id), year)
        if reported is None:
            raise NotFound(f"Company {id} has no finances of {year}.")
        return _shown_year(reported)


@resource.put(
    "/<int:id>/finances/<int:year>",
    bounds={"year": {"minimum": companies.FIRST_YEAR, "maximum": companies.LAST_YEAR}},
    body=YearBody,
    headers=("If-Match",),
    answer=YearAnswer,
    or_status=(201,),
    problems=(404, 412),
)
def report(id: int, year: int, body: YearBody) -> Answer:
    """Set a company's finances of one year, all four quarters.

    201 where there were none of that year. With ``If-Match``, only while they are as they were got.
    """
    if not companies.FIRST_YEAR <= year <= companies.LAST_YEAR:
        years = f"{companies.FIRST_YEAR} to {companies.LAST_YEAR}"
        raise Invalid([Fault(f"should be a year from {years}", parameter="year")])
    with db.session() as session:
        company = _found(session, id, lock=True)
        before = companies.year(session, company, year)
        require_match(before and _shown_year(before))
        set_to = companies.report(session, company, year, body.model_dump())
    status, what = (200, "changed") if before else (201, "added")
    content = good(YearAnswer, set_to, f"The company's finances were {what}.", status)
    return Answer(content, status=status)


def _found(session: Session, id: int, *, lock: bool = False) -> Company:
    company = companies.get(session, id, lock=lock)
    if company is None:
        raise NotFound(f"There is no company {id}.")
    return company


def _shown(company: Company) -> CompanyAnswer:
    return good(CompanyAnswer, company, "The company was found.")


def _shown_year(reported: Finance) -> YearAnswer:
    return good(YearAnswer, reported, "The company's finances were found.")
