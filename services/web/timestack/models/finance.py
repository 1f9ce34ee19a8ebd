"""Companies and what they report per year."""

from __future__ import annotations

from decimal import Decimal

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Numeric, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from timestack.models.base import Base

# Exact to the cent, up to a million billions.
Money = Numeric(17, 2)


class Company(Base):
    """A company; ``finances`` has one row per year, oldest first."""

    __tablename__ = "companies"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    finances: Mapped[list[Finance]] = relationship(
        back_populates="company", order_by="Finance.year", cascade="all, delete-orphan"
    )


class Finance(Base):
    """Revenue of one company and year by quarter, in US dollars; null where not yet reported."""

    __tablename__ = "finances"
    __table_args__ = (
        UniqueConstraint("company_id", "year"),
        CheckConstraint("year between 1900 and 2200", name="year"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    company_id: Mapped[int] = mapped_column(ForeignKey("companies.id", ondelete="CASCADE"))
    year: Mapped[int]
    q1: Mapped[Decimal | None] = mapped_column(Money)
    q2: Mapped[Decimal | None] = mapped_column(Money)
    q3: Mapped[Decimal | None] = mapped_column(Money)
    q4: Mapped[Decimal | None] = mapped_column(Money)
    company: Mapped[Company] = relationship(back_populates="finances")
