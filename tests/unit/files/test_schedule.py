"""The scanner's schedule file: what it says, and each fault with file, line and key."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.stack import ROOT
from timestack.domains.files import schedule
from timestack.domains.files.schedule import ScheduleError, Source

WHOLE = """
owner: qa
site: lab
sources:
  - directory: /var/ci/results/
  - directory: /srv/bench
    files: ["**/*.xml", "logs/*.txt"]
    type: junit
    owner: bench
    host: node-7
    suite: nightly
    run_tag: ""
    user_tag: ann
    time_to_live: 90 days
    priority: 5
    timezone: Europe/Berlin
    max_size: 5 MB
"""


def faults(text: str) -> list[str]:
    with pytest.raises(ScheduleError) as error:
        schedule.parse(text, "s.yaml", "here")
    return list(error.value.faults)


def test_a_source_has_what_it_says_else_what_the_whole_schedule_says() -> None:
    first, second = schedule.parse(WHOLE, "s.yaml", "here")
    assert (first.directory, first.owner, first.site, first.host) == (
        "/var/ci/results",
        "qa",
        "lab",
        "here",
    )
    assert (first.suite, first.run_tag, first.time_to_live, first.priority) == (None, None, None, 0)
    assert (second.owner, second.site, second.host) == ("bench", "lab", "node-7")
    assert second.time_to_live == timedelta(days=90)
    assert (second.max_size, second.timezone) == (5_000_000, "Europe/Berlin")


def test_the_schedule_in_the_documentation_is_one() -> None:
    guide = (ROOT / "docs" / "test-results.md").read_text()
    [text] = re.findall(r"```yaml\n(.+?)```", guide, re.DOTALL)
    first, second = schedule.parse(text, "test-results.md", "here")
    assert first.host == "runner-1"
    # The defaults that it names.
    assert f"default: {', '.join(Source(directory='/').files)}" in text
    assert Source(directory="/").max_size == second.max_size


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sources: [", "s.yaml:1: not YAML: "),
        ("\tsources: 1", "s.yaml:1: not YAML: "),
        ("owner: 2024-13-45", "s.yaml: not YAML: month must be in 1..12"),
        ("a: &a [*a]", "s.yaml: not YAML: it is nested too deeply"),
        ("", "s.yaml:1: sources: is required"),
        ("[1]", "s.yaml:1: the file: Input should be"),
        ("owner: a\nsite: b\nsources: []", "s.yaml:3: sources: List should have at least 1 item"),
        ("owner: a\nsite: b\nsources:\n- {}", "s.yaml:4: sources.0.directory: is required"),
        (
            "owner: a\nsite: b\nsources:\n- directory: results",
            "s.yaml:4: sources.0.directory: is not an absolute path: begin it with a slash",
        ),
        (
            "owner:\nsources:\n- directory: /a",
            "s.yaml:3: sources.0.owner: is required, here or for all sources",
        ),
        (
            "sources:\n- directory: /a\n  site: b",
            "s.yaml:2: sources.0.owner: is required, here or for all sources",
        ),
        ("owner: a\nowner: b", "s.yaml:2: owner: is written twice, first in line 1"),
        ('owner: "a\\x07"', "s.yaml:1: owner: must be printable text"),
    ],
)
def test_a_fault_is_named_by_file_line_and_key(text: str, message: str) -> None:
    assert any(each.startswith(message) for each in faults(text)), faults(text)


def test_all_faults_of_a_file_are_reported_at_once_in_their_order() -> None:
    text = WHOLE.replace("90 days", "3 fortnights").replace("/Berlin", "/Nowhere")
    text = text.replace("5 MB", "5 pints").replace("priority: 5", "priorty: 5")
    text = text.replace('["**/*.xml", "logs/*.txt"]', '["/etc/*"]').replace("junit", "csv")
    assert [each.partition(": ")[0] + ": " + each.split(": ")[1] for each in faults(text)] == [
        "s.yaml:7: sources.1.files.0",
        "s.yaml:8: sources.1.type",
        "s.yaml:14: sources.1.time_to_live",
        "s.yaml:15: sources.1.priorty",
        "s.yaml:16: sources.1.timezone",
        "s.yaml:17: sources.1.max_size",
    ]


def test_aliases_of_aliases_are_refused_before_they_fill_the_memory() -> None:
    text = "\n".join(
        ["a0: &a0 [x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    )
    assert "more than 100,000 keys" in faults(text)[0]


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    bad = tmp_path / "s.yaml"
    bad.write_bytes(b"owner: \xff")
    for path, message in ((bad, "byte 7: not UTF-8"), (tmp_path / "none", "No such file")):
        with pytest.raises(ScheduleError, match=message):
            schedule.load(path, "here")


@given(st.text(alphabet="ab:-[]{}&*!'\"\n ,|>%@`\\0#?", max_size=60))
def test_whatever_the_text_is_its_faults_are_named(text: str) -> None:
    assert all(each.startswith("s.yaml") for each in faults(text))


@pytest.mark.parametrize(
    ("pattern", "path", "wanted"),
    [
        ("**/*.xml", "a.xml", True),
        ("**/*.xml", "run/deep/a.xml", True),
        ("*.xml", "a.xml", True),
        ("*.xml", "run/a.xml", False),
        ("*/unit.xml", "run/unit.xml", True),
        ("*/unit.xml", "run/deep/unit.xml", False),
        ("run-*/**", "run-1/any/thing", True),
        ("run-[12]/?.tap", "run-2/a.tap", True),
        ("**/*.xml", "a\nb.xml", True),
        ("**/*.xml", "a.XML", False),
    ],
)
def test_a_pattern_means_paths_below_the_folder(pattern: str, path: str, wanted: bool) -> None:
    source = Source(directory="/a", files=[pattern])
    assert source.wants(path.split("/")) is wanted


def test_a_file_is_read_as_its_name_says_unless_the_source_says_more() -> None:
    source = Source(directory="/a")
    types = [source.type_of(name) for name in ("a.XML", "a.tap", "a.jsonl", "a.log", "xml")]
    assert types == ["junit", "tap", "reportlog", "other", "other"]
    assert Source(directory="/a", type="tap").type_of("a.log") == "tap"
