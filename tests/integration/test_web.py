"""The pages and health endpoints of the running stack, with and without a URL prefix."""

from __future__ import annotations

import re

import pytest

from tests.stack import Stack, wait_until

pytestmark = pytest.mark.stack


def test_health_and_version_answer_in_json(stack: Stack) -> None:
    assert stack.http.get("/health/live").json()["status"] == "ok"
    ready = stack.http.get("/health/ready")
    assert ready.status_code == 200
    assert set(ready.json()["checks"]) == {"database", "broker"}
    assert stack.http.get("/version").json()["version"]


def test_the_landing_page_says_what_the_database_holds(stack: Stack) -> None:
    text = " ".join(re.sub(r"<[^>]+>", " ", stack.http.get("/").text).split())
    assert re.search(r"readings 21\d,000 1 Jan 2013 30 Dec 2013", text)
    assert re.search(r"prices_daily 12,\d00 1 Mar 2000 1 Mar 2013", text)


@pytest.mark.parametrize("which", ["stack", "prefixed_stack"])
def test_the_finance_page_has_the_image_s_own_files_by_hashed_names(
    which: str, request: pytest.FixtureRequest
) -> None:
    stack: Stack = request.getfixturevalue(which)
    page = stack.http.get("/finance")
    policy = page.headers["Content-Security-Policy"]
    assert "script-src 'self'; style-src 'self'; img-src 'self' data:" in policy
    files = re.findall(
        r'="([^"]*/static/frontend/assets/finance-[\w-]{8}\.(?:js|css)\?v=\w+)"', page.text
    )
    assert len(files) == 2
    for file in files:
        for encoding in ("br", "gzip"):
            asked = stack.http.get(
                file.removeprefix(stack.prefix), headers={"Accept-Encoding": encoding}
            )
            assert asked.status_code == 200
            assert asked.headers["Content-Encoding"] == encoding
            assert asked.headers["Cache-Control"] == "public, max-age=31536000, immutable"


def test_the_dashboards_are_served_with_no_address_but_our_own(stack: Stack) -> None:
    page = stack.http.get("/dash/", follow_redirects=True)
    assert page.status_code == 200
    assert 'name="viewport"' in page.text
    for foreign in ("cdn.", "unpkg", "jsdelivr", "googleapis", "//maxcdn"):
        assert foreign not in page.text


def test_a_page_that_does_not_exist_is_a_404_in_our_own_look(stack: Stack) -> None:
    answer = stack.http.get("/no-such-page")
    assert answer.status_code == 404
    assert "text/html" in answer.headers["content-type"]
    assert answer.headers["x-request-id"] in answer.text


def test_an_error_of_the_api_is_a_problem_document(stack: Stack) -> None:
    answer = stack.http.get("/api/v1/no-such-thing")
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize(
    "value",
    ["'; drop table readings; --", "1 or 1=1", {"$ne": None}, ["JFK", "EWR"], -1, None, True],
)
def test_what_is_no_choice_of_a_dropdown_is_refused(stack: Stack, value: object) -> None:
    before = stack.sql("select count(*) from readings")
    for body in dash_requests(stack, value):
        answer = stack.http.post("/dash/_dash-update-component", json=body)
        assert 400 <= answer.status_code < 500, answer.text[:300]
        assert "Traceback" not in answer.text
        assert "psycopg" not in answer.text
    assert stack.sql("select count(*) from readings") == before


def dash_requests(stack: Stack, value: object) -> list[dict]:
    """Each server-side callback's own request body, `value` instead of every input."""
    dependencies = stack.http.get("/dash/_dash-dependencies").json()
    bodies = []
    for callback in dependencies:
        if callback.get("clientside_function"):
            continue
        arguments = [
            {"id": item["id"], "property": item["property"], "value": value}
            for item in callback["inputs"]
        ]
        if not any("sensor" in str(item["id"]) for item in arguments):
            continue
        output = callback["output"]
        bodies.append(
            {
                "output": output,
                "outputs": outputs_of(output),
                "inputs": arguments,
                "state": [
                    {"id": item["id"], "property": item["property"], "value": value}
                    for item in callback.get("state", [])
                ],
                "changedPropIds": [f"{arguments[0]['id']}.{arguments[0]['property']}"],
            }
        )
    assert bodies, "the Sensors page has callbacks of its own"
    return bodies


def outputs_of(output: str) -> dict | list[dict]:
    parts = [part for part in output.strip(".").split("...") if part]
    found = [
        dict(zip(("id", "property"), part.split("@")[0].rsplit(".", 1), strict=True))
        for part in parts
    ]
    return found if output.startswith("..") else found[0]


def test_readiness_fails_by_name_while_the_broker_is_away_and_comes_back(stack: Stack) -> None:
    assert stack.compose("stop", "redis").returncode == 0
    try:
        answer = wait_until(
            lambda: (got := stack.http.get("/health/ready")).status_code == 503 and got,
            "readiness says 503 without Redis",
        )
        assert "broker" in answer.text
        assert stack.http.get("/health/live").status_code == 200
    finally:
        assert stack.compose("start", "redis").returncode == 0
    wait_until(stack.all_healthy, "the stack is healthy again")
    assert stack.http.get("/health/ready").status_code == 200


def test_every_page_lives_under_the_prefix(prefixed_stack: Stack) -> None:
    assert prefixed_stack.url.endswith("/timestack")
    for path in ("/", "/dash/", "/health/live", "/health/ready", "/version"):
        answer = prefixed_stack.http.get(path, follow_redirects=True)
        assert answer.status_code == 200, path
        assert answer.url.path.startswith("/timestack/"), path
    page = prefixed_stack.http.get("/dash/", follow_redirects=True).text
    assert 'src="/timestack/' in page
    assert 'src="/dash/' not in page


def test_nothing_of_the_web_answers_outside_the_prefix(prefixed_stack: Stack) -> None:
    root = prefixed_stack.url.removesuffix("/timestack")
    for path in ("/dash/", "/health/live", "/version"):
        assert prefixed_stack.http.get(root + path).status_code == 404, path


def test_the_second_stack_has_an_empty_database_and_serves_all_the_same(
    stack: Stack, prefixed_stack: Stack
) -> None:
    assert prefixed_stack.sql("select count(*) from readings") == [("0",)]
    assert prefixed_stack.http.get("/dash/sensors", follow_redirects=True).status_code == 200
    assert stack.sql("select count(*) > 0 from readings") == [("t",)]


# The proportional memory of the web's processes, in kilobytes.
MEMORY = """
import pathlib, re
files = pathlib.Path("/proc").glob("[0-9]*/smaps_rollup")
print(sum(int(re.search(r"^Pss: +([0-9]+)", each.read_text(), re.M)[1]) for each in files))
"""


def test_exports_by_one_thread_after_another_keep_no_memory(stack: Stack) -> None:
    def memory() -> float:
        return int(stack.exec("web", "python", "-c", MEMORY).stdout) / 1000

    def export() -> None:
        days = "start=2013-01-01T00:00:00Z&end=2013-02-15T00:00:00Z"
        answer = stack.http.get(f"/api/v1/export/readings?format=json&{days}")
        assert answer.status_code == 200
        assert len(answer.json()) > 25_000

    for _ in range(4):
        export()
    before = memory()
    for _ in range(12):
        export()
    assert memory() - before < 20, "megabytes"
