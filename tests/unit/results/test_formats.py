"""Files of test results as tools write them, and as an attacker does."""

from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.stack import ROOT
from timestack.domains.results import outcome, reportlog
from timestack.domains.results.outcome import ResultFileError, Suite
from timestack.domains.results.reading import FORMATS
from timestack.series import catalog

ZONE = ZoneInfo("Europe/Paris")
SCHEMA = ROOT / "services" / "timescaledb" / "schema" / "hypertables.yaml"

PYTEST = b"""<?xml version="1.0" encoding="utf-8"?>
<testsuites name="pytest tests"><testsuite name="pytest" errors="1" failures="1" skipped="1"
 tests="4" time="1.5" timestamp="2026-03-01T10:00:00.250000+01:00" hostname="a">
<testcase classname="tests.test_a" name="test_one" time="0.250" />
<testcase classname="tests.test_a" name="test_two[\xc3\xa9]" time="1.0"><failure
 message="assert 1 == 2">def test_two():
&gt; assert 1 == 2</failure></testcase>
<testcase classname="tests.test_a" name="test_three" time="0"><skipped type="pytest.skip"
 message="not today">x</skipped></testcase>
<testcase classname="" name="test_four"><error message="setup">boom</error><system-out>
noise</system-out></testcase>
</testsuite></testsuites>"""


def read(type: str, data: bytes) -> list[Suite]:
    return FORMATS[type](data, ZONE)


def outcomes(suite: Suite) -> list[tuple[str, str]]:
    return [(each.name, each.outcome) for each in suite.results]


def refusal(type: str, data: bytes) -> str:
    with pytest.raises(ResultFileError) as error:
        read(type, data)
    return str(error.value)


def test_pytest_s_xml_is_read_with_outcome_seconds_and_message() -> None:
    [suite] = read("junit", PYTEST)
    assert suite.name == "pytest"
    assert suite.started == datetime(2026, 3, 1, 9, 0, 0, 250_000, UTC)
    assert outcomes(suite) == [
        ("tests.test_a.test_one", "passed"),
        ("tests.test_a.test_two[é]", "failed"),
        ("tests.test_a.test_three", "skipped"),
        ("test_four", "error"),
    ]
    assert [each.seconds for each in suite.results] == [0.25, 1.0, 0.0, None]
    assert suite.results[1].message == "assert 1 == 2\ndef test_two():\n> assert 1 == 2"
    assert suite.results[3].message == "setup\nboom"


def test_suites_within_a_suite_belong_to_it_and_a_time_without_offset_is_of_the_zone() -> None:
    data = b"""<testsuites xmlns="urn:x"><testsuite name="all"><testsuite name="inner"
      timestamp="2026-07-01T12:00:00"><testcase name="t" classname="t" time="1,234.5"/></testsuite>
      <testcase name="u" status="notrun"/></testsuite><testsuite name="empty"/>
      <testsuite name="other" timestamp="0001-01-01T00:00:00"><testcase name="v" time="-1"/>
      </testsuite></testsuites>"""
    first, second = read("junit", data)
    assert (first.name, outcomes(first)) == ("all", [("t", "passed"), ("u", "skipped")])
    assert first.started == datetime(2026, 7, 1, 10, tzinfo=UTC)
    assert first.results[0].seconds == 1234.5
    assert (second.name, second.started, second.results[0].seconds) == ("other", None, None)


LAUGHS = b"""<?xml version="1.0"?>
<!DOCTYPE lolz [<!ENTITY lol "lol">%s]>
<testsuites><testsuite name="&lol9;"><testcase name="t"/></testsuite></testsuites>""" % b"".join(
    b'<!ENTITY lol%d "%s">' % (level, b"&lol%d;" % (level - 1) * 10) for level in range(1, 10)
)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (LAUGHS, "line 2: has a document type, which is refused"),
        (b'<!DOCTYPE t SYSTEM "file:///etc/passwd"><testsuite/>', "line 1: has a document type"),
        (
            b'<!DOCTYPE t [<!ENTITY x SYSTEM "http://127.0.0.1:1/x">]>\n<testsuite name="&x;"/>',
            "line 1: has a document type",
        ),
        (
            b'<!DOCTYPE t [<!ENTITY % p SYSTEM "http://127.0.0.1:1/x"> %p;]><testsuite/>',
            "line 1: has a document type",
        ),
        (b'<testsuite name="&x;"/>', "line 1: is not XML: undefined entity"),
        (b"", "line 1: is not XML: no element found"),
        (b"<testsuite>\n\n<testcase", "line 3: is not XML: unclosed token"),
        (b"<testsuite>\n<testcase></testsuite>", "line 2: is not XML: mismatched tag"),
        (b"\n<coverage/>", "line 2: is not JUnit XML: its root is `coverage`"),
        (b"<testsuites>\n<testcase/></testsuites>", "line 2: has a `testcase` that is in no"),
        (b"<testsuite>" + b"<a>" * 200, "line 1: is nested more than 100 deep"),
        (b'<?xml version="1.0" encoding="no-such"?><testsuite/>', "line 1: is not XML"),
        (b'<?xml version="1.0" encoding="utf-7"?><testsuite/>', "line 1: is not XML"),
        (b'<testsuite name="\xff"/>', "line 1: is not XML: not well-formed"),
        (b"\0" * 100, "line 1: is not XML"),
    ],
)
def test_xml_that_is_bad_or_meant_to_harm_is_refused_with_its_line(
    data: bytes, message: str
) -> None:
    began = time.process_time()
    assert refusal("junit", data).startswith(message)
    assert time.process_time() - began < 1


