"""Prometheus and Alertmanager on a running stack: what they are told, by whom, and who sees it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

import pytest

from scripts.host.compose import image, one_off
from scripts.host.mounts import bind
from tests.integration import test_containers as containers
from tests.stack import ROOT, Stack, wait_until

pytestmark = pytest.mark.stack

SERVICES = ("exporter", "prometheus", "alertmanager", "postgres-exporter", "redis-exporter")
TARGETS = {
    *("web", "stack", "traefik", "postgres", "redis", "prometheus", "alertmanager"),
    *(f"{name}:8001" for name in ("worker", "worker-long", "worker-owner", "worker-forecast")),
    *("beat:8001", "flower:8001"),
}
PAGES = ("/prometheus/", "/prometheus/api/v1/query?query=up", "/alertmanager/api/v2/alerts")
HTML = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate"}


def values(stack: Stack, query: str) -> dict[str, float]:
    """What an administrator reads of Prometheus; by instance where a job has several."""
    answer = stack.http.get("/prometheus/api/v1/query", params={"query": query})
    assert answer.status_code == 200, answer.text
    found = {}
    for each in answer.json()["data"]["result"]:
        labels = each["metric"]
        name = labels["instance"] if labels.get("job") == "workers" else labels.get("job", "")
        found[name] = float(each["value"][1])
    return found


def metrics(stack: Stack, host: str = "web:8001") -> dict[str, float]:
    """What a service of the stack tells, asked from inside."""
    code = f"import urllib.request as u; print(u.urlopen('http://{host}/metrics').read().decode())"
    done = stack.exec("web", "python", "-c", code)
    assert done.returncode == 0, done.stderr
    lines = (line.rpartition(" ") for line in done.stdout.splitlines() if line[:1] not in ("#", ""))
    return {name: float(value) for name, _, value in lines}


def test_alarms_fire_and_do_not_as_tests_alarms_says() -> None:
    files = [f"/alarms/{file.name}" for file in sorted((ROOT / "tests" / "alarms").glob("*.yaml"))]
    assert files
    # It makes up a database for the figures.
    mount = (*bind(ROOT / "tests" / "alarms", "/alarms"), "--tmpfs", "/tmp:mode=1777")
    for command in (
        ("promtool", "test", "rules", *files),
        ("promtool", "check", "config", "/etc/prometheus/prometheus.yml"),
        ("amtool", "check-config", "/etc/prometheus/alertmanager.yml"),
    ):
        done = subprocess.run(
            one_off(image("metrics"), *command, options=mount),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_everything_that_has_figures_is_asked_and_answers(prefixed_stack: Stack) -> None:
    def answered() -> bool:
        found = values(prefixed_stack, "up")
        return found.keys() == TARGETS and set(found.values()) == {1.0}

    wait_until(answered, "every target is up", 60)
    for name in ("pg_up", "redis_up", "timestack_reader_failed == 0"):
        wait_until(lambda name=name: values(prefixed_stack, name), name, 30)
    # A right that the role lacks would be a collector without figures.
    scraped = values(prefixed_stack, "min(pg_scrape_collector_success) by (job)")
    assert scraped == {"postgres": 1.0}
    assert values(prefixed_stack, "timestack_reader_failed == 1") == {}


@pytest.mark.parametrize("path", PAGES)
def test_only_an_administrator_sees_them(prefixed_stack: Stack, path: str) -> None:
    stranger = prefixed_stack.visitor.get(path, headers=HTML)
    assert stranger.status_code == 302
    assert "/login?" in stranger.headers["location"]
    script = prefixed_stack.visitor.get(path, headers={"Accept": "application/json"})
    assert script.status_code == 401
    assert prefixed_stack.viewer.get(path).status_code == 403
    assert prefixed_stack.http.get(path, follow_redirects=True).status_code == 200


def test_the_pages_have_their_files(prefixed_stack: Stack) -> None:
    page = prefixed_stack.http.get("/prometheus/", follow_redirects=True)
    assert page.url.path == "/timestack/prometheus/classic/graph"
    files = [part.partition('"')[0] for part in page.text.split('="/timestack/prometheus/')[1:]]
    static = {file for file in files if file.startswith("classic/static/")}
    assert static
    for file in static:
        assert prefixed_stack.http.get(f"/prometheus/{file}").status_code == 200, file
    menu = prefixed_stack.http.get("/account").text
    assert 'href="/timestack/prometheus/"' in menu


@pytest.mark.parametrize("path", ["/metrics", "/metrics/", "/alarms", "/prometheus/../metrics"])
def test_nobody_reaches_what_services_tell_prometheus(prefixed_stack: Stack, path: str) -> None:
    for client in (prefixed_stack.visitor, prefixed_stack.http):
        answer = client.get(path, headers=HTML)
        # The way to the form is no way in.
        assert answer.status_code in (302, 404), answer.text
        assert "timestack_requests" not in answer.text
    assert prefixed_stack.http.get("/metrics").status_code == 404


def test_without_the_profile_there_is_nothing_of_it(stack: Stack) -> None:
    for path in PAGES:
        assert stack.http.get(path).status_code == 404
    assert "/prometheus/" not in stack.http.get("/account").text


@pytest.mark.parametrize("service", SERVICES)
def test_these_containers_have_nothing_that_they_do_not_need(
    prefixed_stack: Stack, service: str
) -> None:
    containers.test_the_container_has_nothing_it_does_not_need(prefixed_stack, service)
    containers.test_no_process_runs_as_root_or_with_a_capability(prefixed_stack, service)
    containers.test_nothing_of_the_host_is_in_the_container_but_its_secrets(prefixed_stack, service)
    networks = prefixed_stack.inspect(service)["NetworkSettings"]["Networks"]
    assert {name.rpartition("_")[2] for name in networks} <= {"edge", "data"}
    pid = prefixed_stack.inspect(service)["State"]["Pid"]
    secrets = [each.read_text().strip() for each in prefixed_stack.secrets.glob("*_[ps]*[dt]")]
    assert secrets
    for process in containers.descendants(pid):
        for what in ("environ", "cmdline"):
            seen = containers.told_of(process, what)
            assert not [each for each in secrets if each and each in seen], (service, what)


def test_what_clients_write_is_in_no_series_of_the_proxy(prefixed_stack: Stack) -> None:
    def series() -> set[str]:
        found = metrics(prefixed_stack, "traefik:8083")
        return {name for name in found if name.startswith("traefik_")}

    def ask(count: int, beginning: str) -> None:
        for number in range(count):
            made_up = f"{beginning}{number}"
            prefixed_stack.raw("GET", f"/timestack/{made_up}")
            prefixed_stack.raw(made_up.upper(), "/timestack/version")
            prefixed_stack.raw("GET", "/", {"Host": f"{made_up}.example.org"})

    ask(2, "first")
    before = series()
    assert before
    ask(40, "another")
    assert series() == before


def test_what_a_process_of_the_web_counted_outlives_it(prefixed_stack: Stack) -> None:
    name = 'timestack_requests_total{method="GET",route="/version",status="2xx"}'
    for _ in range(5):
        assert prefixed_stack.visitor.get("/version").status_code == 200
    before = metrics(prefixed_stack)
    assert before[name] >= 5

    def pids() -> set[str]:
        """The server's children; the engine's process is the parent of the server alone."""
        code = (
            "from pathlib import Path; found = Path('/proc').glob('[0-9]*/stat');"
            " print(*[p.parent.name for p in found if p.read_text().split()[3] not in ('0', '1')])"
        )
        return set(prefixed_stack.exec("web", "python", "-c", code).stdout.split())

    old = pids()
    assert old
    code = f"import os, signal; [os.kill(int(p), signal.SIGKILL) for p in {sorted(old)!r}]"
    prefixed_stack.exec("web", "python", "-c", code)
    wait_until(lambda: pids() - old, "another process serves", 30)
    wait_until(lambda: prefixed_stack.visitor.get("/version").status_code == 200, "it answers", 30)
    after = metrics(prefixed_stack)
    assert after[name] > before[name]
    # Of those that live, not of both.
    assert after["timestack_pool_size"] == before["timestack_pool_size"]


HOOKS = "import httpx; print(httpx.get('http://platform:9000/hooks').text)"


@pytest.fixture
def webhook(prefixed_stack: Stack) -> Iterator[None]:
    """Notifications go to the simulated webhook meanwhile."""
    address = prefixed_stack.secrets / "notify_webhook"
    before = address.read_text()
    address.write_text("http://platform:9000/hooks/T0/B0/alarms\n")
    yield
    address.write_text(before)


def test_a_process_that_is_killed_for_its_memory_is_told_by_webhook(
    prefixed_stack: Stack, webhook: None
) -> None:
    done = prefixed_stack.exec("worker-owner", "python", "-c", "bytearray(400 * 1024 * 1024)")
    assert done.returncode == 137

    def told() -> list[str]:
        shown = prefixed_stack.exec("worker", "python", "-c", HOOKS)
        return [text for text in json.loads(shown.stdout) if "OutOfMemory" in text]

    (text,) = wait_until(told, "the webhook has it", 90)
    assert "worker-owner:8001" in text
    assert "docs/operations.md#outofmemory" in text
    assert "/timestack/prometheus/classic/alerts" in text


def test_an_alarm_that_does_not_come_from_alertmanager_is_refused(prefixed_stack: Stack) -> None:
    code = "import httpx; print(httpx.post('http://exporter:8001/alarms', json={}).status_code)"
    assert prefixed_stack.exec("web", "python", "-c", code).stdout.strip() == "401"
