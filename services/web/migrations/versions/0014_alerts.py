"""Alerts with their history, and what is silenced."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
OPEN = "state in ('pending', 'firing')"
FIRED = "fired_at is not null"
INDEXES = {
    "alerts_open_key": (["rule", "keys"], OPEN),
    "alerts_fired_at_idx": (["fired_at", "id"], FIRED),
    "alerts_rule_idx": (["rule", "fired_at", "id"], FIRED),
    "alerts_keys_idx": (["source", "keys"], FIRED),
}


def upgrade() -> None:
    op.create_table(
        "alerts",
        sa.Column("id", sa.BigInteger, sa.Identity(), nullable=False),
        sa.Column("rule", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("value_column", sa.Text, nullable=False, server_default=""),
        sa.Column("keys", JSONB, nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("severity", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("value", sa.Double),
        sa.Column("low", sa.Double),
        sa.Column("high", sa.Double),
        sa.Column("since", TIME, nullable=False),
        sa.Column("seen_at", TIME, nullable=False),
        sa.Column("clear_since", TIME),
        sa.Column("fired_at", TIME),
        sa.Column("resolved_at", TIME),
        sa.Column("reason", sa.Text, nullable=False, server_default=""),
        sa.Column("told", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.PrimaryKeyConstraint("id", name="alerts_pkey"),
        sa.CheckConstraint(
            "state in ('pending', 'firing', 'resolved')", name=op.f("alerts_state_check")
        ),
    )
    for name, (columns, where) in INDEXES.items():
        unique = name == "alerts_open_key"
        op.create_index(name, "alerts", columns, unique=unique, postgresql_where=sa.text(where))
    op.create_table(
        "alert_silences",
        sa.Column("id", sa.BigInteger, sa.Identity(), nullable=False),
        sa.Column("rule", sa.Text, nullable=False),
        sa.Column("keys", JSONB, nullable=False, server_default="{}"),
        sa.Column("until", TIME, nullable=False),
        sa.Column("silenced_at", TIME, nullable=False, server_default=sa.func.now()),
        sa.Column("silenced_by", sa.Text, nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("id", name="alert_silences_pkey"),
        sa.UniqueConstraint("rule", "keys", name="alert_silences_rule_keys_key"),
    )


def downgrade() -> None:
    op.drop_table("alert_silences")
    op.drop_table("alerts")