def test_tap_is_read_with_directives_durations_and_what_is_below_a_failure() -> None:
    data = b"""TAP version 14
1..6
ok 1 - adds up # time=12.5ms
not ok 2 - takes \\# away
  ---
  duration_ms: 1500
  message: 'expected 1'
  ...
ok 3 # SKIP no network
not ok 4 later # TODO not written
    ok 1 - of a subtest
ok 5 - fixed # TODO done\r
ok
"""
    [suite] = read("tap", data)
    assert outcomes(suite) == [
        ("adds up", "passed"),
        ("takes # away", "failed"),
        ("test 3", "skipped"),
        ("later", "skipped"),
        ("fixed", "passed"),
        ("test 6", "passed"),
    ]
    assert [each.seconds for each in suite.results[:2]] == [0.0125, 1.5]
    assert "message: 'expected 1'" in suite.results[1].message
    assert suite.results[2].message == "no network"


def test_a_run_that_breaks_off_has_an_error_named_plan() -> None:
    [suite] = read("tap", b"1..3\nok 1 - a\nBail out! no database\nok 2 - b\n")
    assert outcomes(suite) == [("a", "passed"), ("plan", "error")]
    assert suite.results[1].message == "bailed out: no database"
    [suite] = read("tap", b"ok 1 - a\n1..3\n")
    assert outcomes(suite) == [("a", "passed"), ("plan", "error")]
    assert suite.results[1].message == "the plan is 3 tests, and 1 ran"
    assert read("tap", b"1..0 # SKIP nothing to do\n") == []


def test_what_is_not_tap_is_refused() -> None:
    assert refusal("tap", b"\x7fELF\n\xff\n") == (
        "line 3: is not TAP: it has neither a plan (`1..5`) nor a test"
    )


def lines(*reports: dict) -> bytes:
    return b"".join(json.dumps({"$report_type": "TestReport", **each}).encode() + b"\n"
                    for each in reports)  # fmt: skip


def phase(name: str, when: str, outcome: str = "passed", **more: object) -> dict:
    return {"nodeid": name, "when": when, "outcome": outcome, "duration": 0.5, **more}


def test_pytest_s_json_lines_are_read_a_result_for_the_phases_of_a_test() -> None:
    crash = {"reprcrash": {"message": "assert 0"}}
    data = lines(
        {"$report_type": "SessionStart", "pytest_version": "8"},
        {"$report_type": "CollectReport", "nodeid": "", "outcome": "passed"},
        {"$report_type": "CollectReport", "nodeid": "b.py", "outcome": "failed", "longrepr": "E"},
        phase("a.py::one", "setup", start=1772355600.5),
        phase("a.py::one", "call"),
        phase("a.py::one", "teardown"),
        phase("a.py::two", "setup"),
        phase("a.py::two", "call", "failed", longrepr=crash),
        phase("a.py::two", "teardown"),
        phase("a.py::three", "setup", "failed", longrepr="no fixture"),
        phase("a.py::four", "setup", "skipped", longrepr=["a.py", 3, "Skipped: why"]),
        phase("a.py::five", "setup"),
        phase("a.py::five", "call", "rerun"),
        phase("a.py::five", "setup"),
        phase("a.py::five", "call"),
        {"$report_type": "SessionFinish", "exitstatus": 1},
    )
    [suite] = read("reportlog", data)
    assert suite.started == datetime(2026, 3, 1, 9, 0, 0, 500_000, UTC)
    assert [(each.name, each.outcome, each.seconds, each.message) for each in suite.results] == [
        ("b.py", "error", None, "E"),
        ("a.py::one", "passed", 1.5, ""),
        ("a.py::two", "failed", 1.5, "assert 0"),
        ("a.py::three", "error", 0.5, "no fixture"),
        ("a.py::four", "skipped", 0.5, "Skipped: why"),
        ("a.py::five", "passed", 1.0, ""),
    ]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "line 1: is empty"),
        (lines(phase("a", "call")) + b'{"$report_type": "Tes', "line 2: is not JSON: Untermin"),
        (b'{"a": 1}\n', "line 1: is not a line of pytest's report"),
        (b"[1]\n", "line 1: is not a line of pytest's report"),
        (b"[" * 100_000, "line 1: is not JSON that can be read"),
        (b"9" * 10_000, "line 1: is not JSON that can be read"),
        (b"\xff\n", "line 1: is not JSON that can be read"),
        (lines({"outcome": "passed"}), "line 1: has no `nodeid`"),
        (lines(phase("a", "call", "exploded")), "line 1: has no `nodeid` or `outcome`"),
    ],
)
def test_json_lines_that_are_bad_are_refused_with_their_line(data: bytes, message: str) -> None:
    assert refusal("reportlog", data).startswith(message)


