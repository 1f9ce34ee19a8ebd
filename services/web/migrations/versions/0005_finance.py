"""Companies and what they report per year."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "companies",
        sa.Column("id", sa.Integer, sa.Identity(), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="companies_pkey"),
        sa.UniqueConstraint("name", name="companies_name_key"),
    )
    op.create_table(
        "finances",
        sa.Column("id", sa.Integer, sa.Identity(), nullable=False),
        sa.Column("company_id", sa.Integer, nullable=False),
        sa.Column("year", sa.Integer, nullable=False),
        *(sa.Column(quarter, sa.Numeric(17, 2)) for quarter in ("q1", "q2", "q3", "q4")),
        sa.PrimaryKeyConstraint("id", name="finances_pkey"),
        sa.UniqueConstraint("company_id", "year", name="finances_company_id_year_key"),
        sa.CheckConstraint("year between 1900 and 2200", name="finances_year_check"),
        sa.ForeignKeyConstraint(
            ["company_id"], ["companies.id"], name="finances_company_id_fkey", ondelete="CASCADE"
        ),
    )


def downgrade() -> None:
    op.drop_table("finances")
    op.drop_table("companies")
