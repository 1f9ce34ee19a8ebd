"""Completed loads and seeds, each written in the transaction of its rows."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, func
from sqlalchemy.orm import Mapped, mapped_column

from timestack.models.base import Base


class Import(Base):
    """One completed import: a second one under the same id finds this row and loads nothing."""

    __tablename__ = "imports"

    id: Mapped[str] = mapped_column(primary_key=True)
    table_name: Mapped[str]
    source: Mapped[str]
    rows: Mapped[int] = mapped_column(BigInteger)
    finished_at: Mapped[datetime] = mapped_column(server_default=func.now())
