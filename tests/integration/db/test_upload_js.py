"""A file sent by the browser: in parts, over broken connections, given up."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, Route

from tests.integration.db.conftest import Database
from tests.stack import wait_until

pytestmark = [pytest.mark.database, pytest.mark.browser]

# Four parts, the last one short.
SIZE = 13 * 1024 * 1024 + 5
PARTS = 4
PART = re.compile("/api/v1/uploads/[0-9a-f-]+$")
# A file that is the same each time it is made.
UPLOAD = """
(size) => {
  const bytes = new Uint8Array(size).map((_, n) => (n * 2654435761) >>> 24);
  const file = new File([bytes], "power.csv", { lastModified: 1769860800000 });
  window.seen = { progress: [], waiting: [] };
  window.cancel = new AbortController();
  window.outcome = timestack
    .upload(file, {
      progress: (...each) => seen.progress.push(each),
      waiting: (...each) => seen.waiting.push(each),
      signal: cancel.signal,
    })
    .catch((error) => `${error.name} ${error.status ?? ""} ${error.message}`);
}
"""
READY = "() => Boolean(window.timestack?.upload)"
WAITS = "() => seen.waiting.length > 0"
SHA256 = """
async (size) => {
  const bytes = new Uint8Array(size).map((_, n) => (n * 2654435761) >>> 24);
  return [...new Uint8Array(await crypto.subtle.digest("SHA-256", bytes))]
    .map((each) => each.toString(16).padStart(2, "0"))
    .join("");
}
"""


@pytest.fixture
def role() -> str:
    return "editor"


@pytest.fixture
def at_home(page: Page) -> Page:
    """A page of ours, from which a file can be sent."""
    page.goto("/dash/sensors")
    page.wait_for_function(READY)
    return page


@pytest.fixture
def folder(jobs_variables: dict[str, str], provisioned: Database) -> Path:
    provisioned.sql("delete from uploads")
    return Path(jobs_variables["UPLOADS_DIR"])


class Line:
    """The connection, which breaks at some parts; counts those that were sent."""

    def __init__(self, page: Page, *, broken: Callable[[int], bool]):
        self.parts = 0
        self._broken = broken
        page.route(PART, self)

    def __call__(self, route: Route) -> None:
        if route.request.method != "PATCH":
            route.continue_()
            return
        self.parts += 1
        if self._broken(self.parts):
            route.abort("aborted")
        else:
            route.continue_()


def test_a_file_in_parts_goes_on_where_the_connection_broke(at_home: Page, folder: Path) -> None:
    line = Line(at_home, broken=lambda part: part in (2, 3, 6))
    at_home.evaluate(UPLOAD, SIZE)
    id = at_home.evaluate("outcome")
    data = (folder / id).read_bytes()
    assert len(data) == SIZE
    assert hashlib.sha256(data).hexdigest() == at_home.evaluate(SHA256, SIZE)
    assert line.parts == PARTS + 3, "no part that had arrived was sent again"
    seen = at_home.evaluate("seen")
    assert [seconds for _, seconds in seen["waiting"]] == [1, 2, 1]
    assert "connection broke" in seen["waiting"][0][0]
    assert seen["progress"][-1] == [SIZE, SIZE]
    assert all(0 <= sent <= SIZE for sent, _ in seen["progress"])


def test_a_file_given_again_after_the_page_was_closed_goes_on(at_home: Page, folder: Path) -> None:
    closing = Line(at_home, broken=lambda part: part > 2)
    at_home.evaluate(UPLOAD, SIZE)
    at_home.wait_for_function(WAITS)
    at_home.unroute(PART, closing)
    at_home.reload()
    at_home.wait_for_function(READY)
    again = Line(at_home, broken=lambda part: False)
    at_home.evaluate(UPLOAD, SIZE)
    id = at_home.evaluate("outcome")
    assert (folder / id).stat().st_size == SIZE
    assert again.parts == PARTS - 2
    # The next one of the same file is another upload.
    assert at_home.evaluate("Object.keys(localStorage).length") == 0


def test_a_file_that_is_given_up_leaves_nothing(
    at_home: Page, folder: Path, provisioned: Database
) -> None:
    Line(at_home, broken=lambda part: part > 2)
    at_home.evaluate(UPLOAD, SIZE)
    at_home.wait_for_function(WAITS)
    before = {each.name for each in folder.iterdir()}
    at_home.evaluate("cancel.abort()")
    assert at_home.evaluate("outcome").startswith("AbortError")
    assert provisioned.sql("select count(*) from uploads") == "0"
    wait_until(lambda: len(before - {each.name for each in folder.iterdir()}) == 1, "it is gone")


def test_what_cannot_pass_is_said_at_once(
    new_context: Callable[..., BrowserContext], folder: Path
) -> None:
    # Not watched: the browser's console has each refusal as an error.
    with new_context() as context:
        page = context.new_page()
        page.goto("/dash/sensors")
        page.wait_for_function(READY)
        page.evaluate(UPLOAD, 0)
        assert re.match("Error 422 size: .*greater than or equal to 1", page.evaluate("outcome"))
        assert page.evaluate("seen.waiting") == []
