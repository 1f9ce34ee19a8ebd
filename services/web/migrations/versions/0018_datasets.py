"""Datasets: hypertables made of uploaded files.

Their tables are in a schema of their own, which workers make and drop by the same code that
converges the others.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.execute("create schema datasets")
    # USAGE gives no right to anything in it.
    op.execute("grant usage on schema datasets to public")
    op.create_table(
        "datasets",
        sa.Column("id", sa.BigInteger, sa.Identity(), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("owner_id", sa.BigInteger),
        sa.Column("visibility", sa.Text, nullable=False),
        sa.Column("declared", JSONB, nullable=False),
        sa.Column("layout", JSONB, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False, server_default="preparing"),
        sa.Column("job_id", sa.Uuid),
        sa.Column("rows", sa.BigInteger),
        sa.Column("message", sa.Text, nullable=False, server_default=""),
        sa.Column("created_at", TIME, nullable=False, server_default=sa.func.now()),
        sa.Column("loaded_at", TIME),
        sa.PrimaryKeyConstraint("id", name="datasets_pkey"),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["users.id"], name="datasets_owner_id_fkey", ondelete="SET NULL"
        ),
        sa.CheckConstraint("visibility in ('mine', 'everybody')", name="datasets_visibility_check"),
        sa.CheckConstraint(
            "state in ('preparing', 'loading', 'ready', 'deleting')", name="datasets_state_check"
        ),
    )
    op.create_index("datasets_name_lower_key", "datasets", [sa.text("lower(name)")], unique=True)


def downgrade() -> None:
    op.drop_table("datasets")
    op.execute("drop schema datasets cascade")
