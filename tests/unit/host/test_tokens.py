"""`make token`: what was typed is checked before anything is asked of the stack."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.host import tokens
from scripts.host.faults import Refused
from timestack.domains import tokens as domain

GOOD = {"email": "a@example.org", "name": "x", "role": "read", "tables": "", "days": ""}


@pytest.mark.parametrize(
    ("typed", "where"),
    [
        ({"email": ""}, "EMAIL="),
        ({"email": "--role=admin@x"}, "EMAIL=--role=admin@x"),
        ({"name": " "}, "NAME"),
        ({"role": ""}, "ROLE="),
        ({"role": "owner"}, "ROLE=owner"),
        ({"days": "0"}, "DAYS=0"),
        ({"days": "3651"}, "DAYS=3651"),
        ({"days": "-1"}, "DAYS=-1"),
        ({"days": "soon"}, "DAYS=soon"),
    ],
)
def test_what_is_wrong_is_named_with_what_to_do(
    tmp_path: Path, typed: dict[str, str], where: str
) -> None:
    with pytest.raises(Refused) as refused:
        tokens.make(tmp_path, **{**GOOD, **typed})
    (fault,) = refused.value.faults
    assert fault.where == where
    assert fault.todo
    assert refused.value.untouched


def test_everything_that_is_wrong_is_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(Refused) as refused:
        tokens.make(tmp_path, email="", name="", role="", tables="", days="x")
    assert len(refused.value.faults) == 4


def test_host_and_domain_agree() -> None:
    assert tuple(domain.ROLES) == tokens.ROLES
    assert domain.LONGEST_LIFE.days == tokens.MOST_DAYS
