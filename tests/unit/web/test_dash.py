"""The dashboards as they leave the server: the document, and what their callbacks take."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from dash import Dash
from flask.testing import FlaskClient

from tests.unit.web.conftest import signed_in
from timestack.dash.page import ChartPage
from timestack.dash.timechart import DailyChart, TimeChart

UPDATE = "/dash/_dash-update-component"
# Other services', which the proxy serves.
PROXIED = {"/pgadmin/", "/flower/", "/traefik/"}


def body(client: FlaskClient, output: str, **values: Any) -> dict:
    """A callback's request as the browser sends it, with ``values`` by component id."""
    dependencies = client.get("/dash/_dash-dependencies").get_json()
    callback = next(each for each in dependencies if output in each["output"])
    outputs = [
        dict(zip(("id", "property"), part.rsplit(".", 1), strict=True))
        for part in callback["output"].strip(".").split("...")
    ]
    several = callback["output"].startswith("..")
    return {
        "output": callback["output"],
        "outputs": outputs if several else outputs[0],
        **{
            kind: [{**item, "value": values.get(item["id"])} for item in callback[kind]]
            for kind in ("inputs", "state")
        },
        "changedPropIds": [],
    }


def addresses(page: str) -> list[str]:
    """What a document links to or loads, but for what is within it or is the page itself."""
    return [each for each in re.findall(r'(?:src|href)="([^"#]*)"', page) if each]


def choice(client: FlaskClient, output: str = "detail-skeleton.data", **values: Any) -> dict:
    good = {
        "sensor-type": "wind",
        "sensor-location": "JFK",
        "sensor-name": "speed",
        "sensor-beside": [],
        "detail-seen": {"start": "2013-03-01T00:00:00Z", "end": "2013-03-08T00:00:00Z"},
    }
    return body(client, output, **good | values)


# The document


def test_the_dashboards_begin_with_the_first_page_and_keep_the_query(client: FlaskClient) -> None:
    answer = client.get("/dash/?type=wind")
    assert answer.status_code == 302
    assert answer.location == "/dash/sensors?type=wind"


def test_a_document_is_complete_before_any_script_runs(client: FlaskClient) -> None:
    page = client.get("/dash/sensors").text
    assert "<title>Sensors · Timestack</title>" in page
    assert 'name="viewport"' in page
    assert '<html lang="en">' in page


def test_every_file_comes_from_this_server_and_is_there(client: FlaskClient) -> None:
    page = client.get("/dash/sensors").text
    assert len(addresses(page)) > 10
    for address in addresses(page):
        assert address.startswith("/"), address
        assert not address.startswith("//"), address
        if address not in PROXIED:
            assert client.get(address).status_code == 200, address


def test_no_script_of_ours_stands_in_the_document(client: FlaskClient) -> None:
    page = client.get("/dash/sensors").text
    inline = re.findall(r"<script(?![^>]*(?:src=|application/json))[^>]*>(.*?)</script>", page)
    assert inline == []


def test_an_address_that_is_no_page_is_a_404_in_the_frame_of_the_dashboards(
    client: FlaskClient,
) -> None:
    answer = client.get("/dash/no-such-page")
    assert answer.status_code == 404
    assert "react-entry-point" in answer.text
    route = {"path": "/dash/no-such-page", "search": "", "width": 1000}
    shown = client.post(UPDATE, json=body(client, "page.children", route=route))
    assert shown.status_code == 200
    assert "no-such-page" in shown.text
    assert '"role":"alert"' in shown.text


def test_under_a_prefix_every_address_has_it(prefixed: FlaskClient) -> None:
    answer = prefixed.get("/timestack/dash/")
    assert answer.location == "/timestack/dash/sensors"
    page = prefixed.get(answer.location).text
    for address in addresses(page):
        assert address.startswith("/timestack/"), address
    assert "/timestack/dash/sensors" in page
    assert '"href"' not in json.dumps(prefixed.get("/timestack/dash/_dash-layout").get_json())


