"""Debian's Chromium, and what more than one page's tests do in it."""

from __future__ import annotations

import contextlib
import re
import subprocess
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    expect,
    sync_playwright,
)
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from tests.browser.isolated import NOT_ISOLATED
from tests.stack import PASSWORD, Stack

# Milliseconds; for a machine that has much else to do.
DEADLINE = 60_000
# Chromium where no other test's networks disturb it.
CHROMIUM = Path(__file__).with_name("isolated.py")
QUIET = [
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # By module: as long as it is there, its event loop is in the way of everybody else's.
    tried = subprocess.run([CHROMIUM, "--version"], capture_output=True, text=True, check=True)
    for line in tried.stderr.splitlines():
        if line.startswith(NOT_ISOLATED):
            warnings.warn(line, stacklevel=1)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM, chromium_sandbox=False, args=QUIET
        )
        expect.set_options(timeout=DEADLINE)
        yield chromium
        chromium.close()


def at_a_desk(browser: Browser, **options: Any) -> BrowserContext:
    """A context with a desktop's window, whose pages are waited for and do not move."""
    desk = {"viewport": {"width": 1440, "height": 1000}, "reduced_motion": "reduce"}
    context = browser.new_context(**{**desk, **options})
    context.set_default_timeout(DEADLINE)
    return context


@contextlib.contextmanager
def watched(context: BrowserContext, known: str = "(?!)") -> Iterator[Page]:
    """A page whose console must report no error, but what is known, and which must lose no request.

    A violated content security policy is an error in the console.
    """
    page = context.new_page()
    faults: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type == "error" and not re.search(known, message.text):
            faults.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("requestfailed", lambda request: faults.append(f"{request.url}: {request.failure}"))
    yield page
    context.close()
    assert [fault for fault in faults if "net::ERR_ABORTED" not in fault] == []


def log_in(page: Page, email: str, password: str = PASSWORD) -> None:
    """Fill in the form and send it."""
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Log in").click()


def violations(page: Page) -> list[str]:
    """What axe-core finds in a page: the rule, and where."""
    found = Axe().run(page).response["violations"]
    return [f"{each['id']} at {[node['target'] for node in each['nodes']]}" for each in found]


def barriers(page: Page) -> list[str]:
    """What keeps somebody out of a page: violations, and that it scrolls sideways."""
    found, window = violations(page), page.viewport_size["width"]
    wide = page.evaluate("document.documentElement.scrollWidth")
    if wide > window:
        found.append(f"it scrolls sideways: {wide} in {window}")
    return found


def cookies(stack: Stack, client: httpx.Client | None = None) -> list[dict]:
    """A client's log-in, the administrator's by default, as Playwright wants it."""
    return [
        {"name": each.name, "value": each.value, "url": f"https://localhost:{stack.https_port}/"}
        for each in (client or stack.http).cookies.jar
        if each.name.startswith("__Host-")
    ]


def unfold_to(page: Page, table: str) -> None:
    """Open pgAdmin's tree down to a table of the stack's database, by double clicks.

    An only child unfolds by itself, some time after its parent: a click that comes first folds it
    again, so the first click on a node is preceded by a wait. One that comes while its children are
    on their way folds them as soon as they are there, so the second one waits for longer; and what
    has been folded is unfolded again.
    """
    path = ["Servers", "Timestack", "Databases", "timestack", "Schemas", "public", "Tables", table]
    # A collection carries its count: `Tables (16)`.
    nodes = [
        page.locator(".file-name").filter(has_text=re.compile(rf"^{name}( \(\d+\))?$")).first
        for name in path
    ]
    nodes[0].wait_for()
    clicked: set[int] = set()
    for _ in range(3 * len(path)):
        shown = (number for number, node in enumerate(nodes) if node.is_visible())
        deepest = max(shown, default=0)
        if deepest == len(nodes) - 1:
            return
        with contextlib.suppress(PlaywrightTimeout):
            nodes[deepest + 1].wait_for(timeout=15_000 if deepest in clicked else 3_000)
            continue
        clicked.add(deepest)
        with contextlib.suppress(PlaywrightTimeout):
            nodes[deepest].dblclick(timeout=3_000)
    nodes[-1].wait_for()
