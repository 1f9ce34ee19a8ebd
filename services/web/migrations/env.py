"""Run the migrations on the connection that provisioning hands over, in one transaction."""

from alembic import context

from timestack.models import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
