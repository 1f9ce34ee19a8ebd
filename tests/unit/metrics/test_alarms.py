"""Every alarm says what it is, has a runbook, and was tried; what is scraped is a service."""

from __future__ import annotations

import re

import pytest
import yaml

from tests.stack import ROOT
from timestack.exporter.readers import READERS

METRICS = ROOT / "services" / "metrics"
RULES = {
    rule["alert"]: rule
    for file in sorted((METRICS / "rules").glob("*.yaml"))
    for group in yaml.safe_load(file.read_text())["groups"]
    for rule in group["rules"]
}
TRIED = "".join(file.read_text() for file in sorted((ROOT / "tests" / "alarms").glob("*.yaml")))
RUNBOOKS = (ROOT / "docs" / "operations.md").read_text()
SERVICES = yaml.safe_load((ROOT / "compose" / "compose.yaml").read_text())["services"]
SCRAPED = yaml.safe_load((METRICS / "prometheus.yml").read_text())["scrape_configs"]


@pytest.mark.parametrize("name", sorted(RULES))
def test_an_alarm_says_what_it_is_and_where_it_is_written_what_to_do(name: str) -> None:
    notes = RULES[name]["annotations"]
    assert notes.keys() == {"summary", "description", "runbook"}
    assert notes["runbook"] == f"docs/operations.md#{name.lower()}"
    assert f"\n#### {name}\n" in RUNBOOKS
    assert RULES[name]["labels"]["severity"] in ("warning", "critical")


def test_there_is_no_runbook_of_an_alarm_that_is_not() -> None:
    headings = re.findall(r"^#### ([A-Z]\w+)$", RUNBOOKS, re.MULTILINE)
    assert sorted(headings) == sorted(RULES)


@pytest.mark.parametrize("name", sorted(RULES))
def test_an_alarm_fires_in_a_test_of_its_own(name: str) -> None:
    assert f'alertname="{name}"' in TRIED


def test_what_is_scraped_are_services_of_the_stack() -> None:
    hosts = {
        target.partition(":")[0]
        for job in SCRAPED
        for group in job.get("static_configs", ())
        for target in group["targets"]
    }
    assert hosts - {"localhost"} <= SERVICES.keys()
    names = {
        name for job in SCRAPED for each in job.get("dns_sd_configs", ()) for name in each["names"]
    }
    assert names == set(SERVICES["web"]["networks"]["data"]["aliases"])


def test_every_worker_is_scraped() -> None:
    targets = {
        target
        for job in SCRAPED
        for each in job.get("static_configs", ())
        for target in each["targets"]
    }
    workers = {name for name in SERVICES if name.startswith("worker")}
    assert {f"{name}:8001" for name in (*workers, "beat", "flower")} <= targets


def test_each_reader_has_a_name_of_its_own() -> None:
    assert len({reader.__name__ for reader in READERS}) == len(READERS)
