"""`python -m scripts.provision`: converge the database, or show how it differs from the file.

Exit code 0: done. 1: the database cannot be reached, or refused a statement. 2: refused before
anything was changed; for `drift`, the database differs from the file.
"""

from __future__ import annotations

import argparse
import json
import secrets
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg2
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from scripts.provision import apply as applying
from scripts.provision import bounds, check, copying, indoubt, lock, migrate, objects, roles, target
from scripts.provision import plan as planning
from scripts.provision import seed as seeding
from scripts.provision.console import say, step
from scripts.provision.errors import Refused, Unfinished
from timestack import db
from timestack.domains import finance, tokens, users
from timestack.domains.alerts import rules
from timestack.series import catalog, rollups
from timestack.settings import Settings, SettingsError


def run_roles(engine: Engine, settings: Settings) -> None:
    with step("roles") as notes, engine.begin() as connection:
        new = roles.set_passwords(connection, settings)
        notes.append(f"made {', '.join(new)}" if new else "all exist, passwords set")


def run_migrate(engine: Engine, settings: Settings, *, additive: bool = False) -> None:
    with step("migrate") as notes:
        notes.append(migrate.migrate(engine, only_additive=additive))


def run_apply(engine: Engine, settings: Settings, *, allow_destructive: bool = False) -> None:
    declared = catalog.current(settings.schema_file)
    with step("apply") as notes:
        steps = applying.apply(declared, engine, allow_destructive=allow_destructive, report=say)
        notes.append(f"{len(steps)} changes" if steps else "nothing to change")


def run_seed(engine: Engine, settings: Settings) -> None:
    with step("seed") as notes:
        notes += list(seeding.seed(engine, settings.data_dir))


def run_refresh(engine: Engine, settings: Settings, *, full: bool = False) -> None:
    declared = catalog.current(settings.schema_file)
    with step("refresh") as notes, Session(engine) as session, session.begin():
        result = rollups.refresh_all(session, declared=declared, full=full)
        rows = sum(sum(written.values()) for written in result.values())
        notes.append(f"{rows:,} rollup rows written" if rows else "rollups are up to date")


def run_companies(engine: Engine, settings: Settings, *, document: Path) -> None:
    with step("companies") as notes, Session(engine) as session, session.begin():
        companies, years = finance.load(session, document.read_text(encoding="utf-8"))
        notes.append(f"{companies} companies, {years} years")


def run_admin(engine: Engine, settings: Settings, *, reset: bool = False) -> None:
    with step("admin") as notes, Session(engine) as session, session.begin():
        password = settings.secret("admin_password")
        if reset:
            users.put(session, settings.admin_email, "admin", password=password, must_change=True)
            notes.append(f"{settings.admin_email} has the password of the file, to be changed")
        else:
            done = users.ensure_admin(session, settings.admin_email, password)
            notes.append(f"{settings.admin_email} {done}")


def run_user(
    engine: Engine,
    settings: Settings,
    *,
    email: str,
    role: str | None = None,
    account: str | None = None,
    reset: bool = False,
    disable: bool = False,
) -> None:
    with step("user") as notes, Session(engine) as session, session.begin():
        if disable:
            users.disable(session, email)
            notes.append(f"{email} may not log in any more")
            return
        known = users.find(session, email)
        keep = known is not None and known.password is not None and not reset
        password = None if keep else secrets.token_urlsafe(12)
        role = role or users.role_of(known) or users.ROLES[0]
        done = users.put(
            session, email, role, password=password, account=account, must_change=bool(password)
        )
        notes.append(f"{email} {done}: {role}")
        if password:
            notes.append(f"first password {password}")


def run_token(
    engine: Engine,
    settings: Settings,
    *,
    email: str,
    name: str,
    role: str,
    tables: str | None = None,
    days: int | None = None,
) -> None:
    with Session(engine) as session, session.begin():
        user = users.find(session, email)
        if user is None:
            raise users.UserError(f"there is no user {email}: make user EMAIL={email} makes one")
        text, token = tokens.make(
            session,
            user,
            name,
            role,
            tables=tables.split(",") if tables else None,
            expires_at=datetime.now(UTC) + timedelta(days=days) if days else None,
            declared=catalog.current(settings.schema_file),
        )
        end = f"until {token.expires_at:%Y-%m-%d %H:%M} UTC" if days else "without an end"
        used = f"only {', '.join(token.tables)}" if token.tables else "all tables"
        about = f"{token.name!r}, a token of {email}: may {tokens.DOES[role]}, {used}, {end}."
    print(about, "It is shown this once; the account page revokes it.", file=sys.stderr, flush=True)
    say(text)