def test_a_name_is_one_line_of_limited_length_and_two_long_ones_stay_apart() -> None:
    data = lines(*(phase(name, "call") for name in ("a\n\0\ud800b", "x" * 900, "x" * 901)))
    [suite] = read("reportlog", data)
    first, second, third = (each.name for each in suite.results)
    assert first == "a\\n\\x00\\ud800b"
    assert len(second) == len(third) == outcome.LONGEST_NAME
    assert second != third


@pytest.mark.parametrize("type", FORMATS)
def test_a_file_of_too_many_tests_is_refused(type: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outcome, "MOST_RESULTS", 2)
    data = {
        "junit": b"<testsuite>" + b'<testcase name="a"/>' * 3 + b"</testsuite>",
        "tap": b"ok\n" * 3,
        "reportlog": lines(*(phase(name, "call") for name in "abc")),
    }
    assert "has more than 2 tests: split it" in refusal(type, data[type])


def test_what_is_accepted_is_what_the_database_accepts() -> None:
    tables = catalog.load(SCHEMA).hypertables
    for name in ("test_runs", "test_results"):
        bounds = tables[name].bounds
        assert (bounds["time"].low, bounds["time"].high) == (outcome.EARLIEST, outcome.LATEST)
        assert (bounds["seconds"].low, bounds["seconds"].high) == (0, outcome.LONGEST_SECONDS)


def storable(suites: list[Suite]) -> None:
    """Everything read is what PostgreSQL takes, within the bounds."""
    for suite in suites:
        assert suite.started is None or outcome.within(suite.started) == suite.started
        for each in suite.results:
            assert 0 < len(each.name) <= outcome.LONGEST_NAME
            assert each.name.isprintable()
            assert "\0" not in each.message.encode().decode()
            assert len(each.message) <= outcome.LONGEST_MESSAGE
            assert each.seconds is None or 0 <= each.seconds <= outcome.LONGEST_SECONDS


WORDS = ["<testsuites>", "</testsuites>", "<testsuite ", "name='a' ", "timestamp='", "'", ">", "/>",
         "<testcase ", "</testcase>", "<failure>", "</failure>", "time='1e999'", "&#xD800;", "&a;",
         "<![CDATA[", "]]>", "<!--", "<?xml version='1.0' encoding='utf-16'?>", "<!DOCTYPE a>",
         "9999-12-31T23:59:59-12:00", "\n", "ok", "not ok", "1..", "99", " # SKIP", "Bail out!",
         "  duration_ms: ", ".", "\\#", "{", "}", '"$report_type": "TestReport"', ",",
         '"nodeid": "\\ud800"', '"outcome": "failed"', '"start": 1e400', '"duration": NaN',
         '"longrepr": [{"reprcrash": "\\u0000"}]', '"when": {}', "null"]  # fmt: skip


@pytest.mark.parametrize("type", FORMATS)
@given(
    data=st.one_of(
        st.binary(max_size=200),
        st.lists(st.sampled_from(WORDS), max_size=30).map(lambda words: "".join(words).encode()),
    )
)
@example(data=b"\xff\xfe<\x00")
@example(data=b"<?xml version='1.0' encoding='hex'?><testsuite/>")
def test_whatever_the_bytes_are_a_file_is_read_or_refused_with_a_line(
    type: str, data: bytes
) -> None:
    refused = []
    try:
        storable(read(type, data))
    except ResultFileError as error:
        refused.append(str(error))
    assert all(re.match(r"line \d+: ", each) and each.isprintable() for each in refused)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.sampled_from("ab"), inner)),
    max_leaves=5,
)


@given(
    reports=st.lists(
        st.fixed_dictionaries(
            {"nodeid": st.text(max_size=5), "outcome": st.sampled_from(["passed", "failed"])},
            optional={name: JSON for name in ("when", "duration", "start", "longrepr")},
        ),
        max_size=3,
    )
)
def test_whatever_a_report_holds_its_tests_can_be_stored(reports: list[dict]) -> None:
    if reports:
        storable(reportlog.parse(lines(*reports)))
