"""Provisioning: converge roles, migrations, hypertables and seed. Runs in the web image."""
