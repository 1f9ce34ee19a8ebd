"""``python -m timestack.shell FACE …``: parses what was typed, and answers without tracebacks.

Exit status 0: done; 1: it could not be done, or the job that was waited for, or a part of it,
failed; 2: what was typed is wrong, or an alert fires; 130: interrupted.
"""

from __future__ import annotations

import argparse
import logging
import sys

from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from timestack import db, queue
from timestack.series import catalog
from timestack.settings import Settings, SettingsError
from timestack.shell import alerts, drill, jobs


def main(words: list[str]) -> int:
    """Do what was typed; return the exit status."""
    parser = argparse.ArgumentParser(prog="make", description="Timestack at the terminal")
    faces = parser.add_subparsers(required=True, metavar="FACE")
    for face in (alerts, drill, jobs):
        face.add_to(faces)
    asked = parser.parse_args(words)
    # A line of the queue's, such as that Redis is away, is for the reader as it is.
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    try:
        if "database" in asked.opens:
            db.init(Settings.load(), application_name="timestack-shell")
        if "queue" in asked.opens:
            queue.be_brief()
        return asked.do(asked)
    except jobs.REFUSALS as error:
        return _say(error, 1)
    except (*jobs.FAULTS, *alerts.FAULTS, catalog.CatalogError) as error:
        return _say(error, 2)
    except SettingsError as error:
        return _say(error, 1)
    except (OperationalError, PoolTimeout):
        return _say("the database does not answer: `make ps` shows whether it runs", 1)
    except KeyboardInterrupt:
        return _say("interrupted; a job that was started goes on: `make jobs` shows it", 130)
    except BrokenPipeError:
        # Whoever reads, such as `head`, has seen enough.
        sys.stderr.close()
        return 0


def _say(what: object, status: int) -> int:
    print(what, file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
