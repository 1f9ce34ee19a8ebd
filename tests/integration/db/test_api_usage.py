"""Usage over HTTP: of the account that asks, and of no other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.integration.db.conftest import Database

pytestmark = pytest.mark.database

USAGE = "/api/v1/usage"


@pytest.fixture(scope="module", autouse=True)
def usage(provisioned: Database) -> None:
    """anna used news on two days and arts on one, bert news on one; an item counts 100 for him."""
    provisioned.sql(
        "insert into usage (account, project, day, items, ingested_seconds, storage_video_mb)"
        " values ('anna', 'news', '2024-01-01', 1, 60, 0.5),"
        " ('anna', 'news', '2024-01-02', 2, 0, 0), ('anna', 'arts', '2024-01-02', 3, 0, 0),"
        " ('bert', 'news', '2024-01-02', 100, 0, 0)"
    )


@pytest.fixture
def client(sign_in: Callable[..., FlaskClient]) -> FlaskClient:
    return sign_in("viewer", account="anna")


def items(client: FlaskClient, query: str = "") -> list[int]:
    """The count of items of each row: it shows whose it is."""
    answer = client.get(f"{USAGE}{query}")
    assert answer.status_code == 200, answer.text
    return [each["items"] for each in answer.get_json()["items"]]


def bad(client: FlaskClient, query: str) -> dict[str, Any]:
    answer = client.get(f"{USAGE}{query}")
    assert (answer.status_code, answer.mimetype) == (422, "application/problem+json")
    return answer.get_json()


def test_each_account_sees_its_own_rows_alone(sign_in: Callable[..., FlaskClient]) -> None:
    assert items(sign_in("viewer", account="anna")) == [1, 3, 2]
    assert items(sign_in("admin", account="bert")) == [100]
    for nobody in (sign_in("admin"), sign_in("admin", account="anna' or '1'='1")):
        assert items(nobody) == []
        assert nobody.get(f"{USAGE}/projects").get_json() == {"items": [], "next": None}


def test_a_row_is_a_project_and_a_day(client: FlaskClient) -> None:
    assert client.get(f"{USAGE}?end=2024-01-02").get_json() == {
        "items": [
            {
                "day": "2024-01-01", "project": "news", "ingested_seconds": 60.0,
                "transcribed_seconds": 0.0, "subtitled_seconds": 0.0, "translated_seconds": 0.0,
                "items": 1, "storage_video_mb": 0.5, "storage_audio_mb": 0.0,
                "storage_image_mb": 0.0, "storage_text_mb": 0.0, "storage_other_mb": 0.0,
                "deleted": False,
            }
        ],
        "next": None,
    }  # fmt: skip


def test_usage_is_of_a_project_and_a_range_of_days(client: FlaskClient) -> None:
    assert items(client, "?project=news") == [1, 2]
    assert items(client, "?start=2024-01-02") == [3, 2]
    assert items(client, "?start=2024-01-02&project=news") == [2]
    assert items(client, "?project=no-such") == []


def test_the_list_goes_on_within_a_day(client: FlaskClient) -> None:
    first = client.get(f"{USAGE}?limit=2")
    assert [each["items"] for each in first.get_json()["items"]] == [1, 3]
    assert items(client, f"?limit=2&cursor={first.get_json()['next']}") == [2]


def test_a_cursor_of_another_account_shows_nothing_of_it(
    sign_in: Callable[..., FlaskClient],
) -> None:
    cursor = sign_in("viewer", account="anna").get(f"{USAGE}?limit=1").get_json()["next"]
    assert items(sign_in("viewer", account="bert"), f"?limit=1&cursor={cursor}") == [100]


def test_projects_are_listed_with_their_first_and_last_day(client: FlaskClient) -> None:
    arts = {"project": "arts", "first": "2024-01-02", "last": "2024-01-02"}
    news = {"project": "news", "first": "2024-01-01", "last": "2024-01-02"}
    first = client.get(f"{USAGE}/projects?limit=1").get_json()
    rest = client.get(f"{USAGE}/projects?limit=1&cursor={first['next']}").get_json()
    assert (first["items"], rest) == ([arts], {"items": [news], "next": None})


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("?account=bert", "account"),
        ("?start=yesterday", "start"),
        ("?start=2024-01-02&end=2024-01-01", "end"),
        ("?project=", "project"),
        ("?limit=0", "limit"),
        ("/projects?cursor=x", "cursor"),
        ("/projects?start=2024-01-01", "start"),
        ("/figures/projects?month=2024-13", "month"),
        ("/figures/projects?month=Feb%202024", "month"),
        ("/figures/projects?day=1", "day"),
    ],
)
def test_a_parameter_that_cannot_be_is_named(
    client: FlaskClient, query: str, parameter: str
) -> None:
    assert [each["parameter"] for each in bad(client, query)["errors"]] == [parameter]


# Figures


def test_a_figure_is_of_the_account_that_asks_and_its_parts_add_up(client: FlaskClient) -> None:
    found = client.get(f"{USAGE}/figures/projects?month=2024-01").get_json()
    assert found["rows"] == [{"cells": ["news", "0.0167", "100.0%"], "key": 1, "note": ""}]
    assert found["total"]["cells"] == ["All projects", "0.0167", "100.0%"]
    assert found["plot"]["data"][0]["values"] == [0.0167]
    for name in ("storage", "volumes"):
        answer = client.get(f"{USAGE}/figures/{name}")
        assert (answer.status_code, answer.get_json()["name"]) == (200, name)


def test_only_an_administrator_may_ask_for_the_figures_of_another_account(
    sign_in: Callable[..., FlaskClient],
) -> None:
    path = f"{USAGE}/figures/projects?account=anna"
    for role, account in (("viewer", "bert"), ("editor", "bert"), ("viewer", None)):
        answer = sign_in(role, account=account).get(path)
        assert (answer.status_code, answer.mimetype) == (403, "application/problem+json")
        assert "news" not in answer.text
        assert answer.get_json()["detail"].endswith("Only administrators may choose another one.")
    assert sign_in("admin", account="bert").get(path).get_json()["rows"][0]["cells"][0] == "news"
    assert sign_in("viewer", account="anna").get(path).status_code == 200


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("projects?month=2023-12", "There is no usage in December 2023. There is usage of January"),
        ("sunburst", "There is no figure “sunburst”: there are projects, storage, volumes."),
    ],
)
def test_a_figure_that_is_not_there_is_a_problem_with_a_sentence(
    client: FlaskClient, query: str, sentence: str
) -> None:
    answer = client.get(f"{USAGE}/figures/{query}")
    assert (answer.status_code, answer.mimetype) == (404, "application/problem+json")
    assert answer.get_json()["detail"].startswith(sentence)


def test_who_has_no_account_has_no_figure(sign_in: Callable[..., FlaskClient]) -> None:
    answer = sign_in("viewer").get(f"{USAGE}/figures/projects")
    assert answer.status_code == 404
    assert answer.get_json()["detail"].startswith("You have no account")
