"""How the stack itself is: what an administrator looks at, with limits and what to do.

check         one thing that was looked at; a part of the report
thresholds    from where on something is to be looked at, or to be acted on
budget        how long all of it may take
report        all parts, each read or not; what of it is not good
kept          what takes long, as it was last, for who cannot wait
disk          the database's volume, and when it is full
backups       the newest one, the archive, the last check
backup_alarm  people are told of what is wrong with them
database      connections, cache, transactions, size
tables        hypertables: rows, size, chunks, rollups, compression
statements    those that took the most time
queue         jobs that wait or failed, schedules that are late
drill         when a backup was last restored to see what it is worth
redis         memory and persistence
installation  certificates, versions
samples       what is written down each hour, for charts and the forecast
forecast      the line through them
words         sizes, shares and durations as text
"""

from timestack.domains.operations.report import keep, read, summary

__all__ = ["keep", "read", "summary"]
