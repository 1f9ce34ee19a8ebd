"""The database's roles are declared once; what has to repeat them agrees."""

from __future__ import annotations

import re

import pytest
import yaml

from tests.stack import ROOT
from timestack.series import catalog
from timestack.shared.roles import BY_NAME, BY_SECRET, LOGINS, OWNER, ROLES

COMPOSE = (ROOT / "compose" / "compose.yaml").read_text()
STACK = yaml.safe_load(COMPOSE)
SCHEMA = ROOT / "services" / "timescaledb" / "schema" / "hypertables.yaml"


def test_no_two_roles_have_one_name_and_provisioning_makes_all_but_the_owner() -> None:
    assert len(BY_NAME) == len(BY_SECRET) == len(ROLES)
    assert {*LOGINS, OWNER} == set(ROLES)
    assert OWNER not in LOGINS


def test_compose_has_the_password_of_every_role() -> None:
    files = {name: each["file"] for name, each in STACK["secrets"].items() if name[:3] == "db_"}
    of_roles = {name: file for name, file in files.items() if name.endswith("_password")}
    assert of_roles == {name: f"${{SECRETS_PATH:-./.secrets}}/{name}" for name in BY_SECRET}


def test_provisioning_is_given_the_password_of_every_role() -> None:
    assert set(BY_SECRET) <= set(STACK["services"]["provision"]["secrets"])


def test_compose_names_only_roles_that_are_declared() -> None:
    used = re.findall(r"DATABASE_ROLE: (\S+)", COMPOSE)
    assert used
    assert set(used) <= set(BY_NAME)


@pytest.mark.parametrize("section", ["hypertables", "tables"])
def test_only_roles_that_are_declared_are_granted_anything(section: str) -> None:
    tables = getattr(catalog.load(SCHEMA), section)
    granted = {role for table in tables.values() for role in table.grants}
    assert granted
    assert granted <= set(BY_NAME)
