"""Files that are uploaded in parts."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "uploads",
        sa.Column("id", sa.Uuid, nullable=False, server_default=sa.func.gen_random_uuid()),
        sa.Column("user_id", sa.BigInteger, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("received", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("sha256", sa.Text),
        sa.Column("made_at", moment, nullable=False, server_default=sa.func.now()),
        sa.Column("touched_at", moment, nullable=False, server_default=sa.func.now()),
        sa.CheckConstraint("received between 0 and size", name="uploads_received_check"),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="uploads_user_id_fkey", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="uploads_pkey"),
    )
    op.create_index("uploads_user_id_idx", "uploads", ["user_id"])


def downgrade() -> None:
    op.drop_table("uploads")
