"""What each source of advisories says; one that did not answer never counts as "no finding"."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scripts.checks import audit, packages, sbom
from scripts.host import tests

FLASK = ("flask", "3.1.0")
PLACES = {FLASK: {"timestack/web", "services/web/requirements.txt"}}


def image(name: str = "timestack/web", release: str = "trixie") -> sbom.Contents:
    found = sbom.Contents(name, "sha256:0", {"VERSION_CODENAME": release})
    found.debian = [packages.Debian("libssl3t64", "3.5.1-1", "amd64", "openssl", "3.5.1-1")]
    return found


def tracked(status: str, **state: str) -> dict:
    return {"openssl": {"CVE-1": {"releases": {"trixie": {"status": status, **state}}}}}


def weighed(known: object, release: str = "trixie") -> audit.Answer:
    answer = audit.Answer("tracker", 1)
    audit.weigh(answer, known, {release: {("openssl", "3.5.1-1"): {"timestack/web"}}})
    return answer


def test_a_vulnerability_that_pip_audit_names_is_a_finding() -> None:
    vulnerability = {"id": "PYSEC-1", "fix_versions": ["3.1.1"], "aliases": []}
    answer = {"dependencies": [{"name": "Flask", "version": "3.1.0", "vulns": [vulnerability]}]}
    known, fault = audit.parse(json.dumps(answer), "", 1)
    assert fault == ""
    assert audit.findings(known, PLACES) == [
        audit.Finding(*FLASK, "PYSEC-1", "3.1.1", "services/web/requirements.txt, timestack/web")
    ]


def test_a_package_that_the_index_does_not_know_was_not_checked() -> None:
    """pip-audit itself says "No known vulnerabilities found" of such a run, and exits with 0."""
    answer = {"dependencies": [{"name": "flask", "skip_reason": "not found"}]}
    known, fault = audit.parse(json.dumps(answer), "", 1)
    assert known == {}
    assert fault == "has no entry for 1 of 1 packages"


def test_no_answer_is_told_with_pip_audits_own_last_line() -> None:
    known, fault = audit.parse("", "Traceback\nConnectionError: no route\n", 1)
    assert known == {}
    assert fault == "did not answer (ConnectionError: no route)"


def test_two_versions_of_a_package_are_asked_about_in_turn() -> None:
    wanted = {("a", "1"), ("a", "2"), ("b", "1")}
    rounds = list(audit.rounds(wanted))
    assert [sorted(name for name, _ in few) for few in rounds] == [["a", "b"], ["a"]]
    assert {each for few in rounds for each in few} == wanted


def test_the_requirements_of_a_lock_are_read_by_their_canonical_names() -> None:
    text = 'Flask_X[a]==1.2 ; python_version < "4" \\\n    --hash=sha256:0\n# b==1\nzope.y==2 \\\n'
    assert audit.locked(text) == [("flask-x", "1.2"), ("zope-y", "2")]


@pytest.mark.parametrize(
    ("known", "count"),
    [
        (tracked("resolved", fixed_version="3.5.1-1+deb13u1"), 1),
        (tracked("resolved", fixed_version="3.5.1-1"), 0),
        (tracked("resolved", fixed_version="0"), 0),
        (tracked("open", urgency="low"), 0),
        (tracked("undetermined"), 0),
    ],
)
def test_a_vulnerability_is_a_finding_where_a_newer_version_mends_it(
    known: dict, count: int
) -> None:
    answer = weighed(known)
    assert (len(answer.findings), answer.checked) == (count, 1)


def test_what_debian_has_not_mended_yet_is_counted() -> None:
    assert weighed(tracked("open", urgency="low")).note.endswith("by urgency: 1 low")


@pytest.mark.parametrize("known", [{}, [], None, {"openssl": {}}])
def test_an_answer_that_is_not_the_trackers_checks_nothing(known: object) -> None:
    answer = weighed(known)
    assert answer.checked == 0
    assert answer.silent


def test_the_tracker_says_nothing_of_another_distributions_release() -> None:
    answer = weighed(tracked("open"), release="jammy")
    assert answer.checked == 0
    assert "jammy" in answer.silent


def test_an_update_in_the_security_archive_is_a_finding() -> None:
    listed = """\
