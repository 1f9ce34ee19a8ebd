"""The Datasets page in the browser: a file becomes a dataset, is looked at, changed and deleted."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect
from sqlalchemy import delete, select

from scripts.provision import worker  # noqa: F401
from tests.browser.conftest import barriers
from tests.integration.db.conftest import Database
from timestack import db
from timestack.domains import users
from timestack.domains.datasets import changes
from timestack.domains.datasets.access import Viewer
from timestack.domains.jobs.line import Line
from timestack.domains.jobs.steps import PermanentError
from timestack.domains.uploads import store
from timestack.domains.uploads.preview import preview_of
from timestack.models.datasets import Dataset
from timestack.models.jobs import Job
from timestack.models.uploads import Upload
from timestack.series import catalog
from timestack.tasks import datasets  # noqa: F401
from timestack.tasks.job import app

pytestmark = [
    pytest.mark.database,
    pytest.mark.browser,
    pytest.mark.usefixtures("environment"),
]

START = datetime(2024, 1, 1, tzinfo=UTC)
MIB = 1024 * 1024
DRAWN = "() => document.querySelectorAll('#dataset-chart-graph .scatterlayer .trace').length"
# What the page does when its clock ticks.
LOOK = "dash_clientside.set_props('datasets-asked', {data: Date.now()})"
# Where parts of a file are sent.
PART = re.compile("/api/v1/uploads/")


@pytest.fixture
def role() -> str:
    return "editor"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("uploads")


@pytest.fixture(scope="module")
def jobs_variables(jobs_variables: dict[str, str], folder: Path) -> dict[str, str]:
    """With a folder of uploads, and a limit that a test can reach."""
    return {**jobs_variables, "UPLOADS_DIR": str(folder), "UPLOAD_MAX": "1m"}


@pytest.fixture
def work(
    environment: dict[str, str], provisioned: Database, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], None]:
    """Does the queued jobs of datasets until none is left: this process is both workers."""

    def all_there_are() -> None:
        catalog.current.cache_clear()
        with monkeypatch.context() as patch:
            patch.setenv("DATABASE_ROLE", "timestack_owner")
            # A process keeps its connection, and another module's is to another database.
            patch.setattr("timestack.tasks.job._line", Line())
            engine = db.init(provisioned.settings("owner"))
            before = None
            while (found := _next()) is not None:
                assert found != before, "a job is not taken"
                before = kind, id = found
                with suppress(PermanentError):
                    app.tasks[kind](str(id))
            engine.dispose()
        db.init(provisioned.settings("app"))

    return all_there_are


def _next() -> tuple[str, str] | None:
    with db.session() as session:
        ours = select(Job.kind, Job.id).where(Job.state == "queued", Job.kind.like("datasets.%"))
        found = session.execute(ours.order_by(Job.kind.desc(), Job.created_at)).all()
    order = ("datasets.make", "datasets.load", "datasets.drop")
    return min(found, key=lambda each: order.index(each[0])) if found else None


@pytest.fixture(autouse=True)
def nothing(
    environment: dict[str, str], work: Callable[[], None], folder: Path, known: dict
) -> Iterator[None]:
    """No dataset and no upload."""
    yield
    with db.session() as session:
        for each in session.scalars(select(Dataset)):
            if each.state != "deleting":
                changes.delete(session, each)
        session.execute(delete(Upload))
    work()
    for each in folder.iterdir():
        each.unlink()


def readings(minutes: int = 120, sensors: str = "ab") -> str:
    """A row for each minute and sensor, of times that do not say their zone."""
    rows = (
        f"{START + timedelta(minutes=minute):%Y-%m-%d %H:%M:%S},{each},{minute % 50 + n},n{n}\n"
        for minute in range(minutes)
        for n, each in enumerate(sensors)
    )
    return "time,sensor,power,note\n" + "".join(rows)


def made(name: str, text: str, folder: Path, owner: str, **options: Any) -> int:
    """A dataset of a file's text and its jobs, as the API makes them; returns its id."""
    with db.session() as session:
        user = users.find(session, owner)
        upload = Upload(user_id=user.id, name=f"{name}.csv", size=len(text), received=len(text))
        session.add(upload)
        session.flush()
        file = store.path(folder, upload.id)
        file.write_text(text)
        layout = preview_of(str(file), upload.name, complete=True).layout
        dataset = changes.create(
            session, Viewer(user.id, is_admin=False), name, layout,
            source=upload.name, upload=upload.id, **options,
        )  # fmt: skip
        return dataset.id


