"""Jobs that are scheduled, prioritised, unique, retried, cancelled and waited for."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
STATES_BEFORE = "('queued', 'running', 'succeeded', 'failed')"
STATES = "('queued', 'running', 'succeeded', 'failed', 'cancelled')"
FINISHED = "state in ('succeeded', 'failed', 'cancelled')"
# As the naming convention made it of the name in 0002.
STATE_BEFORE = "jobs_jobs_state_check_check"
INDEXES = {
    "jobs_unsent_idx": (["priority", "run_at"], "state = 'queued' and sent_at is null"),
    "jobs_created_at_idx": (["created_at"], None),
    "jobs_kind_idx": (["kind", "created_at"], None),
    "jobs_failed_idx": (["state", "created_at"], "state in ('failed', 'cancelled')"),
    "jobs_finished_at_idx": (["state", "finished_at"], FINISHED),
    "jobs_waits_for_idx": (["waits_for"], "waits_for is not null"),
}


def added() -> list[sa.Column]:
    return [
        sa.Column("priority", sa.SmallInteger, nullable=False, server_default="5"),
        sa.Column("unique_key", sa.Text),
        sa.Column("max_attempts", sa.Integer, nullable=False, server_default="3"),
        sa.Column("errors", postgresql.JSONB, nullable=False, server_default="[]"),
        sa.Column("run_at", TIME, nullable=False, server_default=sa.func.now()),
        sa.Column("sent_at", TIME),
        sa.Column("cancel_requested_at", TIME),
        sa.Column("waits_for", sa.Uuid),
        sa.Column("task_id", sa.Text),
        sa.Column("submitted_by", sa.Text, nullable=False, server_default=""),
    ]


def upgrade() -> None:
    for column in added():
        op.add_column("jobs", column)
    op.drop_constraint(op.f(STATE_BEFORE), "jobs")
    op.create_check_constraint(op.f("jobs_state_check"), "jobs", f"state in {STATES}")
    op.create_check_constraint(op.f("jobs_priority_check"), "jobs", "priority between 0 and 9")
    op.create_foreign_key(
        op.f("jobs_waits_for_fkey"), "jobs", "jobs", ["waits_for"], ["id"], ondelete="SET NULL"
    )
    op.create_index(
        "jobs_unique_key_key",
        "jobs",
        ["unique_key"],
        unique=True,
        postgresql_where=sa.text("unique_key is not null"),
    )
    for name, (columns, where) in INDEXES.items():
        op.create_index(name, "jobs", columns, postgresql_where=where and sa.text(where))
    # Each job is updated some times within seconds, and the indexes of unfinished ones are to stay
    # small among many that are finished.
    op.execute("alter table jobs set (autovacuum_vacuum_scale_factor = 0.02)")
    op.create_table(
        "paused_kinds",
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("paused_at", TIME, nullable=False, server_default=sa.func.now()),
        sa.Column("paused_by", sa.Text, nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("kind", name="paused_kinds_pkey"),
    )
    op.create_table(
        "schedules",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("cron", sa.Text, nullable=False),
        sa.Column("zone", sa.Text, nullable=False),
        sa.Column("due_at", TIME, nullable=False),
        sa.Column("last_at", TIME),
        sa.Column("last_job", sa.Uuid),
        sa.PrimaryKeyConstraint("name", name="schedules_pkey"),
    )
    op.create_table(
        "job_probes",
        sa.Column("id", sa.BigInteger, sa.Identity(), nullable=False),
        sa.Column("mark", sa.Text, nullable=False),
        sa.Column("at", TIME, nullable=False, server_default=sa.func.now()),
        sa.PrimaryKeyConstraint("id", name="job_probes_pkey"),
    )
    op.create_index("job_probes_at_idx", "job_probes", ["at"])


def downgrade() -> None:
    op.drop_table("job_probes")
    op.drop_table("schedules")
    op.drop_table("paused_kinds")
    op.execute("alter table jobs reset (autovacuum_vacuum_scale_factor)")
    for name in (*INDEXES, "jobs_unique_key_key"):
        op.drop_index(name, "jobs")
    op.drop_constraint(op.f("jobs_waits_for_fkey"), "jobs")
    op.drop_constraint(op.f("jobs_priority_check"), "jobs")
    op.drop_constraint(op.f("jobs_state_check"), "jobs")
    op.execute("update jobs set state = 'failed' where state = 'cancelled'")
    op.create_check_constraint(op.f(STATE_BEFORE), "jobs", f"state in {STATES_BEFORE}")
    for column in added():
        op.drop_column("jobs", column.name)
