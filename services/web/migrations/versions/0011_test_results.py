"""Results of tests, and of files what the scanner knows of them."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
# As the naming convention made it of the name in 0007.
STATE_BEFORE = "file_jobs_file_jobs_state_check_check"
WAITING = sa.text("state = 'waiting'")


def suite() -> list[sa.Column]:
    return [
        sa.Column("time", TIME, nullable=False),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("suite", sa.Text, nullable=False),
        sa.Column("file_id", sa.BigInteger, nullable=False),
    ]


def upgrade() -> None:
    for column in ("run_directory", "name"):
        op.add_column(
            "tracked_files", sa.Column(column, sa.Text, nullable=False, server_default="")
        )
    op.add_column(
        "tracked_files", sa.Column("type", sa.Text, nullable=False, server_default="other")
    )
    op.create_check_constraint(
        op.f("tracked_files_type_check"),
        "tracked_files",
        "type in ('junit', 'tap', 'reportlog', 'other')",
    )
    op.add_column(
        "file_jobs", sa.Column("priority", sa.Integer, nullable=False, server_default="0")
    )
    op.execute("update file_jobs set state = 'waiting' where state = 'running'")
    op.drop_constraint(op.f(STATE_BEFORE), "file_jobs")
    op.create_check_constraint(
        op.f("file_jobs_state_check"), "file_jobs", "state in ('waiting', 'done', 'failed')"
    )
    op.drop_index("file_jobs_waiting_idx")
    op.create_index(
        "file_jobs_waiting_idx",
        "file_jobs",
        [sa.text("priority desc"), "queued_at"],
        postgresql_where=WAITING,
    )
    op.create_index(
        "file_jobs_waiting_key",
        "file_jobs",
        ["kind", "file_id"],
        unique=True,
        postgresql_where=WAITING,
    )
    op.create_table(
        "test_runs",
        *suite(),
        sa.Column("run", sa.Text, nullable=False),
        sa.Column("run_tag", sa.Text, nullable=False),
        *(
            sa.Column(outcome, sa.Integer, nullable=False)
            for outcome in ("passed", "failed", "errors", "skipped")
        ),
        sa.Column("seconds", sa.Double, nullable=False),
        sa.Column("pass_rate", sa.Double),
    )
    op.create_table(
        "test_results",
        *suite(),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("seconds", sa.Double),
        sa.Column("message", sa.Text, nullable=False),
        sa.CheckConstraint("outcome in ('passed', 'failed', 'error', 'skipped')", name="outcome"),
    )
    op.create_table(
        "test_statistics",
        *(sa.Column(key, sa.Text, nullable=False) for key in ("host", "suite", "name")),
        *(sa.Column(count, sa.Integer, nullable=False) for count in ("runs", "failures", "flips")),
        sa.Column("seconds_mean", sa.Double),
        sa.Column("seconds_max", sa.Double),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("last_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("host", "suite", "name", name="test_statistics_pkey"),
    )


def downgrade() -> None:
    for table in ("test_statistics", "test_results", "test_runs"):
        op.drop_table(table)
    op.drop_index("file_jobs_waiting_key")
    op.drop_index("file_jobs_waiting_idx")
    op.create_index("file_jobs_waiting_idx", "file_jobs", ["queued_at"], postgresql_where=WAITING)
    op.drop_constraint(op.f("file_jobs_state_check"), "file_jobs")
    op.create_check_constraint(
        op.f(STATE_BEFORE), "file_jobs", "state in ('waiting', 'running', 'done', 'failed')"
    )
    op.drop_column("file_jobs", "priority")
    for column in ("type", "name", "run_directory"):
        op.drop_column("tracked_files", column)