def choose(page: Page, file: Path | dict[str, Any]) -> None:
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose a file").click()
    chooser.value.set_files(file)


def column(page: Page, label: str) -> Locator:
    return page.get_by_role("group", name=label, exact=True)


def drawn(page: Page, lines: int) -> None:
    """Wait until the chart shows so many lines."""
    page.wait_for_function(f"{DRAWN} >= {lines}")


# From a file to a dataset


def test_a_file_becomes_a_dataset_whose_columns_the_reader_corrects(
    page: Page, write: Callable[..., Path], work: Callable[[], None]
) -> None:
    page.goto("/dash/datasets")
    choose(page, write(readings(), "power.csv"))
    expect(page.locator("#upload-problems")).to_contain_text("The times do not say their zone")
    expect(column(page, "note").get_by_label("Role")).to_have_value("key")
    column(page, "note").get_by_label("Role").select_option("ignored")
    column(page, "power").get_by_label("Type").select_option("number")
    page.get_by_label("Zone of times without one").select_option("Europe/Paris")
    first = page.get_by_role("region", name="First rows")
    expect(first).to_contain_text("2023-12-31T23:00:00")
    expect(first.get_by_role("columnheader")).to_have_text(["time", "sensor", "power"])
    page.get_by_role("button", name="Make the dataset").click()
    page.wait_for_url(re.compile(r"\?dataset=power$"))
    expect(page.get_by_role("heading", name="Its table is being made")).to_be_visible()
    work()
    expect(page.locator("#dataset-chart-chart")).to_be_visible()
    drawn(page, 2)
    expect(page).to_have_url(re.compile(r"dataset=power&value=power&range=all&series=a,b$"))
    expect(page.locator("#datasets-facts")).to_contain_text("240rows")
    # And it is a link.
    page.reload()
    drawn(page, 2)


def test_what_is_wrong_with_a_file_is_shown_with_its_lines_and_can_be_left_out(
    page: Page, write: Callable[..., Path], work: Callable[[], None]
) -> None:
    text = readings(30, "a").replace(",5,", ",five,", 1) + "never,a,1,0\n"
    page.goto("/dash/datasets")
    choose(page, write(text, "faulty.csv"))
    problems = page.locator("#upload-problems")
    expect(problems).to_contain_text("Line 7, column power: 'five' is not an integer.")
    expect(problems).to_contain_text("Line 32, column time: 'never' is not a time")
    page.get_by_label("Name", exact=True).last.fill("12")
    page.get_by_role("button", name="Make the dataset").click()
    expect(problems).to_contain_text("'12' looks like the id of a dataset")
    column(page, "power").get_by_label("Name").fill("Power!")
    expect(problems).to_contain_text("Column power: A name is of a to z")
    column(page, "power").get_by_label("Name").fill("power")
    page.get_by_label("Name", exact=True).last.fill("faulty")
    page.get_by_role("button", name="Make the dataset").click()
    page.wait_for_url(re.compile(r"\?dataset=faulty$"))
    work()
    making = page.locator("#dataset-making")
    expect(making).to_contain_text("The file was not loaded")
    expect(making).to_contain_text("line 32: time: 'never'")
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete faulty").click()
    expect(page.get_by_role("heading", name="It is being deleted")).to_be_visible()
    work()
    expect(page.get_by_role("alert")).to_contain_text("There is no dataset “faulty”")
    # The file is still there.
    page.goto("/dash/datasets")
    page.get_by_role("link", name="faulty.csv").click()
    page.get_by_label("Leave out rows that cannot be read").check()
    page.get_by_role("button", name="Make the dataset").click()
    page.wait_for_url(re.compile(r"\?dataset=faulty$"))
    work()
    expect(page.locator("#datasets-making")).to_contain_text("2 rows were left out; the first:")
    drawn(page, 1)


