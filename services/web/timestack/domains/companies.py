"""Companies and what they report per year, one at a time; ``finance`` loads whole documents.

Amounts are decimals of US dollars and cents.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from timestack.domains.keyset import Order, Part
from timestack.models.finance import Company, Finance

FIRST_YEAR, LAST_YEAR = 1900, 2200
ORDERS = {"id": Order((Company.id,)), "name": Order((Company.name, Company.id))}


class TakenError(ValueError):
    """Another company has the name."""

    def __init__(self, name: str):
        super().__init__(f"there is a company {name!r} already")


def listed(session: Session, order: Order, part: Part, *, name: str | None = None) -> list[Company]:
    """Return a part of the companies whose name holds ``name``, in capitals or not."""
    statement = select(Company)
    if name is not None:
        statement = statement.where(Company.name.icontains(name, autoescape=True))
    return list(session.scalars(order.apply(statement, part)))


def get(session: Session, id: int, *, lock: bool = False) -> Company | None:
    """Return a company, or None; ``lock`` keeps others from changing it in this transaction."""
    statement = select(Company).where(Company.id == id)
    return session.scalar(statement.with_for_update() if lock else statement)


def add(session: Session, name: str) -> Company:
    """Return the company that was added. Raises TakenError."""
    added = insert(Company).values(name=name).on_conflict_do_nothing().returning(Company)
    company = session.scalar(added)
    if company is None:
        raise TakenError(name)
    return company


def rename(session: Session, company: Company, name: str) -> None:
    """Give a company another name. Raises TakenError, and then the transaction is to be ended."""
    company.name = name
    try:
        session.flush()
    except IntegrityError:
        raise TakenError(name) from None


def finances(session: Session, company: Company) -> Sequence[Finance]:
    """Return what a company reported, oldest year first."""
    reported = select(Finance).where(Finance.company_id == company.id).order_by(Finance.year)
    return session.scalars(reported).all()


def year(session: Session, company: Company, year: int) -> Finance | None:
    """Return what a company reported in one year, or None."""
    of_year = select(Finance).where(Finance.company_id == company.id, Finance.year == year)
    return session.scalar(of_year)


def report(
    session: Session, company: Company, year: int, quarters: dict[str, Decimal | None]
) -> Finance:
    """Set all four quarters of a company's year, FIRST_YEAR to LAST_YEAR, and return it.

    ``quarters`` are ``q1`` to ``q4``, of at most 15 digits and two decimals, None where not yet
    reported.
    """
    add = insert(Finance).values(company_id=company.id, year=year, **quarters)
    add = add.on_conflict_do_update(
        index_elements=[Finance.company_id, Finance.year], set_=quarters
    )
    return session.scalar(add.returning(Finance), execution_options={"populate_existing": True})
