"""The Jobs page in the browser, against a database in which no worker runs: what it shows is what
the domain made."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import barriers
from tests.integration.db.conftest import Database, fail
from timestack import db
from timestack.domains import jobs
from timestack.domains.jobs import control, listing, schedules, steps

pytestmark = [
    pytest.mark.database,
    pytest.mark.browser,
    # This process submits jobs, as the web does.
    pytest.mark.usefixtures("environment"),
]

PROBE = "jobs.probe"
TITLE = "Show that jobs are run"
UPDATE = re.compile("_dash-update-component")
# Lets the page believe that its tab is hidden, and counts the ticks of its clock.
HIDE = """
() => {
  window.away = true;
  window.ticks = 0;
  Object.defineProperty(document, 'hidden', {get: () => window.away});
  const calls = window.dash_clientside.timestack;
  const look = calls.look;
  calls.look = () => { window.ticks += 1; return look(); };
}
"""


@pytest.fixture
def role() -> str:
    return "admin"


# Jobs in each state, made as workers, users and the clock make them.


def run(progress: float, message: str, kind: str = PROBE, **params) -> UUID:
    """A job that a worker is at."""
    id = jobs.submit(kind, params, submitted_by="editor@example.org").id
    with db.session() as session:
        assert steps.claim(session, id)
        steps.progress(session, id, progress, message)
    return id


def end(state: str, kind: str = PROBE, **params) -> UUID:
    """A job that has ended."""
    id = jobs.submit(kind, params, submitted_by="admin@example.org", request_id="from-the-edge").id
    if state == "failed":
        return fail(id, "ConnectionError: the platform answered 503")
    with db.session() as session:
        if state == "cancelled":
            control.cancel(session, id)
        else:
            assert steps.claim(session, id)
            steps.succeed(session, id, {"mark": "here"})
    return id


def fill() -> dict[str, UUID]:
    """Some jobs of every state and for every reason to wait; by what they are."""
    made = {state: end(state, mark=state) for state in ("succeeded", "failed", "cancelled")}
    made["ingest"] = run(0.42, "account 21 of 50", "usage.ingest")
    made["running"] = run(0.8, "waiting 30 s", seconds=30)
    made["exclusive"] = jobs.submit("usage.ingest", submitted_by=schedules.BY).id
    made["waiting"] = jobs.submit(PROBE, {"mark": "after"}, waits_for=made["ingest"]).id
    later = datetime.now(UTC) + timedelta(hours=2)
    made["later"] = jobs.submit(PROBE, {"mark": "later"}, run_at=later).id
    made["again"] = run(0.1, "")
    with db.session() as session:
        steps.fail(session, made["again"], "OperationalError: the server closed the connection")
        control.pause(session, "companies.fetch", by="admin@example.org")
        schedules.settle(
            session,
            [
                schedules.Schedule("refresh the rollups", "rollups.refresh", "*/5 * * * *"),
                schedules.Schedule("take in the usage", "usage.ingest", "0 2 * * *",
                                   "Europe/Berlin"),
            ],
        )  # fmt: skip
    made["paused"] = jobs.submit("companies.fetch", submitted_by="admin@example.org").id
    return made


def row(page: Page, id: UUID):
    return page.locator(f"#job-{id}")


def state(id: UUID) -> str:
    with db.session() as session:
        return listing.get(session, id).state


# What is seen


def test_an_empty_page_says_when_jobs_appear(page: Page, screenshots: Path) -> None:
    page.goto("/dash/jobs")
    expect(page.get_by_role("heading", name="No jobs yet")).to_be_visible()
    expect(page.get_by_role("link", name="0 queued now")).to_be_visible()
    page.screenshot(path=screenshots / "jobs-empty.png", full_page=True)


def test_each_job_shows_how_far_it_is_or_why_it_waits_or_failed(page: Page) -> None:
    made = fill()
    page.goto("/dash/jobs")
    for count in ("5 queued now", "2 running now", "1 succeeded", "1 failed", "1 cancelled"):
        expect(page.get_by_role("link", name=count)).to_be_visible()
    bar = row(page, made["ingest"]).get_by_role("progressbar")
    expect(bar).to_have_attribute("aria-valuenow", "42")
    for which, text in {
        "ingest": "Account 21 of 50",
        "exclusive": "Another run of its kind is in progress",
        "waiting": f"Waits for job {str(made['ingest'])[:8]}, usage.ingest, which is running",
        "later": "Not before",
        "again": "Attempt 1 of 3 failed: OperationalError",
        "paused": "Its kind is paused since",
        "failed": "ConnectionError: the platform answered 503",
        "cancelled": "Cancelled before it started",
    }.items():
        expect(row(page, made[which])).to_contain_text(text)
    kind = page.locator("#kind-companies-fetch")
    expect(kind).to_contain_text("paused")
    clock = page.locator("#jobs-schedules")
    expect(clock).to_contain_text("0 2 * * * Europe/Berlin")
    expect(clock).to_contain_text("Last")


def test_what_the_clock_started_leads_to_its_job(page: Page) -> None:
    every = [schedules.Schedule("probe", PROBE, "*/5 * * * *")]
    with db.session() as session:
        schedules.settle(session, every)
        for each in schedules.states(session):
            each.due_at -= timedelta(hours=1)
    with db.session() as session:
        assert schedules.start_due(session, every) == ["probe"]
        [made] = schedules.states(session)
    page.goto("/dash/jobs")
    page.locator("#schedule-probe").get_by_role("link").click()
    page.wait_for_url(re.compile(rf"\?job={made.last_job}$"))
    expect(page.get_by_text("schedule", exact=True)).to_be_visible()


def test_the_page_moves_by_itself_and_leaves_what_the_reader_is_at(page: Page) -> None:
    first, second = run(0.1, "one", seconds=60), run(0.2, "two", seconds=60)
    page.goto("/dash/jobs")
    page.evaluate("window.loaded = 'once'")
    cancel = row(page, second).get_by_role("button")
    cancel.focus()
    with db.session() as session:
        steps.progress(session, second, 0.7, "two, further")
        steps.succeed(session, first, None)
    bar = row(page, second).get_by_role("progressbar")
    expect(bar).to_have_attribute("aria-valuenow", "70")
    expect(page.locator("#jobs-ended").locator(f"#job-{first}")).to_contain_text("succeeded")
    # The row above it is gone, and the button is the same one.
    expect(cancel).to_be_focused()
    assert page.evaluate("window.loaded") == "once"


def test_a_page_that_nobody_sees_asks_for_nothing(page: Page) -> None:
    run(0.1, "", seconds=60)
    page.goto("/dash/jobs")
    asked: list[str] = []
    # What the page asks while it begins is over by its third tick.
    for _ in range(3):
        with page.expect_response(UPDATE):
            pass
    page.evaluate(HIDE)
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_function("() => window.ticks >= 2")
    assert asked == []
    with page.expect_response(UPDATE):
        page.evaluate("window.away = false; document.dispatchEvent(new Event('visibilitychange'))")


# What is done


def test_a_queued_job_is_cancelled_and_retried_where_it_stands(page: Page) -> None:
    id = jobs.submit(PROBE).id
    page.goto("/dash/jobs")
    row(page, id).get_by_role("button", name=f"Cancel {TITLE}").click()
    expect(page.locator("#jobs-ended").locator(f"#job-{id}")).to_contain_text("cancelled")
    assert state(id) == "cancelled"
    row(page, id).get_by_role("button", name="Retry").click()
    expect(page.locator("#jobs-queued").locator(f"#job-{id}")).to_be_visible()
    assert state(id) == "queued"


def test_a_running_job_is_asked_to_end(page: Page) -> None:
    id = run(0.3, "")
    page.goto("/dash/jobs")
    row(page, id).get_by_role("button", name="Cancel").click()
    expect(row(page, id)).to_contain_text("Cancelling")
    expect(row(page, id).get_by_role("button")).to_have_count(0)
    with db.session() as session, pytest.raises(steps.CancelledError):
        steps.progress(session, id, 0.4, "")


def test_what_cannot_be_done_is_said_at_the_button(page: Page, provisioned: Database) -> None:
    id = jobs.submit(PROBE).id
    page.goto(f"/dash/jobs?job={id}")
    cancel = page.get_by_role("button", name="Cancel")
    expect(cancel).to_be_visible()
    with db.session() as session:
        assert steps.claim(session, id)
        steps.succeed(session, id, None)
    # Before the page looks again.
    page.evaluate(
        "data => dash_clientside.set_props('jobs-action', {data})",
        {"verb": "cancel", "job": str(id), "turn": 1},
    )
    expect(page.get_by_role("alert")).to_have_text(
        f"Job {id} has succeeded: only a queued or running one can be cancelled."
    )
    provisioned.sql("truncate jobs")
    page.evaluate(
        "data => dash_clientside.set_props('jobs-action', {data})",
        {"verb": "retry", "job": str(id), "turn": 2},
    )
    expect(page.locator("#jobs-one")).to_contain_text(f"There is no job {id}")


def test_a_job_is_started_by_a_form_that_says_what_is_wrong_with_it(page: Page) -> None:
    page.goto("/dash/jobs")
    page.get_by_role("link", name=f"Start {TITLE}").click()
    seconds = page.get_by_label("Seconds")
    expect(page.get_by_text("at least 0, at most 60")).to_be_visible()
    page.get_by_label("Mark").fill("é")
    # The browser's own check would not let this through.
    page.evaluate("document.getElementById('jobs-start').noValidate = true")
    seconds.fill("61")
    page.get_by_role("button", name="Start the job").click()
    expect(page.locator("#start-seconds-field")).to_contain_text("less than or equal to 60")
    expect(page.locator("#start-mark-field")).to_contain_text("String should match")
    expect(page.get_by_label("Mark")).to_be_focused()
    expect(page.get_by_label("Mark")).to_have_value("é")
    with db.session() as session:
        assert listing.latest(session) == []
    page.get_by_label("Mark").fill("5")
    seconds.fill("2.5")
    page.get_by_role("button", name="Start the job").dblclick()
    page.wait_for_url(re.compile(r"\?job="))
    expect(page.get_by_text("admin@example.org").last).to_be_visible()
    with db.session() as session:
        [made] = listing.latest(session)
    assert (made.params, made.submitted_by) == (
        {"mark": "5", "seconds": 2.5}, "admin@example.org",
    )  # fmt: skip
    assert made.request_id


def test_a_kind_is_paused_and_resumed(page: Page) -> None:
    id = jobs.submit(PROBE).id
    page.goto("/dash/jobs")
    kind = page.locator("#kind-jobs-probe")
    kind.get_by_role("button", name="Pause").click()
    expect(kind).to_contain_text("by admin@example.org")
    expect(row(page, id)).to_contain_text("Its kind is paused")
    kind.get_by_role("button", name="Resume").click()
    expect(kind.get_by_role("button", name="Pause")).to_be_visible()


# Where it leads


def test_kind_and_state_are_chosen_and_are_in_the_address(page: Page) -> None:
    made = fill()
    page.goto("/dash/jobs")
    page.get_by_label("State").focus()
    page.get_by_label("State").select_option("failed")
    page.wait_for_url(re.compile(r"\?state=failed$"))
    expect(page.get_by_label("State")).to_be_focused()
    expect(row(page, made["failed"])).to_be_visible()
    expect(page.locator(".ts-job")).to_have_count(1)
    page.get_by_label("Kind").select_option("usage.ingest")
    page.wait_for_url(re.compile(r"\?kind=usage.ingest&state=failed$"))
    expect(page.get_by_text("No job that has ended is of this kind and state.")).to_be_visible()
    page.go_back()
    page.wait_for_url(re.compile(r"\?state=failed$"))
    expect(row(page, made["failed"])).to_be_visible()
    page.get_by_role("link", name="2 running now").click()
    page.wait_for_url(re.compile(r"\?state=running$"))
    expect(page.get_by_label("State")).to_have_value("running")
    expect(page.locator(".ts-job")).to_have_count(2)


def test_a_long_list_has_pages(page: Page) -> None:
    ids = [end("failed", mark=f"m{number}") for number in range(30)][::-1]
    page.goto("/dash/jobs?state=failed")
    expect(page.locator(".ts-job")).to_have_count(25)
    page.get_by_role("link", name="Older").click()
    expect(page.locator(".ts-job")).to_have_count(5)
    expect(row(page, ids[29])).to_be_visible()
    page.get_by_role("link", name="Newest").click()
    expect(row(page, ids[0])).to_be_visible()


def test_a_link_to_one_job_shows_everything_about_it(page: Page) -> None:
    made = fill()
    page.goto(f"/dash/jobs?job={made['failed']}")
    for text in (
        str(made["failed"]),
        '"mark": "failed"',
        "from-the-edge",
        "admin@example.org",
        "1 of 3",
        "Attempt 1, ",
    ):
        expect(page.locator(".ts-one")).to_contain_text(text)
    page.goto(f"/dash/jobs?job={made['succeeded']}")
    expect(page.locator(".ts-one")).to_contain_text('"mark": "here"')
    page.goto(f"/dash/jobs?job={made['waiting']}")
    page.locator(".ts-facts").get_by_role("link").click()
    page.wait_for_url(re.compile(rf"\?job={made['ingest']}$"))


def test_an_address_that_asks_for_what_is_not_there_leads_to_what_is(page: Page) -> None:
    page.goto("/dash/jobs?job=00000000-0000-0000-0000-000000000000")
    expect(page.get_by_role("alert")).to_contain_text("Unknown job")
    page.get_by_role("link", name="Show the jobs there are").click()
    expect(page.get_by_role("heading", name="No jobs yet")).to_be_visible()


# Who may


@pytest.mark.parametrize("role", ["editor"])
def test_an_editor_cancels_and_retries_but_neither_starts_nor_pauses(page: Page) -> None:
    id = end("failed")
    page.goto("/dash/jobs")
    expect(page.get_by_role("link", name="Start")).to_have_count(0)
    expect(page.get_by_role("button", name="Pause")).to_have_count(0)
    row(page, id).get_by_role("button", name="Retry").click()
    expect(page.locator("#jobs-queued").locator(f"#job-{id}")).to_be_visible()


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1440, "light")])
def test_it_keeps_nobody_out(page: Page, width: int, scheme: str, screenshots: Path) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    made = fill()
    for name, query in {
        "running": "",
        "failed": "?state=failed",
        "job": f"?job={made['failed']}",
        "start": "?start=jobs.probe",
    }.items():
        page.goto(f"/dash/jobs{query}")
        page.locator(".ts-jobs-page").wait_for()
        assert barriers(page) == [], name
        small = page.evaluate(
            "[...document.querySelectorAll('main :is(button, .btn, select, .ts-counts a)')]"
            ".filter(each => each.getBoundingClientRect().height < 24).length"
        )
        assert small == 0, name
        page.screenshot(path=screenshots / f"jobs-{name}-{width}-{scheme}.png", full_page=True)
