"""Notifications that are held back, and which late schedules were told of."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "held_notifications",
        sa.Column("id", sa.BigInteger, sa.Identity(), nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("event", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("at", TIME, nullable=False, server_default=sa.func.now()),
        sa.PrimaryKeyConstraint("id", name="held_notifications_pkey"),
    )
    op.create_index("held_notifications_channel_idx", "held_notifications", ["channel"])
    op.add_column("schedules", sa.Column("warned_at", TIME))


def downgrade() -> None:
    op.drop_column("schedules", "warned_at")
    op.drop_table("held_notifications")
