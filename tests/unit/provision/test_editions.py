"""Both editions offer what provisioning asks of an edition."""

from __future__ import annotations

import inspect
from types import ModuleType

import pytest

from scripts.provision import plan
from scripts.provision.edition import Edition

ASKED = {name: part for name, part in vars(Edition).items() if inspect.isfunction(part)}
OFFERED = [name for name in ASKED if not name.startswith("_")]


@pytest.mark.parametrize("name", OFFERED)
@pytest.mark.parametrize("edition", plan.EDITIONS.values(), ids=plan.EDITIONS)
def test_an_edition_offers_what_is_asked(edition: ModuleType, name: str) -> None:
    _, *parameters = inspect.signature(ASKED[name]).parameters.values()
    offered = inspect.signature(getattr(edition, name))
    assert list(offered.parameters.values()) == parameters
    assert offered.return_annotation == inspect.signature(ASKED[name]).return_annotation


def test_there_is_something_to_ask() -> None:
    assert len(OFFERED) == 8
