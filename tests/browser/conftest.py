"""Debian's Chromium, and what more than one page's tests do in it."""

from __future__ import annotations

import contextlib
import itertools
import re
import subprocess
import warnings
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from tests.browser.isolated import NOT_ISOLATED
from tests.stack import Stack

# Chromium where no other test's networks disturb it.
CHROMIUM = Path(__file__).with_name("isolated.py")
QUIET = [
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    # Sixty pictures a second of what only breathes while something loads.
    "--force-prefers-reduced-motion",
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
        yield chromium
        chromium.close()


@contextlib.contextmanager
def watched(context: BrowserContext) -> Iterator[Page]:
    """A page whose console must report no error and which must lose no request.

    A violated content security policy is an error in the console.
    """
    page = context.new_page()
    faults: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type == "error":
            faults.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("requestfailed", lambda request: faults.append(f"{request.url}: {request.failure}"))
    yield page
    context.close()
    assert [fault for fault in faults if "net::ERR_ABORTED" not in fault] == []


def cookies(stack: Stack, client: httpx.Client | None = None) -> list[dict]:
    """A client's log-in, the administrator's by default, as Playwright wants it."""
    return [
        {"name": each.name, "value": each.value, "url": f"https://localhost:{stack.https_port}/"}
        for each in (client or stack.http).cookies.jar
        if each.name.startswith("__Host-")
    ]


def unfold_to(page: Page, table: str) -> None:
    """Open pgAdmin's tree down to a table of the stack's database."""
    path = ["Servers", "Timestack", "Databases", "timestack", "Schemas", "public", "Tables"]
    for parent, child in itertools.pairwise([*path, table]):
        unfold(page, parent, child)


def unfold(page: Page, parent: str, child: str) -> None:
    """Double-click `parent` in pgAdmin's tree until `child` shows.

    An only child unfolds by itself, some time after its parent: a click that comes first folds it
    again, so each click is preceded by a wait.
    """
    # A collection carries its count: `Tables (16)`.
    nodes = [
        page.locator(".file-name").filter(has_text=re.compile(rf"^{name}( \(\d+\))?$")).first
        for name in (parent, child)
    ]
    nodes[0].wait_for()
    for _ in range(8):
        with contextlib.suppress(PlaywrightTimeout):
            nodes[1].wait_for(timeout=3_000)
            return
        nodes[0].dblclick()
    nodes[1].wait_for()
