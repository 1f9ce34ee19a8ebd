"""`python -m scripts.scan`: files of test results into the database, from the host they are on.

Exit code 0: done. 1: the database cannot be reached, or failed. 2: refused, nothing was done.
3: done, but some files or folders could not be read; each is named. 130: interrupted; the next
scan goes on from there.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import sys
from collections import Counter
from pathlib import Path

from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError

from scripts.provision import target
from scripts.provision.errors import Refused
from timestack import db
from timestack.domains.files import known, schedule
from timestack.domains.files.scan import scan
from timestack.models.files import FileJob, TrackedFile
from timestack.settings import Settings, SettingsError, database_url
from timestack.shared.roles import SCANNER

EXAMPLE = "postgresql://timestack_scanner:PASSWORD@db.example.org/timestack?sslrootcert=ca.pem"
# Seconds for one statement.
STATEMENT_TIMEOUT = 60.0
WHAT: dict[str, type[known.Filter]] = {"files": known.Files, "jobs": known.FileJobs}
ORIGIN = ("host", "owner", "site", "run_tag", "user_tag")
COLUMNS = {
    TrackedFile: ("id", "state", *ORIGIN, "size", "path", "message"),
    FileJob: ("id", "state", *ORIGIN, "kind", "priority", "message"),
}


def main(arguments: list[str] | None = None) -> int:
    given = parser().parse_args(arguments)
    try:
        return given.run(given)
    except (Refused, SettingsError, schedule.ScheduleError, known.EmptyFilterError) as error:
        print(error, file=sys.stderr)
        return 2
    except SQLAlchemyError as error:
        print(getattr(error, "orig", None) or error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted: what was read is stored, the next scan goes on", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # Whoever read the list has seen enough; what is left of it goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def parser() -> argparse.ArgumentParser:
    result = argparse.ArgumentParser(
        "python -m scripts.scan",
        description="Register files of test results, and read them into the database. Without"
        " --production nothing is written: what would be done is shown.",
        allow_abbrev=False,
    )
    _add_database(result, default=None)
    _add_production(result, default=False)
    result.add_argument(
        "--schedule-file",
        type=Path,
        metavar="FILE",
        help="YAML: which folders to look into, and whose they are; see docs/test-results.md",
    )
    result.add_argument("--again", action="store_true", help="also read files that did not change")
    result.set_defaults(run=run_scan)
    commands = result.add_subparsers(metavar="COMMAND", title="what is known")
    for name, run, help in (
        ("list", run_list, "the newest files or queue rows that a filter means"),
        ("delete", run_delete, "files, with their results, or queue rows; the disk is not touched"),
    ):
        command = commands.add_parser(name, help=help, allow_abbrev=False)
        command.set_defaults(run=run)
        command.add_argument("what", choices=WHAT)
        for option in dict.fromkeys(
            option for filter in WHAT.values() for option in filter.model_fields
        ):
            command.add_argument(f"--{option.replace('_', '-')}", dest=f"by_{option}")
        _add_database(command, default=argparse.SUPPRESS)
        if name == "delete":
            _add_production(command, default=argparse.SUPPRESS)
        else:
            command.add_argument("--json", action="store_true", help="one object a line")
            command.add_argument("--limit", type=int, default=known.MOST_LISTED, metavar="N")
    return result


def run_scan(given: argparse.Namespace) -> int:
    if given.schedule_file is None:
        raise Refused("--schedule-file is missing: it names the folders to look into")
    sources = schedule.load(given.schedule_file, socket.gethostname())
    connect(given)
    if not given.production:
        print("dry run: nothing is written; --production does it")
    counts = scan(sources, report, production=given.production, again=given.again)
    print(summary(counts))
    return 3 if counts["failed"] or counts["waiting"] or counts["unseen"] else 0


def run_list(given: argparse.Namespace) -> int:
    filter = asked(given)
    if given.limit < 1:
        raise Refused("--limit must be 1 or more")
    connect(given)
    names = COLUMNS[filter.table]
    with db.session() as session:
        rows = known.listed(session, filter, limit=given.limit)
        total = known.count(session, filter)
    table = [[getattr(row, name) for name in names] for row in rows]
    if given.json:
        for row in table:
            print(json.dumps(dict(zip(names, row, strict=True))))
    else:
        columns = zip(names, *table, strict=True)
        widths = [max(len(str(each)) for each in column) for column in columns]
        for row in [names, *table]:
            cells = (f"{each!s:<{width}}" for each, width in zip(row, widths, strict=True))
            print("  ".join(cells).rstrip())
    if total > len(rows):
        print(f"{len(rows):,} of {total:,}", file=sys.stderr)
    return 0


def run_delete(given: argparse.Namespace) -> int:
    filter = asked(given)
    if not filter.conditions:
        raise known.EmptyFilterError(type(filter))
    connect(given)
    with db.session() as session:
        count = (known.remove if given.production else known.count)(session, filter)
    if given.production:
        print(f"{count:,} {given.what} deleted")
    else:
        print(f"dry run: {count:,} {given.what} would be deleted; --production does it")
    return 0


def connect(given: argparse.Namespace) -> None:
    """Bind this process to the database; nothing is opened before the first use."""
    db.init(settings(given), application_name="scan", statement_timeout=STATEMENT_TIMEOUT)


def settings(given: argparse.Namespace) -> Settings:
    """The database of --database-url, else of DATABASE_URL; raises Refused and SettingsError."""
    if given.stack:
        return Settings.load(role=SCANNER.name)
    if given.database_url is not None:
        target.refuse_password(given.database_url, "--database-url")
        return target.at(given.database_url, "--database-url", given.password_file)
    url = database_url()
    if url is None:
        raise Refused(f"no database: set DATABASE_URL, such as {EXAMPLE}")
    return target.at(url, "DATABASE_URL", given.password_file)


def asked(given: argparse.Namespace) -> known.Filter:
    """The filter of the command line; raises Refused."""
    options = {
        name.removeprefix("by_"): value
        for name, value in vars(given).items()
        if name.startswith("by_") and value is not None
    }
    try:
        return WHAT[given.what](**options)
    except ValidationError as error:
        raise Refused(*(_refusal(each, given.what) for each in error.errors())) from None


def _refusal(error: dict, what: str) -> str:
    option = f"--{str(error['loc'][0]).replace('_', '-')}"
    unknown = error["type"] == "extra_forbidden"
    return f"{option}: {f'not a filter of {what}' if unknown else error['msg']}"


def report(what: str, path: str, sentence: str) -> None:
    print(f"{what:<8} {path}: {sentence}", flush=True)


def summary(counts: Counter[str]) -> str:
    """Such as "12 files: 3 new, 9 unchanged; 1,204 tests, 3 failed"."""
    kinds = ("new", "changed", "unchanged", "expired")
    total = sum(counts[kind] for kind in kinds)
    parts = [f"{counts[kind]:,} {kind}" for kind in (*kinds, "gone") if counts[kind]]
    files = f"{total:,} file{'' if total == 1 else 's'}: {', '.join(parts) or 'nothing to do'}"
    bad = {
        "failed": "not readable",
        "waiting": "left for the next scan",
        "unseen": "out of reach",
    }
    wrong = [f"{counts[kind]:,} {what}" for kind, what in bad.items() if counts[kind]]
    tests = f"{counts['tests']:,} tests read, {counts['bad']:,} failed"
    return "; ".join([files, tests, *wrong])


def _add_database(parser: argparse.ArgumentParser, default: object) -> None:
    parser.add_argument(
        "--database-url",
        metavar="URL",
        default=default,
        help="PostgreSQL, without its password; default: the variable DATABASE_URL, with it",
    )
    parser.add_argument(
        "--password-file", type=Path, metavar="FILE", default=default, help="holds the password"
    )
    # What `make files` passes: the database of the container's settings.
    unset = False if default is None else default
    parser.add_argument("--stack", action="store_true", default=unset, help=argparse.SUPPRESS)


def _add_production(parser: argparse.ArgumentParser, default: object) -> None:
    parser.add_argument(
        "--production", action="store_true", default=default, help="do it; default: a dry run"
    )


if __name__ == "__main__":
    # A terminal without some character shows its code instead.
    sys.stdout.reconfigure(errors="backslashreplace")
    sys.exit(main())
