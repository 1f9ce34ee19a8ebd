"""The names of the functions in the schema ``timestack``, which provisioning makes and others call.

Of the Apache-2 edition: TAKE_CHANGES, ``refresh``, ``drop_expired``; of the Community edition:
RUN_REFRESH_POLICY.
"""

TAKE_CHANGES = "take_changes"
RUN_REFRESH_POLICY = "run_refresh_policy"


def refresh(rollup: str) -> str:
    """The function that computes the buckets of a rollup again."""
    return f"refresh_{rollup}"


def drop_expired(table: str) -> str:
    """The function that drops the chunks of a hypertable that are past its retention."""
    return f"drop_expired_{table}"


# PostgreSQL's names have 63 bytes at most.
LONGEST_ROLLUP = 63 - len(refresh(""))
LONGEST_WITH_RETENTION = 63 - len(drop_expired(""))
