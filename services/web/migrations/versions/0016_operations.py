"""What the stack was like, an hour at a time."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

VALUES = ("database_gb", "disk_free_gb", "disk_free_percent", "redis_mb", "waiting_jobs")


def upgrade() -> None:
    op.create_table(
        "operations",
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        *(sa.Column(name, sa.Double) for name in VALUES),
    )


def downgrade() -> None:
    op.drop_table("operations")
