"""Tokens of scripts."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "tokens",
        sa.Column("id", sa.BigInteger, sa.Identity(), nullable=False),
        sa.Column("user_id", sa.BigInteger, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("tables", ARRAY(sa.Text)),
        sa.Column("created_at", TIME, nullable=False, server_default=sa.func.now()),
        sa.Column("expires_at", TIME),
        sa.Column("revoked_at", TIME),
        sa.Column("last_used_at", TIME),
        sa.Column("last_used_from", sa.Text),
        sa.PrimaryKeyConstraint("id", name="tokens_pkey"),
        sa.UniqueConstraint("digest", name="tokens_digest_key"),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="tokens_user_id_fkey", ondelete="CASCADE"
        ),
        sa.CheckConstraint("role in ('read', 'write', 'admin')", name="tokens_role_check"),
    )
    op.create_index("tokens_user_id_idx", "tokens", ["user_id"])


def downgrade() -> None:
    op.drop_table("tokens")
