"""The Jobs page in the browser, against a database in which no worker runs: what it shows is what
the domain made."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from axe_playwright_python.sync_playwright import Axe
from celery import Celery
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import browser, watched
from tests.integration.db.conftest import Broker, Database
from tests.served import Web, serving
from tests.stack import PASSWORD
from timestack import db, queue
from timestack.domains import jobs, users
from timestack.domains.jobs import control, listing, schedules, steps

__all__ = ["browser"]

pytestmark = [pytest.mark.database, pytest.mark.browser]

# Milliseconds; for a machine that has much else to do.
DEADLINE = 60_000
PROBE = "jobs.probe"
TITLE = "Show that jobs are run"


@pytest.fixture(scope="module")
def environment(provisioned: Database, broker: Broker) -> dict[str, str]:
    return {
        **provisioned.environment,
        "DATABASE_ROLE": "timestack_app",
        "REDIS_HOST": "localhost",
        "REDIS_PORT": str(broker.port),
    }


@pytest.fixture(scope="module")
def domain(provisioned: Database, environment: dict[str, str]) -> Iterator[Database]:
    """This process submits jobs, as the web does; there is one user of each role."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        app = Celery("test", set_as_current=False)
        app.add_defaults(queue._configuration)
        assert app.conf.broker_url
        patch.setattr(queue, "app", app)
        engine = db.init(provisioned.settings("app"))
        with db.session() as session:
            for role in users.ROLES:
                users.put(session, f"{role}@example.org", role, password=PASSWORD)
        yield provisioned
        app.close()
        engine.dispose()


@pytest.fixture(scope="module")
def web(
    domain: Database, environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Web]:
    with serving(tmp_path_factory.mktemp("web") / "log", environment) as running:
        yield running


@pytest.fixture(scope="module")
def log_ins(browser: Browser, web: Web) -> dict[str, dict]:
    """What the browser of a user of each role keeps of the log-in."""
    found = {}
    for role in users.ROLES:
        with browser.new_context() as context:
            page = context.new_page()
            page.set_default_timeout(DEADLINE)
            page.goto(f"http://localhost:{web.port}/account")
            page.get_by_label("E-mail").fill(f"{role}@example.org")
            page.get_by_label("Password", exact=True).fill(PASSWORD)
            page.get_by_role("button", name="Log in").click()
            page.wait_for_url(re.compile("/account$"))
            found[role] = context.storage_state()
    return found


@pytest.fixture
def role(request: pytest.FixtureRequest) -> str:
    return getattr(request, "param", "admin")


@pytest.fixture
def page(browser: Browser, web: Web, log_ins: dict[str, dict], role: str) -> Iterator[Page]:
    """A desktop page of a user of a role, and no job yet."""
    base = f"http://localhost:{web.port}"
    context = browser.new_context(
        base_url=base, storage_state=log_ins[role], viewport={"width": 1440, "height": 1000}
    )
    context.set_default_timeout(DEADLINE)
    with watched(context) as page:
        yield page


@pytest.fixture(autouse=True)
def nothing(domain: Database) -> None:
    domain.sql("truncate jobs, job_probes, paused_kinds, schedules")


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
    with db.session() as session:
        if state == "cancelled":
            control.cancel(session, id)
        elif state == "succeeded":
            assert steps.claim(session, id)
            steps.succeed(session, id, {"mark": "here"})
        else:
            assert steps.claim(session, id)
            steps.fail(session, id, "ConnectionError: the platform answered 503", again=False)
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
