"""Forecasts: models that were trained, and how they did."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

NOW = sa.func.now()


def upgrade() -> None:
    op.create_table(
        "forecasts",
        sa.Column("id", sa.BigInteger, sa.Identity(), nullable=False),
        sa.Column("ticker_id", sa.Integer, nullable=False),
        sa.Column("settings", JSONB, nullable=False),
        sa.Column("data_hash", sa.Text, nullable=False),
        sa.Column("versions", JSONB, nullable=False),
        sa.Column("first_day", sa.Date, nullable=False),
        sa.Column("test_day", sa.Date, nullable=False),
        sa.Column("last_day", sa.Date, nullable=False),
        sa.Column("train_rows", sa.Integer, nullable=False),
        sa.Column("test_rows", sa.Integer, nullable=False),
        sa.Column("seconds", sa.Double, nullable=False),
        sa.Column("verdict", JSONB, nullable=False),
        sa.Column("course", JSONB, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=NOW),
        sa.PrimaryKeyConstraint("id", name="forecasts_pkey"),
        sa.ForeignKeyConstraint(
            ["ticker_id"], ["tickers.id"], name="forecasts_ticker_id_fkey", ondelete="CASCADE"
        ),
    )
    op.create_index("forecasts_created_at_idx", "forecasts", ["created_at", "id"])
    op.create_index("forecasts_ticker_id_idx", "forecasts", ["ticker_id", "created_at", "id"])


def downgrade() -> None:
    op.drop_table("forecasts")
