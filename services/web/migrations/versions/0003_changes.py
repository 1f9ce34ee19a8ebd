"""Which time ranges of a hypertable changed since its rollups were refreshed.

A row per writing statement. Functions and triggers that fill and empty it come with the rollups,
from `provision apply`; no other role has any right to it.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("create schema timestack")
    # USAGE gives no right to anything in it.
    op.execute("grant usage on schema timestack to public")
    op.create_table(
        "changes",
        sa.Column("table_name", sa.Text, nullable=False),
        sa.Column("ranges", postgresql.TSTZMULTIRANGE, nullable=False),
        sa.Column(
            "recorded_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()
        ),
        schema="timestack",
    )
    op.create_index("changes_table_name_idx", "changes", ["table_name"], schema="timestack")


def downgrade() -> None:
    op.execute("drop schema timestack cascade")