def test_a_dashboard_has_the_frame_of_every_page(prefixed: FlaskClient) -> None:
    """Skip link, brand, bar, who it is, log-out and footer are those of the start page."""
    frames = []
    for path in ("/timestack/", "/timestack/dash/sensors"):
        page = re.sub(r' aria-current="page"| active(?=")', "", prefixed.get(path).text)
        page = re.sub(r'name="csrf_token" value="[^"]*"', "", page)
        frames.append(
            [
                re.search(rf"<{part}.*?</{part}>", page, re.DOTALL)[0]
                for part in ("a", "header", "footer")
            ]
        )
    assert frames[0] == frames[1]
    header = frames[0][1]
    assert "admin@example.org" in header
    assert 'action="/timestack/logout" method="post"' in header


def test_the_bar_leads_to_every_dashboard_and_marks_the_one_that_is_open(
    client: FlaskClient,
) -> None:
    page = client.get("/dash/sensors").text
    marked = re.findall(r'<a class="nav-link active" href="([^"]+)" aria-current="page">', page)
    assert marked == ["/dash/sensors"]
    for each in client.application.extensions["dash"].pages:
        assert f'href="/dash/{each.path}"' in client.get("/").text


def test_the_form_that_logs_out_carries_the_token(client: FlaskClient) -> None:
    page = client.get("/dash/sensors").text
    assert re.search(r'name="csrf_token" value="[^"]{20,}"', page)


def test_the_layout_has_no_frame_of_its_own(client: FlaskClient) -> None:
    layout = json.dumps(client.get("/dash/_dash-layout").get_json())
    for part in ("Navbar", "Footer", "Main", "ts-skip"):
        assert part not in layout


def test_two_charts_of_one_name_are_refused() -> None:
    charts = [TimeChart("one", None), DailyChart("one", None)]
    with pytest.raises(ValueError, match="two charts are called one"):
        ChartPage("twice", "Twice", charts).register(Dash(__name__, server=False))


def test_two_charts_of_one_kind_on_a_page_have_ids_and_ranges_of_their_own() -> None:
    charts = [TimeChart("one", None), TimeChart("other", None, parameter="other")]
    dash = Dash(__name__, server=False)
    ChartPage("both", "Both", charts).register(dash)
    for name in ("one", "other"):
        assert any(f"{name}-shown.data" in output for output in dash.callback_map)
    assert [each.live_parameter for each in charts] == ["live", "other-live"]
    with pytest.raises(ValueError, match="one name in the address"):
        ChartPage("both", "Both", [TimeChart("one", None), TimeChart("other", None)])


def test_two_applications_in_one_process_each_have_their_callbacks(make_app) -> None:
    first, second = signed_in(make_app()), signed_in(make_app())
    callbacks = first.get("/dash/_dash-dependencies").get_json()
    assert callbacks
    assert second.get("/dash/_dash-dependencies").get_json() == callbacks


# Requests that no page sends


@pytest.mark.parametrize("given", [[], {}, "x", 1, {"output": "a.b"}, {"output": ["page"]}])
def test_a_request_without_a_callback_is_refused(client: FlaskClient, given: Any) -> None:
    assert client.post(UPDATE, json=given).status_code == 400


@pytest.mark.parametrize(
    "change",
    [
        {"inputs": []},
        {"inputs": "x"},
        {"inputs": [{"id": "sensor-type"}]},
        {"state": [{"id": "other", "property": "data", "value": 1}]},
        {"outputs": {"id": "page", "property": "children"}},
        {"outputs": None},
        {"changedPropIds": 5},
    ],
)
def test_a_request_of_another_shape_is_refused(client: FlaskClient, change: dict) -> None:
    assert client.post(UPDATE, json=choice(client) | change).status_code == 400