def test_a_file_that_is_refused_leaves_nothing_behind_and_the_reason_in_its_place(
    new_context: Callable[..., BrowserContext], folder: Path
) -> None:
    # Its console tells of the refusal.
    with new_context() as context:
        page = context.new_page()
        page.goto("/dash/datasets")
        choose(page, {"name": "large.csv", "mimeType": "text/csv", "buffer": b"x" * (MIB + 1)})
        expect(page.locator("#upload-fault")).to_contain_text("an upload has 1,048,576 at most")
        choose(page, {"name": "a.csv", "mimeType": "text/csv", "buffer": b"<!doctype html><p>"})
        expect(page.locator("#upload-problems")).to_contain_text("This is a page or document")
        page.get_by_role("button", name="Discard").click()
        expect(page.get_by_role("button", name="Choose a file")).to_be_visible()
        expect(page.get_by_text("Your files")).to_have_count(0)
    assert list(folder.iterdir()) == []


def test_an_upload_goes_on_after_the_connection_broke_and_ends_when_it_is_cancelled(
    new_context: Callable[..., BrowserContext], folder: Path
) -> None:
    big = {"name": "big.csv", "mimeType": "text/csv", "buffer": readings(9000, "a").encode()}
    with new_context() as context:
        page = context.new_page()
        page.goto("/dash/datasets")
        page.route(PART, lambda route: route.abort())
        choose(page, big)
        expect(page.locator("#upload-rate")).to_contain_text("The server does not answer")
        page.unroute(PART)
        expect(page.get_by_role("heading", name="Make a dataset")).to_be_visible()
        page.goto("/dash/datasets")
        page.route(PART, lambda route: route.abort())
        choose(page, {**big, "name": "other.csv"})
        expect(page.locator("#upload-rate")).to_contain_text("The server does not answer")
        page.unroute(PART)
        page.get_by_role("button", name="Cancel").click()
        expect(page.get_by_role("button", name="Choose a file")).to_be_focused()
        expect(page.locator("#datasets-files")).to_contain_text("big.csv")
        expect(page.locator("#datasets-files")).not_to_contain_text("other.csv")
    assert len(list(folder.iterdir())) == 1


# One dataset


def test_a_dataset_is_described_shown_renamed_and_deleted(
    page: Page, folder: Path, work: Callable[[], None]
) -> None:
    made("Power", readings(), folder, "editor@example.org")
    work()
    page.goto("/dash/datasets?dataset=power")
    page.get_by_role("button", name="Describe").click()
    figures = page.get_by_role("region", name="Figures of each column")
    row = figures.get_by_role("row").filter(has_text="power")
    expect(row).to_be_visible()
    shown = [cell.inner_text() for cell in row.get_by_role("cell").all()]
    assert shown[:6] == ["power", "bigint", "240", "0", "51", "0"]
    assert shown[-2:] == ["50", "22.5"]
    page.get_by_role("button", name="Show to everybody").click()
    expect(page.get_by_role("button", name="Make private")).to_be_visible()
    rename = page.get_by_role("dialog", name="Rename Power")
    page.get_by_role("button", name="Rename…").click()
    rename.get_by_label("New name").fill("readings")
    rename.get_by_role("button", name="Rename").click()
    expect(page.get_by_role("alert")).to_have_text(
        "'readings' is a hypertable: choose another name."
    )
    page.get_by_role("button", name="Rename…").click()
    rename.get_by_label("New name").fill("House")
    rename.get_by_label("New name").press("Enter")
    expect(page.get_by_role("heading", name="House")).to_be_visible()
    page.get_by_role("button", name="Delete…").click()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Delete…")).to_be_focused()
    page.get_by_role("button", name="Delete…").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete House").click()
    expect(page.get_by_role("heading", name="It is being deleted")).to_be_visible()
    work()
    expect(page.get_by_role("alert")).to_contain_text("There is no dataset “House”")
    page.get_by_role("link", name="Show the datasets there are").click()
    expect(page.get_by_role("cell", name="House")).to_have_count(0)


def test_who_looks_at_a_dataset_that_is_renamed_or_deleted_meanwhile_sees_that(
    new_context: Callable[..., BrowserContext],
    log_ins: Callable[[str], dict],
    folder: Path,
    work: Callable[[], None],
) -> None:
    id = made("power", readings(), folder, "editor@example.org", visibility="everybody")
    work()
    with new_context(storage_state=log_ins("viewer")) as context:
        page = context.new_page()
        page.goto("/dash/datasets?dataset=power")
        drawn(page, 2)
        expect(page.get_by_role("button", name="Delete")).to_have_count(0)
        with db.session() as session:
            changes.change(session, session.get_one(Dataset, id), name="house")
        page.evaluate(LOOK)
        page.wait_for_url(re.compile(r"\?dataset=house"))
        with db.session() as session:
            changes.delete(session, session.get_one(Dataset, id))
        page.evaluate(LOOK)
        expect(page.get_by_role("heading", name="It is being deleted")).to_be_visible()
        work()
        expect(page.get_by_role("alert")).to_contain_text("There is no dataset “house”")