def run_up(engine: Engine, settings: Settings, *, additive: bool = False) -> None:
    # What would stop it half-way is found before the first change.
    catalog.current(settings.schema_file)
    is_ahead = migrate.is_ahead(engine)
    run_roles(engine, settings)
    if is_ahead:
        say("warning: a newer version migrated the database; its tables stay as they are")
    else:
        run_migrate(engine, settings, additive=additive)
        run_apply(engine, settings)
    if settings.seed:
        run_seed(engine, settings)
    run_refresh(engine, settings)
    run_admin(engine, settings)


def show(plan: planning.Plan, *, as_json: bool = False, as_sql: bool = False) -> None:
    """Print a plan: for a person, for a program, or as the statements it would run."""
    if as_json:
        say(
            json.dumps(
                {
                    "edition": plan.edition,
                    "notes": plan.notes,
                    "steps": [each.as_json() for each in plan.steps],
                },
                indent=2,
            )
        )
        return
    prefix = "-- " if as_sql else ""
    say(f"{prefix}edition: {plan.edition}")
    for note in plan.notes:
        say(f"{prefix}{note}")
    for each in plan.steps:
        say(prefix + each.line())
        if as_sql:
            say("".join(f"{statement};\n" for statement in each.statements))
    if not plan.steps:
        say(f"{prefix}no difference")


def run_plan(
    engine: Engine, settings: Settings, *, json: bool = False, sql: bool = False
) -> planning.Plan:
    with engine.connect() as connection:
        plan = planning.plan(catalog.current(settings.schema_file), connection)
    show(plan, as_json=json, as_sql=sql)
    return plan


def run_unknown(source: Engine, target: Engine, declared: catalog.Catalog, also: str) -> int:
    """List what the stack's database has and the other one lacks; returns 2 when there is some."""
    with source.connect() as here, target.connect() as there:
        found = objects.unknown(objects.read(here), objects.read(there), also.split(","))
        found += objects.lost(declared, here, there)
    for line in found:
        say(line)
    return 2 if found else 0


# Commands that change something run one at a time.
CHANGING = {
    "up": (run_up, "roles, migrate, apply, seed (unless SEED=no), refresh, admin"),
    "roles": (run_roles, "make the login roles and set their passwords"),
    "migrate": (run_migrate, "run the migrations"),
    "apply": (run_apply, "make the database what the schema file declares"),
    "seed": (run_seed, "load the real example data, once"),
    "companies": (run_companies, "load companies and their finances from nested JSON"),
    "refresh": (run_refresh, "bring the rollups up to date"),
    "admin": (run_admin, "make sure that ADMIN_EMAIL is an administrator"),
    "user": (run_user, "make a user, or change role and account of one"),
    "token": (run_token, "make a token of a user, and print it alone on the last line"),
}

# What editors complete and check the files by.
SCHEMAS = {"hypertables": catalog.json_schema, "alerts": rules.json_schema}


