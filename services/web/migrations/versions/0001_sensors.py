"""Sensors and their readings.

Only columns: that readings is a hypertable, its unique key and its indexes are declared in
hypertables.yaml, which `provision apply` makes so.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sensors",
        sa.Column("id", sa.Integer, sa.Identity(), nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("location", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("unit", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="sensors_pkey"),
        sa.UniqueConstraint("type", "location", "name", name="sensors_type_location_name_key"),
    )
    op.create_table(
        "readings",
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sensor_id", sa.Integer, nullable=False),
        sa.Column("value", sa.Double, nullable=False),
        sa.ForeignKeyConstraint(["sensor_id"], ["sensors.id"], name="readings_sensor_id_fkey"),
    )


def downgrade() -> None:
    op.drop_table("readings")
    op.drop_table("sensors")
