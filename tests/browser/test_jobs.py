"""The Jobs page in Debian's Chromium while workers are at work."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.conftest import at_a_desk, cookies, watched
from tests.stack import Stack

pytestmark = [pytest.mark.stack, pytest.mark.browser]

PROBE = "jobs.probe"


@pytest.fixture
def page(browser: Browser, stack: Stack) -> Iterator[Page]:
    known = cookies(stack)
    context = at_a_desk(browser, ignore_https_errors=True)
    context.add_cookies(known)
    with watched(context) as page:
        yield page


def shows(part: Locator, text: str) -> None:
    expect(part).to_contain_text(text)


def test_a_job_is_started_watched_cancelled_and_retried(stack: Stack, page: Page) -> None:
    page.goto(f"{stack.url}/dash/jobs")
    page.locator("#kind-jobs-probe").get_by_role("link").click()
    page.get_by_label("Seconds").fill("40")
    page.get_by_label("Mark").fill("from the page")
    page.get_by_role("button", name="Start the job").click()
    page.wait_for_url(re.compile(r"\?job="))
    page.evaluate("window.loaded = 'once'")
    one = page.locator(".ts-one")
    shows(one, "running")
    bar = one.get_by_role("progressbar")
    expect(bar).not_to_have_attribute("aria-valuenow", "0")
    before = float(bar.get_attribute("aria-valuenow") or 0)
    page.wait_for_function(
        "before => +document.querySelector('[role=progressbar]').ariaValueNow > before", arg=before
    )
    one.get_by_role("button", name="Cancel").click()
    shows(one, "Cancelled while it ran")
    one.get_by_role("button", name="Retry").click()
    shows(one, "running")
    one.get_by_role("button", name="Cancel").click()
    shows(one, "Cancelled while it ran")
    shows(one, "2 of ")
    assert page.evaluate("window.loaded") == "once"


def test_a_job_that_failed_is_retried_and_succeeds(stack: Stack, page: Page) -> None:
    # Not one that has run: whichever process of the worker did so may keep its lock for long.
    asked = {"kind": PROBE, "params": {"mark": "again"}, "run_at": "2100-01-01T00:00:00Z"}
    id = stack.http.post("/api/v1/jobs", json=asked).json()["id"]
    failed = "state = 'failed', message = 'made to fail', attempts = 1, finished_at = now()"
    stack.sql(f"update jobs set {failed} where id = '{id}'")
    page.goto(f"{stack.url}/dash/jobs?state=failed")
    row = page.locator(f"#job-{id}")
    shows(row, "Made to fail")
    row.get_by_role("button", name="Retry").click()
    expect(row).to_have_count(0)
    page.goto(f"{stack.url}/dash/jobs?job={id}")
    one = page.locator(".ts-one")
    shows(one, "succeeded")
    shows(one, "2 of ")