@pytest.mark.parametrize("part", ["runs", "failing", "slowest", "flakiest"])
@pytest.mark.parametrize("given", [None, [], {}, 1, "a\nb", "x" * 201])
def test_a_table_s_choice_that_is_no_text_is_refused_before_the_database_is_asked(
    client: FlaskClient, part: str, given: Any
) -> None:
    values = {"results-host": "a", "results-suite": given}
    asked = body(client, f"results-{part}-body.children", **values)
    assert client.post(UPDATE, json=asked).status_code == 400


@pytest.mark.parametrize("output", ["detail-skeleton.data", "detail-bands.data"])
@pytest.mark.parametrize("id", ["sensor-type", "sensor-location", "sensor-name"])
@pytest.mark.parametrize(
    "value", [None, True, 1, 1.5, [], ["JFK"], {"$ne": None}, "x" * 201, "a\0b", "\ud800"]
)
def test_a_choice_that_is_no_text_is_refused_before_the_database_is_asked(
    client: FlaskClient, id: str, value: Any, output: str
) -> None:
    # The database is away: had it been asked, the answer would be a page that says so.
    assert client.post(UPDATE, json=choice(client, output, **{id: value})).status_code == 400


@pytest.mark.parametrize("value", [None, "1", 1, {}, [1], [None], ["x" * 201], [["1"]]])
def test_a_comparison_that_is_no_list_of_texts_is_refused_before_the_database_is_asked(
    client: FlaskClient, value: Any
) -> None:
    asked = choice(client, **{"sensor-beside": value})
    assert client.post(UPDATE, json=asked).status_code == 400


@pytest.mark.parametrize(
    "seen",
    [
        None,
        [],
        "x",
        {},
        {"start": "2013-03-01T00:00:00Z"},
        {"start": 1, "end": 2},
        {"start": "yesterday", "end": "2013-03-01T00:00:00Z"},
        {"start": "0001-01-01T00:00:00+05:00", "end": "2013-03-01T00:00:00Z"},
        {"start": "10000-01-01T00:00:00Z", "end": "10001-01-01T00:00:00Z"},
    ],
)
def test_what_stands_out_is_asked_of_two_times(client: FlaskClient, seen: Any) -> None:
    asked = choice(client, "detail-bands.data", **{"detail-seen": seen})
    assert client.post(UPDATE, json=asked).status_code == 400


@pytest.mark.parametrize(
    "route",
    [
        None,
        "/dash/sensors",
        {"path": "/dash/sensors", "search": ""},
        {"path": "/dash/sensors", "search": None, "width": 1000},
        {"path": "/dash/sensors", "search": "", "width": "1000"},
        {"path": "/dash/sensors", "search": "?a=b" + "&a=b" * 50, "width": 1000},
        {"path": "/dash/\ud800", "search": "", "width": 1000},
    ],
)
def test_an_address_of_another_shape_is_refused(client: FlaskClient, route: Any) -> None:
    answer = client.post(UPDATE, json=body(client, "page.children", route=route))
    assert answer.status_code == 400


# The database away


def test_without_the_database_a_page_says_so_with_the_request_id_and_offers_to_retry(
    client: FlaskClient,
) -> None:
    route = {"path": "/dash/sensors", "search": "?type=wind", "width": 1000}
    answer = client.post(UPDATE, json=body(client, "page.children", route=route))
    assert answer.status_code == 200
    changes = answer.get_json()["sideUpdate"]
    assert changes["page"]["children"] is None
    alert = str(changes["alert"])
    assert "The database does not answer" in alert
    assert answer.headers["X-Request-Id"] in alert
    assert "Retry" in alert
    assert "psycopg" not in answer.text


def test_without_the_database_a_choice_leaves_the_charts_as_they_are(client: FlaskClient) -> None:
    answer = client.post(UPDATE, json=choice(client))
    assert answer.status_code == 200
    assert answer.get_json()["response"] == {}
    assert "The database does not answer" in answer.text


def test_without_the_database_what_stands_out_is_a_request_that_failed(
    client: FlaskClient,
) -> None:
    answer = client.post(UPDATE, json=choice(client, "detail-bands.data"))
    assert answer.status_code == 503
    assert "psycopg" not in answer.text
