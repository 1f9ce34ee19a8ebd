"""Companies and their finances from nested JSON: exact, whole or not at all."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.integration.db.conftest import Database
from timestack.domains import finance
from timestack.models import Company, Finance

pytestmark = [pytest.mark.database, pytest.mark.editions("apache", "timescale")]

TEXT = """
{"companies": [
  {"name": "Acme", "finances": [
    {"year": 2023, "q1": 0.10, "q2": 12345678901234.56, "q3": -3, "q4": null},
    {"year": 2022, "q1": "1.10"}]},
  {"name": "Bolt"}]}
"""


@pytest.fixture
def session(provisioned: Database):
    with Session(provisioned.engine("app")) as opened:
        yield opened


def test_one_company_has_many_years_and_every_cent_is_exact(session) -> None:
    assert finance.load(session, TEXT) == (2, 2)
    acme = session.scalar(select(Company).where(Company.name == "Acme"))
    assert [row.year for row in acme.finances] == [2022, 2023]
    last = acme.finances[1]
    assert (last.q1, last.q2, last.q3, last.q4) == (
        Decimal("0.10"),
        Decimal("12345678901234.56"),
        Decimal("-3.00"),
        None,
    )
    assert last.company_id == acme.id


def test_loaded_again_it_updates_and_adds_nothing(session) -> None:
    finance.load(session, TEXT)
    corrected = json.dumps({"companies": [{"name": "Acme", "finances": [{"year": 2023, "q1": 5}]}]})
    finance.load(session, corrected)
    rows = session.scalars(select(Finance).order_by(Finance.year)).all()
    assert [(row.year, row.q1, row.q2) for row in rows] == [
        (2022, Decimal("1.10"), None),
        (2023, Decimal("5.00"), None),
    ]


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("0.10", "0.101", "companies.0.finances.0.q1: Decimal input should have no more than 2"),
        ("0.10", "NaN", "NaN is not an amount of money"),
        ("0.10", '"much"', "companies.0.finances.0.q1: Input should be a valid decimal"),
        ("12345678901234.56", "1234567890123456.78", "companies.0.finances.0.q2: Decimal input"),
        ("2023", "20233", "companies.0.finances.0.year: Input should be less than or equal"),
        ('"q3"', '"q5"', "companies.0.finances.0.q5: Extra inputs are not permitted"),
        ("2022", "2023", "companies.0.finances: 2023 appears 2 times"),
        ("Bolt", "Acme", "companies: 'Acme' appears 2 times"),
        ('{"name": "Bolt"}', '{"name": " "}', "companies.1.name: String should have at least 1"),
        ("]}\n", "\n", "line 7, column 1: Expecting"),
    ],
)
def test_a_faulty_document_is_refused_whole(session, old, new, fault) -> None:
    assert old in TEXT
    with pytest.raises(finance.DocumentError) as error:
        finance.load(session, TEXT.replace(old, new))
    assert any(fault in each for each in error.value.faults), error.value.faults
    assert session.scalars(select(Company)).all() == []
