"""Make the declared login roles, set their passwords, and find what a hand changed in them."""

from __future__ import annotations

from collections.abc import Iterator

from psycopg2.extensions import encrypt_password
from sqlalchemy import Connection, text

from scripts.provision.state import State
from scripts.provision.steps import Step
from timestack.series.sql import fill, literal
from timestack.settings import Settings
from timestack.shared.roles import LOGINS, Role


def set_passwords(connection: Connection, settings: Settings) -> list[str]:
    """Make the roles that are missing and set every password; returns the names of new ones.

    A password is sent as its SCRAM verifier, which no log or statistics view can give away.
    Raises SettingsError when a secret cannot be used.
    """
    driver = connection.connection.driver_connection
    existing = set(connection.scalars(text("select rolname from pg_roles")))
    for login in LOGINS:
        if login.name not in existing:
            connection.exec_driver_sql(fill("create role {name} login", name=login.name))
        verifier = encrypt_password(
            settings.secret(login.secret), login.name, driver, algorithm="scram-sha-256"
        )
        connection.exec_driver_sql(
            fill(
                "alter role {name} password {sql_verifier}",
                name=login.name,
                sql_verifier=literal(verifier),
            )
        )
    return [login.name for login in LOGINS if login.name not in existing]


def diff(state: State, database: str) -> Iterator[Step]:
    """Steps to the roles and their rights on the server; passwords cannot be compared."""
    for login in LOGINS:
        actual = state.roles.get(login.name)
        subject = f"role {login.name}"
        if actual is None:
            statements = (
                fill("create role {name} login", name=login.name),
                *(_grant(group, login.name) for group in state.may_delegate(login.member_of)),
                *_settings(login, frozenset()),
            )
            yield Step("create", subject, "without a password until `roles` sets it", statements)
        else:
            takeable = state.takeable(actual.attributes)
            # What only a superuser may do has no statement: apply does the rest and reports it.
            alterable = "superuser" in takeable or "superuser" not in actual.attributes
            if not actual.login:
                alter = (_alter(login.name, "login"),) if alterable else ()
                yield Step("change", subject, "may log in", alter)
            for attribute in sorted(actual.attributes):
                alter = _alter(login.name, f"no{attribute}")
                if attribute in takeable:
                    yield Step("change", subject, f"no {attribute}", (alter,))
                else:
                    yield Step("change", subject, f"no {attribute}, by a superuser: {alter}", ())
            for group in state.may_delegate(set(login.member_of) - actual.member_of):
                yield Step("create", subject, f"member of {group}", (_grant(group, login.name),))
            for group in sorted(actual.member_of - set(login.member_of)):
                revoke = fill("revoke {group} from {name}", group=group, name=login.name)
                yield Step("drop", subject, f"not declared: member of {group}", (revoke,))
            statements = tuple(_settings(login, actual.settings))
            if statements:
                yield Step("change", subject, "its settings", statements if alterable else ())
        if login.name not in state.connectable:
            connect = fill(
                "grant connect on database {database} to {name}", database=database, name=login.name
            )
            usage = fill("grant usage on schema public to {name}", name=login.name)
            yield Step("create", subject, f"may connect to {database}", (connect, usage))
        missing = state.may_delegate(set(login.functions) - state.executable.get(login.name, set()))
        if missing:
            execute = tuple(
                fill(f"grant execute on function {function} to {{name}}", name=login.name)
                for function in missing
            )
            yield Step("create", subject, f"may execute {', '.join(missing)}", execute)


def notes(state: State) -> Iterator[str]:
    """Rights that the owner cannot give because the server does not let it."""
    for login in LOGINS:
        actual = state.roles.get(login.name)
        held = state.executable.get(login.name, set())
        held = held | (actual.member_of if actual else set())
        missing = {*login.member_of, *login.functions} - held
        refused = sorted(missing - set(state.may_delegate(missing)))
        if refused:
            yield (
                f"role {login.name}: the owner may not give it {', '.join(refused)}; "
                "the server's administrator can"
            )


def _alter(name: str, attribute: str) -> str:
    return fill("alter role {name} {sql_attribute}", name=name, sql_attribute=attribute)


def _grant(group: str, name: str) -> str:
    return fill("grant {group} to {name}", group=group, name=name)


def _settings(login: Role, actual: frozenset[str]) -> Iterator[str]:
    wanted = {f"{setting}={value}" for setting, value in login.settings}
    for setting, value in login.settings:
        if f"{setting}={value}" not in actual:
            yield fill(
                "alter role {name} set {setting} = {sql_value}",
                name=login.name,
                setting=setting,
                sql_value=literal(value),
            )
    names = {setting for setting, _ in login.settings}
    for each in sorted(actual - wanted):
        setting = each.split("=", 1)[0]
        if setting not in names:
            yield fill("alter role {name} reset {setting}", name=login.name, setting=setting)
