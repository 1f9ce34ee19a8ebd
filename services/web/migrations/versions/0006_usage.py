"""Use of a media platform per project and day."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

AMOUNTS = {
    "ingested_seconds": sa.Double,
    "transcribed_seconds": sa.Double,
    "subtitled_seconds": sa.Double,
    "translated_seconds": sa.Double,
    "items": sa.Integer,
    "storage_video_mb": sa.Double,
    "storage_audio_mb": sa.Double,
    "storage_image_mb": sa.Double,
    "storage_text_mb": sa.Double,
    "storage_other_mb": sa.Double,
}


def upgrade() -> None:
    op.create_table(
        "usage",
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("project", sa.Text, nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        *(
            sa.Column(name, kind, nullable=False, server_default="0")
            for name, kind in AMOUNTS.items()
        ),
        sa.Column("deleted", sa.Boolean, nullable=False, server_default="false"),
        sa.PrimaryKeyConstraint("account", "project", "day", name="usage_pkey"),
        sa.CheckConstraint(f"least({', '.join(AMOUNTS)}) >= 0", name="usage_amounts_check"),
    )
    op.create_index("usage_account_day_idx", "usage", ["account", "day"])


def downgrade() -> None:
    op.drop_table("usage")
