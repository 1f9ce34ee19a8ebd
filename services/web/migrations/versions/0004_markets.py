"""Tickers and their daily prices."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "tickers",
        sa.Column("id", sa.Integer, sa.Identity(), nullable=False),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("industry", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="tickers_pkey"),
        sa.UniqueConstraint("symbol", name="tickers_symbol_key"),
    )
    op.create_table(
        "prices_daily",
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ticker_id", sa.Integer, nullable=False),
        sa.Column("open", sa.Double, nullable=False),
        sa.Column("high", sa.Double, nullable=False),
        sa.Column("low", sa.Double, nullable=False),
        sa.Column("close", sa.Double, nullable=False),
        sa.Column("volume", sa.BigInteger, nullable=False),
        sa.Column("adjusted_close", sa.Double, nullable=False),
        sa.ForeignKeyConstraint(["ticker_id"], ["tickers.id"], name="prices_daily_ticker_id_fkey"),
    )


def downgrade() -> None:
    op.drop_table("prices_daily")
    op.drop_table("tickers")