def parser() -> argparse.ArgumentParser:
    result = argparse.ArgumentParser(
        "python -m scripts.provision",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = result.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, text: str, *, database: bool = True) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text)
        added.add_argument("--file", type=Path, help="the schema file; default: SCHEMA_FILE")
        if database:
            target.add_arguments(added)
        return added

    command("check", "validate the schema file", database=False)
    schema = command("json-schema", "print the JSON schema of a file", database=False)
    schema.add_argument("of", nargs="?", choices=SCHEMAS, default="hypertables")
    plan = command("plan", "show how the database differs from the schema file")
    plan.add_argument("--json", action="store_true", help="for a program")
    plan.add_argument("--sql", action="store_true", help="with the statements")
    plan.add_argument("--offline", action="store_true", help="for an empty database, without one")
    plan.add_argument(
        "--edition", choices=planning.EDITIONS, help="the edition that --offline plans for"
    )
    drift = command("drift", "exit with 2 when the database differs from the schema file")
    drift.add_argument("--json", action="store_true", help="for a program")
    command("bounds", "list older rows that are outside the declared bounds")
    unknown = command("unknown", "list what the stack's database has and the one at --url lacks")
    unknown.add_argument("--also", default="", help="relations to pass over, by commas")
    copy = command("copy", "copy every row of the stack's database into the one at --url")
    copy.add_argument("--wait", action="store_true", help="until nobody can write the source")
    copy.add_argument("--lanes", type=int, default=2, help="parts at a time; default: 2")
    doubt = command("indoubt", "exit with 2 when killed loads left something in doubt")
    doubt.add_argument("--settle", action="store_true", help="commit or roll it back")
    for name, (_, text) in CHANGING.items():
        added = command(name, text)
        if name == "apply":
            added.add_argument("--allow-destructive", action="store_true")
        if name == "up":
            added.add_argument(
                "--additive",
                action="store_true",
                help="refuse migrations that the version which runs would not bear",
            )
        if name == "companies":
            added.add_argument("document", type=Path, metavar="FILE")
        if name == "admin":
            added.add_argument(
                "--reset", action="store_true", help="also the password, from its secret file"
            )
        if name == "user":
            added.add_argument("email", metavar="EMAIL")
            added.add_argument("--role", choices=users.ROLES, help="default: unchanged, viewer")
            added.add_argument("--account", help="whose rows the user sees; default: unchanged")
            added.add_argument("--reset", action="store_true", help="a new first password")
            added.add_argument("--disable", action="store_true", help="may not log in any more")
        if name == "token":
            added.add_argument("email", metavar="EMAIL")
            added.add_argument("--name", required=True, help="what it is for")
            added.add_argument("--role", required=True, choices=tokens.ROLES)
            added.add_argument("--tables", help="separated by commas; default: all")
            added.add_argument("--days", type=int, help="until it expires; default: never")
        if name == "refresh":
            added.add_argument(
                "--full", action="store_true", help="also changes older than the lateness"
            )
    return result


def run(command: str, file: Path | None, options: dict) -> int:
    if command == "json-schema":
        say(json.dumps(SCHEMAS[options["of"]](), indent=2))
        return 0
    if command == "check":
        return check.main(file)
    if command == "plan":
        edition, is_offline = options.pop("edition"), options.pop("offline")
        if is_offline:
            plan = planning.offline(catalog.current(file), edition or "apache")
            show(plan, as_json=options["json"], as_sql=True)
            return 0
    settings = target.settings(options.pop("url"), options.pop("password_file"), file)
    engine = db.engine_from(settings, application_name="provision", statement_timeout=0)
    if command in ("plan", "drift"):
        plan = run_plan(engine, settings, **options)
        return 2 if command == "drift" and plan.steps else 0
    if command in ("unknown", "copy"):
        own = target.settings(None, None, file)
        source = db.engine_from(own, application_name="provision", statement_timeout=0)
        if command == "unknown":
            return run_unknown(source, engine, catalog.current(file), **options)
        with lock.provisioning(engine):
            copying.run(source, engine, catalog.current(file), **options)
        return 0
    if command == "bounds":
        bounds.run(engine, catalog.current(settings.schema_file))
        return 0
    if command == "indoubt":
        return indoubt.run(engine, **options)
    with lock.provisioning(engine):
        CHANGING[command][0](engine, settings, **options)
    return 0


def main(arguments: list[str] | None = None) -> int:
    options = vars(parser().parse_args(arguments))
    try:
        return run(options.pop("command"), options.pop("file"), options)
    except (
        Refused,
        catalog.CatalogError,
        rules.RulesError,
        finance.DocumentError,
        SettingsError,
        tokens.TokenError,
        users.UserError,
    ) as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(f"{error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    except (Unfinished, SQLAlchemyError, psycopg2.Error) as error:
        print(getattr(error, "orig", None) or error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
