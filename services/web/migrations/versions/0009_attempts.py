"""How often a job was started is a column of its own; upstream tokens are not kept."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("attempts", sa.Integer, nullable=False, server_default="0"))
    op.execute(
        "update jobs set attempts = coalesce((result->>'attempts')::integer, 0), result = null"
        " where state in ('queued', 'running')"
    )
    op.drop_column("logins", "upstream_token")


def downgrade() -> None:
    op.add_column("logins", sa.Column("upstream_token", sa.LargeBinary))
    op.execute(
        "update jobs set result = jsonb_build_object('attempts', attempts)"
        " where state in ('queued', 'running')"
    )
    op.drop_column("jobs", "attempts")