suite trixie
suite trixie-security
libssl3t64 | 3.5.1-1+deb13u2 | http://mirror.example/security trixie-security/main amd64 Packages
libssl3t64 | 3.5.1-1+deb13u1 | http://mirror.example/security trixie-security/main amd64 Packages
libssl3t64 | 3.5.9-1 | http://mirror.example/debian trixie/main amd64 Packages
"""
    installed = {("libssl3t64", "3.5.1-1"): {"timestack/web"}}
    (found,) = audit.updates(listed, installed)
    assert found.fixed == "3.5.1-1+deb13u2"
    assert audit.updates(listed, {("libssl3t64", "3.5.1-1+deb13u2"): {"timestack/web"}}) == []


def test_an_image_whose_archive_cannot_be_asked_was_not_checked() -> None:
    answer = audit.archive([image("timestack/no-such-image")])
    assert (answer.asked, answer.checked) == (1, 0)
    assert "did not answer" in answer.silent


def test_a_module_with_an_advisory_is_a_finding() -> None:
    listed = [("example.org/a", "1.0.0"), ("stdlib", "1.26.9")]
    found = {each: {"timestack/traefik"} for each in listed}
    answer = audit.Answer("Go", 2)
    audit.match(answer, {"results": [{}, {"vulns": [{"id": "GO-1"}]}]}, listed, found)
    assert answer.checked == 2
    assert [each.advisory for each in answer.findings] == ["GO-1"]


def test_an_answer_to_fewer_questions_checks_no_module() -> None:
    answer = audit.Answer("Go", 2)
    audit.match(answer, {"results": [{}]}, [("a", "1"), ("b", "1")], {})
    assert answer.checked == 0
    assert "1 of 2" in answer.silent


def test_packages_of_npm_are_those_of_the_images_and_of_the_locks(tmp_path: Path) -> None:
    lock = {
        "": {},
        "node_modules/@a/b": {"version": "2.0.0"},
        "node_modules/c": {"version": "1.0.0"},
    }
    ours, frontend = tests.NPM_LOCKS
    other = {"": {}, "node_modules/c": {"version": "1.0.0"}}
    for file, packages_of in ((ours, lock), (frontend, other)):
        (tmp_path / file).parent.mkdir(parents=True)
        (tmp_path / file).write_text(json.dumps({"packages": packages_of}))
    web = image()
    web.node = [packages.Node("c", "1.0.0", "MIT", "app/node_modules/c")]
    assert audit.nodes(tmp_path, [web]) == {
        ("@a/b", "2.0.0"): {ours},
        ("c", "1.0.0"): {ours, frontend, "timestack/web"},
    }


def test_the_exit_code_tells_findings_from_sources_that_did_not_answer() -> None:
    clean = audit.Answer("a", 3, 3)
    silent = audit.Answer("b", 3, 0, "did not answer (no route)")
    found = audit.Answer("c", 3, 3, findings=[audit.Finding("x", "1", "CVE-1", "2", "web")])
    assert audit.verdict([clean]) == 0
    assert audit.verdict([clean, silent]) == 3
    assert audit.verdict([clean, silent, found]) == 1


def test_the_report_says_what_was_not_checked_and_why() -> None:
    silent = audit.Answer("b", 3, 0, "did not answer (no route)")
    found = audit.Answer("c", 3, 3, findings=[audit.Finding("x", "1", "CVE-1", "2", "web")])
    report = audit.report([silent, found])
    assert "! b: 3 of 3 packages not checked: did not answer (no route)" in report
    assert "x c: 3 packages checked, findings: 1" in report
    assert "CVE-1" in report
    assert "b: 0 packages" not in report
