"""Usage of the simulated platform: its rows, and who may see them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import httpx
import pytest

from media_platform import usage
from tests.stack import wait_until
from tests.unit.platform.running import PASSWORD
from timestack.models.usage import AMOUNTS, Usage

NORTH = {"account": "studio-north", "from": "2025-03-03", "to": "2025-03-30"}


def test_a_row_has_the_columns_of_the_table_and_no_others(viewer: httpx.Client) -> None:
    rows = viewer.get("/api/usage", params=NORTH).json()["rows"]
    columns = [column.name for column in Usage.__table__.columns]
    assert all(list(row) == columns for row in rows)
    keys = {(row["account"], row["project"], row["day"]) for row in rows}
    assert len(keys) == len(rows) >= 28 * 8
    assert all(row[amount] >= 0 for row in rows for amount in AMOUNTS)
    assert {type(row["items"]) for row in rows} == {int}
    assert {type(row["deleted"]) for row in rows} == {bool}


def test_the_same_day_has_the_same_rows_in_any_range_and_process(viewer: httpx.Client) -> None:
    answer = viewer.get("/api/usage", params=NORTH).json()
    assert answer == viewer.get("/api/usage", params=NORTH).json()
    days = [date(2025, 3, 3) + timedelta(days=number) for number in range(28)]
    assert answer["rows"] == [row for day in days for row in usage.rows("studio-north", day, day)]


def test_the_rows_of_one_day_never_change_between_versions() -> None:
    first = next(usage.rows("harbor-media", date(2025, 1, 1), date(2025, 1, 1)))
    assert first["project"] == "Port Traffic"
    assert (first["ingested_seconds"], first["items"]) == (26969.6, 29)


@pytest.mark.parametrize("account", list(usage.STAYING))
def test_three_years_follow_the_week_and_grow(account: str) -> None:
    last = datetime.now(UTC).date()
    rows = list(usage.rows(account, last - timedelta(days=3 * 365), last))
    assert len({row["day"] for row in rows}) == 3 * 365 + 1
    workdays, weekends = (
        [row for row in rows if (date.fromisoformat(row["day"]).weekday() > 4) is weekend]
        for weekend in (False, True)
    )
    assert mean(workdays) > 1.5 * mean(weekends)
    staying = [row for row in rows if row["project"] in usage.STAYING[account]]
    assert mean(staying[-2000:]) > mean(staying[:2000])
    assert sum(row["transcribed_seconds"] <= row["ingested_seconds"] for row in rows) == len(rows)


def mean(rows: list[dict]) -> float:
    return sum(row["ingested_seconds"] for row in rows) / len(rows)


def test_a_season_ends_with_rows_that_are_deleted_and_empty() -> None:
    rows = [
        row
        for row in usage.rows("harbor-media", date(2024, 6, 1), date(2025, 3, 1))
        if row["project"] == "Regatta 2024"
    ]
    living = [row for row in rows if not row["deleted"]]
    ended = [row for row in rows if row["deleted"]]
    assert (living[0]["day"], len(living)) == ("2024-07-01", usage.SEASON)
    assert len(ended) == usage.REPORTED_DELETED
    assert all(row[amount] == 0 for row in ended for amount in AMOUNTS)


def test_a_long_answer_comes_in_pages_that_hold_every_row_once(viewer: httpx.Client) -> None:
    question = {**NORTH, "from": "2024-03-03"}
    pages = [viewer.get("/api/usage", params=question).json()]
    while pages[-1]["next"]:
        asked = {**question, "cursor": pages[-1]["next"]}
        pages.append(viewer.get("/api/usage", params=asked).json())
    assert {len(page["rows"]) for page in pages[:-1]} == {usage.PAGE}
    rows = [row for page in pages for row in page["rows"]]
    assert rows == list(usage.rows("studio-north", date(2024, 3, 3), date(2025, 3, 30)))
    for cursor in ("", "row-0", "row-100000", "row-x", "row-1\n"):
        assert viewer.get("/api/usage", params={**question, "cursor": cursor}).status_code == 400


def test_before_the_platform_opened_there_is_nothing(service: httpx.Client) -> None:
    question = {"account": "studio-south", "from": "0001-01-01", "to": "0001-12-31"}
    answer = service.get("/api/usage", params=question)
    assert (answer.status_code, answer.json()["rows"]) == (200, [])


def test_a_viewer_sees_the_own_account_alone(viewer: httpx.Client) -> None:
    assert viewer.get("/api/usage", params=NORTH).status_code == 200
    for other in ("studio-south", "nobody", ""):
        answer = viewer.get("/api/usage", params={**NORTH, "account": other})
        assert answer.status_code == 403
    assert viewer.get("/api/accounts").status_code == 403


def test_the_service_sees_every_account(service: httpx.Client) -> None:
    accounts = service.get("/api/accounts").json()["accounts"]
    assert [each["id"] for each in accounts] == ["studio-north", "studio-south", "harbor-media"]
    for each in accounts:
        answer = service.get("/api/usage", params={**NORTH, "account": each["id"]})
        assert {row["account"] for row in answer.json()["rows"]} == {each["id"]}
    assert service.get("/api/usage", params={**NORTH, "account": "nobody"}).status_code == 404


@pytest.mark.parametrize("header", [None, "Bearer", "Bearer wrong", f"Basic {PASSWORD}", PASSWORD])
def test_without_a_good_token_there_is_nothing(client: httpx.Client, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    for path in ("/api/usage", "/api/accounts"):
        answer = client.get(path, params=NORTH, headers=headers)
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")


def test_a_token_ends_when_it_said_that_it_would(client: httpx.Client) -> None:
    def fresh() -> dict[str, str]:
        sent = {"user": "short@platform.example", "password": PASSWORD}
        answer = client.post("/api/login", json=sent).json()
        assert answer["expires_in"] == 2
        return {"Authorization": f"Bearer {answer['token']}"}

    def status(headers: dict[str, str]) -> int:
        return client.get("/api/usage", params=NORTH, headers=headers).status_code

    good = lambda: status(headers := fresh()) == 200 and headers  # noqa: E731
    headers = wait_until(good, "a token is used before it ends")
    wait_until(lambda: status(headers) == 401, "the token has ended")


@pytest.mark.parametrize(
    ("first", "last", "message"),
    [
        ("", "2025-01-02", "from must be a day"),
        ("2025-01-01", "tomorrow", "to must be a day"),
        ("20250101", "2025-01-02", "from must be a day"),
        ("2025-W01-1", "2025-01-02", "from must be a day"),
        ("2025-02-30", "2025-03-02", "from must be a day"),
        ("2025-01-01\n", "2025-01-02", "from must be a day"),
        ("٢٠٢٥-01-01", "2025-01-02", "from must be a day"),
        ("2025-01-03", "2025-01-02", "is after"),
        ("2025-01-01", "9999-12-31", "has not begun"),
        ("2001-01-01", "2025-01-01", "at most 1100 days"),
    ],
)
def test_bad_days_are_answered_with_a_sentence(
    service: httpx.Client, first: str, last: str, message: str
) -> None:
    question = {"account": "studio-north", "from": first, "to": last}
    answer = service.get("/api/usage", params=question)
    assert answer.status_code == 400
    assert message in answer.json()["error"]
