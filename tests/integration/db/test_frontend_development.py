"""Editing the Finance page's sources: Flask serves the page, and Vite what is in it."""

from __future__ import annotations

import shutil
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests import frontend
from tests.integration.db.conftest import Database
from tests.served import Web, serving
from tests.stack import docker, free_port, wait_until

pytestmark = [pytest.mark.database, pytest.mark.browser]

IMAGE = "timestack-test/frontend"


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what one edits."""
    folder = tmp_path_factory.mktemp("frontend") / "src"
    shutil.copytree(frontend.SOURCES / "src", folder)
    return folder


@pytest.fixture(scope="module")
def vite(sources: Path) -> Iterator[str]:
    """`npm run dev` on these sources, as docs/make-it-yours.md has it where there is no Node."""
    frontend.image("frontend-packages", IMAGE)
    port = free_port()
    mounts = (
        f"--volume={sources}:/frontend/src:ro",
        f"--volume={frontend.SOURCES}/vite.config.ts:/frontend/vite.config.ts:ro",
    )
    # Within the container; what is published is this machine's alone.
    command = ("npm", "run", "dev", "--", "--host", "0.0.0.0")  # noqa: S104
    published = ("--publish", f"127.0.0.1:{port}:{port}", "--env", f"PORT={port}")
    running = docker("run", "--detach", "--rm", "--init", *published, *mounts, IMAGE, *command)
    origin = f"http://localhost:{port}"
    try:
        wait_until(lambda: answers(origin), "Vite answers")
        yield origin
    finally:
        docker("rm", "--force", "--volumes", running.strip())
        docker("image", "rm", IMAGE)


def answers(origin: str) -> bool:
    try:
        with urllib.request.urlopen(f"{origin}/src/dev.js", timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


@pytest.fixture(scope="module")
def served(
    jobs_variables: dict[str, str], vite: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Web]:
    """The web in development, which takes the page's files from Vite."""
    development = {**jobs_variables, "TIMESTACK_ENV": "development", "FRONTEND_URL": vite}
    with serving(tmp_path_factory.mktemp("web") / "log", development) as running:
        yield running


def edit(file: Path, before: str, after: str) -> None:
    text = file.read_text()
    assert before in text
    file.write_text(text.replace(before, after))


def test_what_is_edited_is_seen_without_a_reload_and_what_was_chosen_stays(
    page: Page, provisioned: Database, sources: Path
) -> None:
    provisioned.sql(
        "insert into companies (name) values ('Acme');"
        " insert into finances (company_id, year, q1) values (1, 2023, 5), (1, 2024, 7)"
    )
    # What is edited before that, it is not told of.
    with page.expect_console_message(lambda message: message.text == "[vite] connected."):
        page.goto("/finance?company=1")
    expect(page.get_by_role("heading", level=2)).to_have_text("Acme, 2024")
    page.get_by_label("Year", exact=True).select_option("2023")
    expect(page.get_by_role("heading", level=2)).to_have_text("Acme, 2023")
    page.evaluate("window.sameDocument = true")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    edit(sources / "Figures.tsx", "Quarters reported", "Quarters that are known")
    expect(page.get_by_text("Quarters that are known")).to_be_visible()
    edit(sources / "finance.css", ".fin :is(h2, p) {", ".fin :is(h2, p) { letter-spacing: 7px;")
    page.wait_for_function(
        "() => getComputedStyle(document.querySelector('.fin-title')).letterSpacing === '7px'"
    )
    assert page.evaluate("window.sameDocument") is True
    expect(page.get_by_role("heading", level=2)).to_have_text("Acme, 2023")
    # The state of the component, its answers among it, is the one from before.
    assert [url for url in asked if "/api/" in url] == []
