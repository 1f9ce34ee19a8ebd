"""Companies and their finances over HTTP: exact amounts, each answer in an envelope."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.integration.db.conftest import Database
from timestack import db

pytestmark = pytest.mark.database

COMPANIES = "/api/v1/companies"
AS_JSON = {"content_type": "application/json"}


@pytest.fixture(autouse=True)
def companies(provisioned: Database) -> None:
    """Acme has the id 1 and one year, whose row has the id 5; Bolt, with the id 2, has none."""
    provisioned.sql(
        "truncate companies, finances, idempotency_keys restart identity;"
        " insert into companies (name) values ('Acme'), ('Bolt');"
        " alter sequence finances_id_seq restart with 5;"
        " insert into finances (company_id, year, q1, q2) values (1, 2023, 0.1, 123456789012345.67)"
    )


@pytest.fixture
def client(sign_in: Callable[..., FlaskClient]) -> FlaskClient:
    return sign_in("editor")


def good(answer: TestResponse, status: int = 200) -> Any:
    """The content of an envelope that says that all is well."""
    assert answer.status_code == status, answer.text
    assert answer.mimetype == "application/json"
    shown = answer.get_json()
    assert list(shown) == ["status", "success", "message", "contentType", "content"]
    assert (shown["status"], shown["success"]) == (status, True)
    assert shown["message"]
    assert shown["contentType"] == "application/json"
    return shown["content"]


def bad(answer: TestResponse, status: int) -> dict[str, Any]:
    """The problem document in an envelope."""
    assert answer.status_code == status, answer.text
    assert answer.mimetype == "application/json"
    shown = answer.get_json()
    assert list(shown) == ["status", "success", "message", "contentType", "content"]
    assert (shown["status"], shown["success"]) == (status, False)
    assert shown["contentType"] == "application/problem+json"
    problem = shown["content"]
    assert problem["status"] == status
    assert problem["request_id"] == answer.headers["X-Request-Id"]
    assert shown["message"] == problem.get("detail", problem["title"])
    return problem


def names(answer: TestResponse) -> list[str]:
    return [each["name"] for each in good(answer)["items"]]


def walk(client: FlaskClient, address: str) -> Iterator[list[dict[str, Any]]]:
    """The items of each part, by the header Link."""
    while address:
        answer = client.get(address)
        content = good(answer)
        assert bool(answer.headers.get("Link")) == bool(content["next"])
        yield content["items"]
        link = answer.headers.get("Link", "")
        assert not link or link.endswith('; rel="next"')
        address = link.partition(">")[0].lstrip("<")


def test_companies_are_listed_found_and_sorted(client: FlaskClient, provisioned: Database) -> None:
    provisioned.sql("insert into companies (name) values ('100% acid_free'), ('ACME Norway')")
    assert names(client.get(COMPANIES)) == ["Acme", "Bolt", "100% acid_free", "ACME Norway"]
    assert names(client.get(f"{COMPANIES}?name=acme")) == ["Acme", "ACME Norway"]
    assert names(client.get(f"{COMPANIES}?name=%25")) == ["100% acid_free"], "not a pattern"
    assert names(client.get(f"{COMPANIES}?name=_")) == ["100% acid_free"], "not a pattern"
    assert names(client.get(f"{COMPANIES}?name=cme&sort=-id")) == ["ACME Norway", "Acme"]
    by_name = names(client.get(f"{COMPANIES}?sort=name"))
    assert sorted(by_name) == sorted(names(client.get(COMPANIES)))
    assert names(client.get(f"{COMPANIES}?sort=-name")) == by_name[::-1]
    assert names(client.get(f"{COMPANIES}?name=no+such")) == []


@pytest.mark.parametrize("sort", ["id", "-id", "name", "-name"])
def test_a_list_walked_by_cursor_while_rows_come_and_go_has_each_old_one_once(
    client: FlaskClient, provisioned: Database, sort: str
) -> None:
    provisioned.sql(
        "insert into companies (name) select 'company ' || (n * 37 % 40)"
        " from generate_series(1, 40) as n"
    )
    old = names(client.get(f"{COMPANIES}?limit=1000&sort={sort}"))
    seen = []
    for number, items in enumerate(walk(client, f"{COMPANIES}?limit=5&sort={sort}")):
        seen += [each["name"] for each in items]
        provisioned.sql(
            f"insert into companies (name) values ('Aaa {number}'), ('company 2{number} new'),"
            f" ('zzz {number}'); delete from companies where name = 'zzz {number - 1}'"
        )
    assert [name for name in seen if name in old] == old
    assert len(seen) == len(set(seen))


def test_a_cursor_goes_on_with_its_own_list_alone(client: FlaskClient) -> None:
    cursor = good(client.get(f"{COMPANIES}?limit=1&name=o"))["next"]
    assert cursor is None, "one company is found"
    cursor = good(client.get(f"{COMPANIES}?limit=1"))["next"]
    assert names(client.get(f"{COMPANIES}?limit=9&cursor={cursor}")) == ["Bolt"]
    for other in ("sort=-id", "sort=name", "name=o"):
        problem = bad(client.get(f"{COMPANIES}?{other}&cursor={cursor}"), 422)
        assert problem["errors"][0]["parameter"] == "cursor"
        assert "another list" in problem["detail"]


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=1.0", "limit"),
        ("limit=%2B1", "limit"),
        ("limit=", "limit"),
        ("limit=1&limit=2", "limit"),
        ("limit=" + "9" * 5000, "limit"),
        ("sort=unit", "sort"),
        ("sort=", "sort"),
        ("sort=--id", "sort"),
        ("name=", "name"),
        ("name=a%00b", "name"),
        ("name=" + "x" * 501, "name"),
        ("cursor=", "cursor"),
        ("cursor=null", "cursor"),
        ("cursor=WzFd", "cursor"),
        ("cursor=%00", "cursor"),
        ("cursor=" + "x" * 5000, "cursor"),
        ("page=2", "page"),
    ],
)
def test_a_parameter_that_cannot_be_is_named(
    client: FlaskClient, query: str, parameter: str
) -> None:
    problem = bad(client.get(f"{COMPANIES}?{query}"), 422)
    assert [each["parameter"] for each in problem["errors"]] == [parameter]


# One company


def test_a_company_is_added_shown_and_changed(client: FlaskClient) -> None:
    answer = client.post(COMPANIES, json={"name": "  Crate & Søn 木 "})
    made = good(answer, 201)
    assert made == {"id": 3, "name": "Crate & Søn 木"}
    shown = client.get(answer.headers["Location"])
    assert good(shown) == made
    changed = client.patch(f"{COMPANIES}/3", json={"name": "Crate"})
    assert good(changed) == {"id": 3, "name": "Crate"}
    assert names(client.get(COMPANIES)) == ["Acme", "Bolt", "Crate"]
    assert good(client.patch(f"{COMPANIES}/3", json={"name": "Crate"})) == {
        "id": 3,
        "name": "Crate",
    }


def test_the_name_of_another_company_is_a_conflict(client: FlaskClient) -> None:
    for answer in (
        client.post(COMPANIES, json={"name": " Acme"}),
        client.patch(f"{COMPANIES}/2", json={"name": "Acme"}),
    ):
        assert "company 'Acme' already" in bad(answer, 409)["detail"]
    assert names(client.get(COMPANIES)) == ["Acme", "Bolt"]


@pytest.mark.parametrize(
    ("body", "type", "status", "pointer"),
    [
        (b"{}", "application/json", 422, "/name"),
        (b'{"name": null}', "application/json", 422, "/name"),
        (b'{"name": 5}', "application/json", 422, "/name"),
        (b'{"name": true}', "application/json", 422, "/name"),
        (b'{"name": ["a"]}', "application/json", 422, "/name"),
        (b'{"name": " "}', "application/json", 422, "/name"),
        (b'{"name": "a\\u0000b"}', "application/json", 422, "/name"),
        (b'{"name": "a\\nb"}', "application/json", 422, "/name"),
        (b'{"name": "%s"}' % (b"x" * 201), "application/json", 422, "/name"),
        (b'{"name": "a", "id": 7}', "application/json", 422, "/id"),
        (b"[]", "application/json", 422, ""),
        (b"null", "application/json", 422, ""),
        (b'"a"', "application/json", 422, ""),
        (b'{"name": "\\ud800"}', "application/json", (400, 422), None),
        (b'{"name": "a", "name": "b"}', "application/json", 400, None),
        (b'{"name": NaN}', "application/json", 400, None),
        (b'{"name": 1e400}', "application/json", (400, 422), None),
        (b'{"name": %s}' % (b"9" * 5000), "application/json", 400, None),
        (b'{"name": ' + b"[" * 20_000 + b"]" * 20_000 + b"}", "application/json", 400, None),
        (b"{", "application/json", 400, None),
        (b"", "application/json", 400, None),
        (b'{"name": "\xff"}', "application/json", 400, None),
        (b'{"name": "%s"}' % (b"x" * 3_000_000), "application/json", 413, None),
        (b"name=Crate", "application/x-www-form-urlencoded", 415, None),
        (b'{"name": "Crate"}', "text/plain", 415, None),
    ],
)
def test_a_bad_body_is_refused_and_changes_nothing(
    client: FlaskClient, body: bytes, type: str, status: int | tuple[int, ...], pointer: str | None
) -> None:
    for method, address in (("POST", COMPANIES), ("PATCH", f"{COMPANIES}/2")):
        answer = client.open(address, method=method, data=body, content_type=type)
        assert answer.status_code in (status if isinstance(status, tuple) else (status,))
        problem = bad(answer, answer.status_code)
        assert problem.get("detail") or status == 413
        if pointer is not None:
            assert [each["pointer"] for each in problem["errors"]] == [pointer]
    assert names(client.get(COMPANIES)) == ["Acme", "Bolt"]


@pytest.mark.parametrize("id", ["5", "0", "2147483648", str(2**63), "9" * 4000])
@pytest.mark.parametrize(
    ("method", "end", "body"),
    [
        ("GET", "", None),
        ("PATCH", "", '{"name": "Crate"}'),
        ("GET", "/finances", None),
        ("GET", "/finances/2023", None),
        ("PUT", "/finances/2023", '{"q1": "1"}'),
    ],
)
def test_a_company_that_does_not_exist_is_not_found(
    client: FlaskClient, method: str, end: str, body: str | None, id: str
) -> None:
    answer = client.open(f"{COMPANIES}/{id}{end}", method=method, data=body, **AS_JSON)
    bad(answer, 404)


@pytest.mark.parametrize("path", ["/x", "/-1", "/1.5", "/1/", "/1/finances/x", "/1/x", "/%00", "/"])
def test_what_is_no_address_of_a_company_is_not_found_in_an_envelope(
    client: FlaskClient, path: str
) -> None:
    bad(client.get(f"{COMPANIES}{path}"), 404)


def test_what_cannot_be_done_is_refused_in_an_envelope(client: FlaskClient) -> None:
    for address in (COMPANIES, f"{COMPANIES}/1"):
        answer = client.delete(address)
        bad(answer, 405)
        assert "GET" in answer.headers["Allow"]


def test_other_addresses_are_refused_without_an_envelope(client: FlaskClient) -> None:
    for address in (f"{COMPANIES}x", "/api/v1/no-such"):
        answer = client.get(address)
        assert (answer.status_code, answer.mimetype) == (404, "application/problem+json")


# Finances


def test_the_finances_of_a_company_are_found_by_its_id_and_never_by_their_own(
    client: FlaskClient,
) -> None:
    year = {
        "year": 2023, "q1": "0.10", "q2": "123456789012345.67", "q3": None, "q4": None,
    }  # fmt: skip
    assert good(client.get(f"{COMPANIES}/1/finances")) == {"items": [year]}
    assert good(client.get(f"{COMPANIES}/1/finances/2023")) == year
    assert good(client.get(f"{COMPANIES}/2/finances")) == {"items": []}
    bad(client.get(f"{COMPANIES}/5/finances"), 404)
    bad(client.get(f"{COMPANIES}/5/finances/2023"), 404)
    problem = bad(client.get(f"{COMPANIES}/2/finances/2023"), 404)
    assert problem["detail"] == "Company 2 has no finances of 2023."


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("12.50", "12.50"),
        ("12.5", "12.50"),
        ("0", "0.00"),
        ("-0.00", "0.00"),
        ("-0.01", "-0.01"),
        ("999999999999999.99", "999999999999999.99"),
        ("0.10", "0.10"),
        (None, None),
    ],
)
def test_an_amount_comes_out_to_the_cent(
    client: FlaskClient, given: str | None, shown: str | None
) -> None:
    answer = client.put(f"{COMPANIES}/2/finances/2024", json={"q2": given, "q4": given})
    year = {"year": 2024, "q1": None, "q2": shown, "q3": None, "q4": shown}
    assert good(answer, 201) == year
    assert good(client.get(f"{COMPANIES}/2/finances/2024")) == year


def test_a_year_is_added_and_then_set_whole(client: FlaskClient) -> None:
    address = f"{COMPANIES}/1/finances/2024"
    good(client.put(address, json={"q1": "1", "q2": "2"}), 201)
    assert good(client.put(address, json={"q2": "3"}))["q1"] is None, "what is left out is null"
    years = good(client.get(f"{COMPANIES}/1/finances"))["items"]
    assert [(each["year"], each["q2"]) for each in years] == [
        (2023, "123456789012345.67"),
        (2024, "3.00"),
    ]


@pytest.mark.parametrize(
    "amount",
    [
        12.5, 12, 1e400, True, [], {}, "", " 1", "1 ", "1.005", "1e3", "NaN", "Infinity", "-",
        "1,000.00", "+1", ".5", "1.", "01", "1_000", "1\n", "١", "1000000000000000", "\0",
        "x" * 1000,
    ],
)  # fmt: skip
def test_what_is_no_amount_is_refused_with_its_place(client: FlaskClient, amount: object) -> None:
    body = json.dumps({"q1": "1", "q3": amount}).replace("Infinity}", "1e400}")
    answer = client.put(f"{COMPANIES}/1/finances/2023", data=body, **AS_JSON)
    problem = bad(answer, 422)
    assert [each["pointer"] for each in problem["errors"]] == ["/q3"]
    assert 'such as "12.50"' in problem["detail"]
    assert good(client.get(f"{COMPANIES}/1/finances/2023"))["q1"] == "0.10"


@pytest.mark.parametrize("year", ["0", "1899", "2201", "10000", str(2**63), "9" * 4000])
def test_a_year_that_cannot_be_is_refused(client: FlaskClient, year: str) -> None:
    address = f"{COMPANIES}/1/finances/{year}"
    problem = bad(client.put(address, json={"q1": "1"}), 422)
    assert problem["errors"][0]["parameter"] == "year"
    assert "1900 to 2200" in problem["detail"]
    bad(client.get(address), 404)


# Repeated, and conditional


def test_a_request_repeated_under_its_key_adds_one_company_and_is_answered_the_same(
    client: FlaskClient, provisioned: Database
) -> None:
    asked = {"json": {"name": "Crate"}, "headers": {"Idempotency-Key": "crate 1"}}
    first = client.post(COMPANIES, **asked)
    good(first, 201)
    good(client.patch(first.headers["Location"], json={"name": "Dram"}))
    again = client.post(COMPANIES, **asked)
    assert (again.get_json(), again.headers["Location"]) == (
        first.get_json(),
        first.headers["Location"],
    )
    assert good(client.post(COMPANIES, **{**asked, "json": {"name": " Crate "}}), 201)["id"] == 3
    assert names(client.get(COMPANIES)) == ["Acme", "Bolt", "Dram"]

    other = client.post(COMPANIES, json={"name": "Egg"}, headers=asked["headers"])
    assert "idempotency key 'crate 1'" in bad(other, 409)["detail"]
    provisioned.sql("update idempotency_keys set made_at = made_at - interval '25 hours'")
    good(client.post(COMPANIES, json={"name": "Egg"}, headers=asked["headers"]), 201)
    assert provisioned.sql("select count(*) from idempotency_keys") == "1"


def test_the_key_of_another_user_is_another_key(sign_in: Callable[..., FlaskClient]) -> None:
    ids = [
        good(
            sign_in("editor", email=f"{name}@example.org").post(
                COMPANIES, json={"name": name}, headers={"Idempotency-Key": "1"}
            ),
            201,
        )["id"]
        for name in ("ann", "bob")
    ]
    assert ids == [3, 4]


def test_a_request_that_failed_is_done_when_it_is_repeated(
    client: FlaskClient, provisioned: Database
) -> None:
    asked = {"json": {"name": "Acme"}, "headers": {"Idempotency-Key": "2"}}
    bad(client.post(COMPANIES, **asked), 409)
    provisioned.sql("delete from companies where name = 'Acme'")
    good(client.post(COMPANIES, **asked), 201)


def test_the_same_request_many_times_at_once_adds_one_company(
    client: FlaskClient, web: Flask
) -> None:
    asked = {"json": {"name": "Crate"}, "headers": {"Idempotency-Key": "at once"}}
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: web.test_client().post(COMPANIES, **asked), range(12)))
    assert len({good(answer, 201)["id"] for answer in answers}) == 1
    assert names(client.get(COMPANIES)) == ["Acme", "Bolt", "Crate"]


@pytest.mark.parametrize("key", ["", "x" * 201, "a\tb"])
def test_a_key_that_cannot_be_is_refused(client: FlaskClient, key: str) -> None:
    answer = client.post(COMPANIES, json={"name": "Crate"}, headers={"Idempotency-Key": key})
    assert "Idempotency-Key" in bad(answer, 400)["detail"]
    assert names(client.get(COMPANIES)) == ["Acme", "Bolt"]


def test_what_has_not_changed_is_not_sent_again(client: FlaskClient) -> None:
    for address in (COMPANIES, f"{COMPANIES}/1", f"{COMPANIES}/1/finances/2023"):
        first = client.get(address)
        again = client.get(address, headers={"If-None-Match": first.headers["ETag"]})
        assert (again.status_code, again.data) == (304, b"")
    good(client.patch(f"{COMPANIES}/1", json={"name": "Aardvark"}))
    etag = client.get(f"{COMPANIES}/2").headers["ETag"]
    good(client.get(f"{COMPANIES}/1", headers={"If-None-Match": etag}))


def test_a_change_is_made_to_what_its_sender_has_seen_alone(client: FlaskClient) -> None:
    for address, method, body in (
        (f"{COMPANIES}/1", "PATCH", {"name": "Crate"}),
        (f"{COMPANIES}/1/finances/2023", "PUT", {"q1": "1"}),
    ):
        seen = {"If-Match": client.get(address).headers["ETag"]}
        good(client.open(address, method=method, json=body, headers=seen))
        problem = bad(client.open(address, method=method, json=body, headers=seen), 412)
        assert "changed since" in problem["detail"]
        good(client.open(address, method=method, json=body, headers={"If-Match": "*"}))
    absent = f"{COMPANIES}/1/finances/1999"
    for tag in ("*", '"0"'):
        bad(client.put(absent, json={"q1": "1"}, headers={"If-Match": tag}), 412)
    bad(client.get(absent), 404)


# Who may, and what if not


def test_a_viewer_reads_and_changes_nothing(sign_in: Callable[..., FlaskClient]) -> None:
    viewer = sign_in("viewer")
    for path in ("", "/1", "/1/finances", "/1/finances/2023"):
        good(viewer.get(f"{COMPANIES}{path}"))
    bad(viewer.post(COMPANIES, json={"name": "Crate"}), 403)
    bad(viewer.patch(f"{COMPANIES}/1", json={"name": "Crate"}), 403)
    bad(viewer.put(f"{COMPANIES}/1/finances/2023", json={}), 403)
    assert names(viewer.get(COMPANIES)) == ["Acme", "Bolt"]


def test_a_stranger_is_told_to_log_in_in_an_envelope(
    web: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web.login_manager, "_request_callback", None)
    for method in ("GET", "POST"):
        answer = web.test_client().open(COMPANIES, method=method, json={"name": "Crate"})
        assert answer.status_code in (400, 401)
        bad(answer, answer.status_code)


def test_a_database_that_is_away_is_said_in_an_envelope(
    client: FlaskClient, provisioned: Database, web: Flask
) -> None:
    away = provisioned.settings("app", database_port=1)
    engine = db.init(away)
    try:
        answer = client.get(COMPANIES)
    finally:
        db._sessions.configure(bind=web.extensions["engine"])
        engine.dispose()
    assert "database does not answer" in bad(answer, 503)["detail"]
    assert answer.headers["Retry-After"]


def test_the_document_shows_envelopes_and_amounts(client: FlaskClient) -> None:
    document = client.get("/api/v1/openapi.json").get_json()
    schemas = document["components"]["schemas"]

    def shown(answer: dict[str, Any]) -> dict[str, Any]:
        """The one schema that an answer has."""
        [(type, each)] = answer["content"].items()
        assert type == "application/json"
        return schemas[each["schema"]["$ref"].rpartition("/")[2]]

    put = document["paths"]["/companies/{id}/finances/{year}"]["put"]
    assert {"200", "201", "404", "412", "413", "415", "422", "503"} <= set(put["responses"])
    for status, answer in put["responses"].items():
        schema = shown(answer)
        members = ["status", "success", "message", "contentType", "content"]
        assert list(schema["properties"]) == schema["required"] == members
        content = "YearView" if status < "300" else "Problem"
        assert schema["properties"]["content"]["$ref"].endswith(f"/{content}")
    body = shown(put["requestBody"])["properties"]["q1"]["anyOf"]
    assert [each["type"] for each in body] == ["string", "null"]
