"""The charts of ``bench_web`` in Chromium: to the first one, and from a zoom to its points.

Chromium is on the host, and reaches the stack through the proxy as a reader does.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, BrowserContext, sync_playwright

from tests.browser.conftest import CHROMIUM, QUIET, at_a_desk, cookies
from tests.stack import Stack

GRAPH = "document.querySelector('#detail-graph .js-plotly-plot')"
# Milliseconds from the navigation on.
DRAWN = f"() => {GRAPH}?.data?.[1]?.y.length > 1 && performance.now()"
# Milliseconds from a press of the button to finer points; 150 of them wait for the hand to rest.
ZOOM = f"""
() => new Promise((done) => {{
  const graph = {GRAPH};
  const before = graph.data[1].x;
  const begin = performance.now();
  const look = () =>
    graph.data[1].x === before ? requestAnimationFrame(look) : done(performance.now() - begin);
  document.querySelector("#detail-graph [data-title='Zoom in']").click();
  look();
}})
"""
# Each makes the range half as long.
ZOOMS = 5


def measure(stack: Stack, sensors: int, times: int) -> dict[str, list[float]]:
    """Milliseconds to the first chart of a cold and of a warm browser, and from zoom to points."""
    found: dict[str, list[float]] = {"cold": [], "warm": [], "zoom": []}
    with _chromium() as browser:
        for _ in range(times):
            with _reader(browser, stack) as context:
                page = context.new_page()
                for kind in ("cold", "warm"):
                    page.goto(_address(stack, sensors))
                    found[kind].append(page.wait_for_function(DRAWN).json_value())
                page.locator("#detail-graph").hover()
                page.wait_for_load_state("networkidle")
                found["zoom"] += [page.evaluate(ZOOM) for _ in range(ZOOMS)]
    return found


def _address(stack: Stack, sensors: int) -> str:
    sensor = random.randint(1, sensors)
    return f"{stack.url}/dash/sensors?type=bench&location=bench&sensor={sensor}"


@contextmanager
def _chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, chromium_sandbox=False, args=QUIET
        )
        yield browser
        browser.close()


@contextmanager
def _reader(browser: Browser, stack: Stack) -> Iterator[BrowserContext]:
    """A browser that has nothing of the stack yet but the log-in."""
    with at_a_desk(browser, ignore_https_errors=True) as context:
        context.add_cookies(cookies(stack))
        yield context
