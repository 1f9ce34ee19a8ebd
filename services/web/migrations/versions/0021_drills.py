"""Drills: backups that were restored beside the stack, and what the copy was like."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "drills",
        sa.Column("id", sa.BigInteger, sa.Identity(), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("backup", sa.Text, nullable=False),
        sa.Column("tables", sa.Integer, nullable=False),
        sa.Column("rows", sa.BigInteger, nullable=False),
        sa.Column("seconds", sa.Double, nullable=False),
        sa.Column("rpo_seconds", sa.Double),
        sa.Column("rto_seconds", sa.Double),
        sa.Column("faults", JSONB, nullable=False),
        sa.PrimaryKeyConstraint("id", name="drills_pkey"),
        sa.CheckConstraint(
            "outcome in ('same', 'different', 'failed')", name="drills_outcome_check"
        ),
    )
    op.create_index("drills_began_at_idx", "drills", ["began_at"])


def downgrade() -> None:
    op.drop_table("drills")
