"""``python -m timestack.tasks.tell SUBJECT TEXT``: tell people of something that the host found.

Run by the host's scripts where a worker runs; each channel is told by a job of its own.
"""

from __future__ import annotations

import sys

from timestack import db
from timestack.domains import notifications
from timestack.settings import Settings


def main(subject: str, text: str) -> None:
    db.init(Settings.load(needs=["redis_password"]), application_name="timestack-tell")
    with db.session() as session:
        notifications.add(session, "failure", subject, text)


if __name__ == "__main__":
    main(*sys.argv[1:3])