def test_a_dataset_is_found_by_its_id_and_what_it_does_not_have_is_a_sentence(
    page: Page, folder: Path, work: Callable[[], None]
) -> None:
    nothing = "time,sensor,power\n2024-01-01T00:00:00Z,a,1\n2024-01-01T00:01:00Z,a,1\n"
    id = made("constant", nothing, folder, "editor@example.org")
    made("empty", nothing.replace(",1\n", ",\n"), folder, "editor@example.org")
    work()
    page.goto(f"/dash/datasets?dataset={id}")
    drawn(page, 1)
    page.goto("/dash/datasets?dataset=constant&value=volts")
    expect(page.get_by_role("alert")).to_contain_text("its numbers are power")
    page.goto("/dash/datasets?dataset=constant&value=power&series=a/b")
    expect(page.get_by_role("alert")).to_contain_text("“a/b” is not a series of this dataset.")
    page.goto("/dash/datasets?dataset=nowhere")
    expect(page.get_by_role("alert")).to_contain_text("There is no dataset “nowhere”")
    page.goto("/dash/datasets?dataset=empty")
    expect(page.get_by_text("It has no column of numbers to chart.")).to_be_visible()
    page.get_by_role("button", name="Describe").click()
    expect(page.get_by_text("Of all 2 rows.")).to_be_visible()
    page.goto("/dash/datasets?dataset=test_results")
    expect(page.get_by_text("It has no rows.")).to_be_visible()
    page.goto("/dash/datasets?upload=none")
    expect(page.get_by_role("alert")).to_contain_text("There is no such file")


# Who may, and how it looks


@pytest.mark.parametrize("role", ["viewer"])
def test_a_viewer_uploads_and_changes_nothing(
    new_context: Callable[..., BrowserContext], folder: Path, log_ins: Callable[[str], dict],
    work: Callable[[], None],
) -> None:  # fmt: skip
    log_ins("editor")
    id = made("power", readings(), folder, "editor@example.org", visibility="everybody")
    work()
    # Its console tells of the refusals.
    with new_context() as context:
        page = context.new_page()
        page.goto("/dash/datasets")
        expect(page.get_by_role("cell", name="power")).to_be_visible()
        expect(page.get_by_role("button", name="Choose a file")).to_have_count(0)
        asked = {"verb": "delete", "dataset": str(id), "turn": 1}
        with page.expect_response(re.compile("_dash-update-component")) as answered:
            page.evaluate("data => dash_clientside.set_props('datasets-action', {data})", asked)
        assert answered.value.status == 403
    with db.session() as session:
        assert session.get_one(Dataset, id).state == "ready"


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1440, "light")])
def test_the_page_keeps_nobody_out_and_needs_no_scrolling_to_the_side(
    page: Page, width: int, scheme: str, folder: Path, work: Callable[[], None], screenshots: Path
) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    made("power", readings(), folder, "editor@example.org")
    work()
    page.goto("/dash/datasets")

    def look(name: str) -> None:
        assert barriers(page) == [], name
        page.screenshot(path=screenshots / f"datasets-{name}-{width}-{scheme}.png", full_page=True)

    expect(page.get_by_role("cell", name="power")).to_be_visible()
    look("all")
    choose(page, {"name": "a.csv", "mimeType": "text/csv", "buffer": readings(9, "a").encode()})
    expect(page.get_by_role("heading", name="Make a dataset")).to_be_visible()
    look("columns")
    page.get_by_role("button", name="Make the dataset").click()
    expect(page.locator("#dataset-making")).to_be_visible()
    look("making")
    page.goto("/dash/datasets?dataset=power")
    drawn(page, 2)
    page.get_by_role("button", name="Describe").click()
    expect(page.get_by_text("Of all 240 rows.")).to_be_visible()
    look("one")
    page.get_by_role("button", name="Delete…").click()
    assert barriers(page) == []
    page.screenshot(path=screenshots / f"datasets-delete-{width}-{scheme}.png")
