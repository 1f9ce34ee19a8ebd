"""Tracked files and the queue of what is to be done with them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def origin() -> list[sa.Column]:
    return [
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("site", sa.Text, nullable=False),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("run_tag", sa.Text, nullable=False, server_default=""),
        sa.Column("user_tag", sa.Text, nullable=False, server_default=""),
        sa.Column("time_to_live", sa.Interval),
    ]


def upgrade() -> None:
    op.create_table(
        "tracked_files",
        sa.Column("id", sa.BigInteger, sa.Identity(), nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("modified_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sha256", sa.Text),
        sa.Column("state", sa.Text, nullable=False, server_default="found"),
        sa.Column("message", sa.Text, nullable=False, server_default=""),
        sa.Column(
            "found_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()
        ),
        *origin(),
        sa.PrimaryKeyConstraint("id", name="tracked_files_pkey"),
        sa.CheckConstraint(
            "state in ('found', 'parsed', 'failed', 'gone')", name="tracked_files_state_check"
        ),
        sa.CheckConstraint("size >= 0", name="tracked_files_size_check"),
    )
    op.create_index("tracked_files_host_path_key", "tracked_files", ["host", "path"], unique=True)
    op.create_index("tracked_files_run_tag_idx", "tracked_files", ["run_tag"])
    op.create_table(
        "file_jobs",
        sa.Column("id", sa.BigInteger, sa.Identity(), nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("file_id", sa.BigInteger),
        sa.Column("params", postgresql.JSONB, nullable=False, server_default="{}"),
        sa.Column("state", sa.Text, nullable=False, server_default="waiting"),
        sa.Column("message", sa.Text, nullable=False, server_default=""),
        sa.Column(
            "queued_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()
        ),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        *origin(),
        sa.PrimaryKeyConstraint("id", name="file_jobs_pkey"),
        sa.CheckConstraint(
            "state in ('waiting', 'running', 'done', 'failed')", name="file_jobs_state_check"
        ),
        sa.ForeignKeyConstraint(
            ["file_id"], ["tracked_files.id"], name="file_jobs_file_id_fkey", ondelete="CASCADE"
        ),
    )
    op.create_index(
        "file_jobs_waiting_idx",
        "file_jobs",
        ["queued_at"],
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_index("file_jobs_file_id_idx", "file_jobs", ["file_id"])


def downgrade() -> None:
    op.drop_table("file_jobs")
    op.drop_table("tracked_files")
