"""Which migration a database is at, and the oldest one whose code it still serves.

Whoever migrates writes the second down as the comment of Alembic's table. A comment on another
migration than the present one says nothing, and then the two are the same.
"""

from __future__ import annotations

# Two columns of one row, or no row.
QUESTION = """
select version_num,
       coalesce(substring(obj_description('alembic_version'::regclass, 'pg_class')
                          from '^at ' || version_num || ', serves code from (.+)$'), version_num)
  from alembic_version
"""


def note(revision: str, oldest: str) -> str:
    """Return the statement that writes it down; both are names of our own migrations."""
    return f"comment on table alembic_version is 'at {revision}, serves code from {oldest}'"
