"""Users, their roles and the open log-ins."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

ROLES = {
    "viewer": "sees every page",
    "editor": "also loads and changes data",
    "admin": "also starts jobs and opens pgAdmin, the worker monitor and the proxy's dashboard",
}


def upgrade() -> None:
    roles = op.create_table(
        "roles",
        sa.Column("id", sa.Integer, sa.Identity(), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="roles_pkey"),
        sa.UniqueConstraint("name", name="roles_name_key"),
    )
    op.bulk_insert(roles, [{"name": name, "description": does} for name, does in ROLES.items()])
    op.create_table(
        "users",
        sa.Column("id", sa.BigInteger, sa.Identity(), nullable=False),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("password", sa.Text),
        sa.Column("active", sa.Boolean, nullable=False, server_default="true"),
        sa.Column("fs_uniquifier", sa.Text, nullable=False),
        sa.Column("must_change_password", sa.Boolean, nullable=False, server_default="false"),
        sa.Column("account", sa.Text),
        sa.Column("last_login_at", sa.DateTime(timezone=True)),
        sa.Column("current_login_at", sa.DateTime(timezone=True)),
        sa.Column("last_login_ip", sa.Text),
        sa.Column("current_login_ip", sa.Text),
        sa.Column("login_count", sa.Integer, nullable=False, server_default="0"),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()
        ),
        sa.PrimaryKeyConstraint("id", name="users_pkey"),
        sa.UniqueConstraint("fs_uniquifier", name="users_fs_uniquifier_key"),
    )
    op.create_index("users_email_lower_key", "users", [sa.text("lower(email)")], unique=True)
    op.create_table(
        "user_roles",
        sa.Column("user_id", sa.BigInteger, nullable=False),
        sa.Column("role_id", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("user_id", "role_id", name="user_roles_pkey"),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="user_roles_user_id_fkey", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["role_id"], ["roles.id"], name="user_roles_role_id_fkey"),
    )
    op.create_table(
        "logins",
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("user_id", sa.BigInteger, nullable=False),
        sa.Column(
            "opened_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()
        ),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("upstream_token", sa.LargeBinary),
        sa.PrimaryKeyConstraint("digest", name="logins_pkey"),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="logins_user_id_fkey", ondelete="CASCADE"
        ),
    )
    op.create_index("logins_user_id_idx", "logins", ["user_id"])
    op.create_index("logins_expires_at_idx", "logins", ["expires_at"])


def downgrade() -> None:
    for table in ("logins", "user_roles", "users", "roles"):
        op.drop_table(table)
