"""For whom this thread's transactions act, before any database is asked."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from flask import Flask, Response, request

from timestack import db

PACKAGE = Path(db.__file__).parent


@pytest.fixture(autouse=True)
def nobody() -> Iterator[None]:
    """Each test begins for nobody, whatever the one before it left in this thread."""
    db.act_for(None)
    yield
    db.act_for(None)


def test_a_thread_begins_for_nobody() -> None:
    db.act_for("anna")
    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(db.acts_for).result() is None


def test_threads_act_each_for_their_own() -> None:
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as other:
        one.submit(db.act_for, "anna").result()
        other.submit(db.act_for, "bert").result()
        assert one.submit(db.acts_for).result() == "anna"
        assert other.submit(db.acts_for).result() == "bert"
    assert db.acts_for() is None


def test_after_a_block_it_is_as_before_even_when_the_block_fails() -> None:
    with db.acting_for("anna"):
        with pytest.raises(ValueError, match="bert fails"), db.acting_for("bert"):
            raise ValueError(f"{db.acts_for()} fails")
        assert db.acts_for() == "anna"
        with db.acting_for(None):
            assert db.acts_for() is None
        assert db.acts_for() == "anna"
    assert db.acts_for() is None


BAD = ("", "\0", "anna\n", "an\tna", "\x7f", "\u202eanna", "\ud800", "x" * 201, "x" * 1_000_000)


@pytest.mark.parametrize("account", BAD, ids=lambda account: f"{len(account)}-{account[:4]!a}")
def test_what_cannot_be_an_account_is_refused_by_name_and_leaves_nobody(account: str) -> None:
    db.act_for("anna")
    with pytest.raises(ValueError, match="1 to 200 printable characters") as error:
        db.act_for(account)
    assert repr(account[:40]) in str(error.value)
    assert len(str(error.value)) < 300
    assert db.acts_for() is None


def test_a_block_for_what_cannot_be_an_account_is_not_entered() -> None:
    with db.acting_for("anna"):
        with pytest.raises(ValueError, match="cannot be an account"), db.acting_for(""):
            pytest.fail("it was entered")
        assert db.acts_for() == "anna"


@pytest.mark.parametrize("account", ["a", "x" * 200, "åsa@example.org", "O'Hara & sons", "会社"])
def test_any_printable_name_can_be_an_account(account: str) -> None:
    with db.acting_for(account):
        assert db.acts_for() == account


@pytest.fixture
def app() -> Flask:
    """An application that acts for whom the request says, as ``act_for`` asks of its callers."""
    app = Flask(__name__)
    app.testing = False

    @app.before_request
    def begin() -> None:
        db.act_for(request.args.get("account"))

    @app.teardown_request
    def end(_: BaseException | None) -> None:
        db.act_for(None)

    @app.get("/")
    def show() -> str:
        return str(db.acts_for())

    @app.get("/fails")
    def fail() -> str:
        raise ZeroDivisionError

    @app.get("/streams")
    def stream() -> Response:
        # The body is made when the request is over.
        return Response(str(db.acts_for()) for _ in range(2))

    return app


@pytest.mark.parametrize(
    ("path", "answer"), [("/", "anna"), ("/fails", None), ("/streams", "NoneNone"), ("/no", None)]
)
def test_a_request_leaves_nobody_to_the_next_one_of_its_thread(app: Flask, path, answer) -> None:
    first = app.test_client().get(f"{path}?account=anna", buffered=True)
    assert answer in (None, first.text)
    assert db.acts_for() is None
    assert app.test_client().get("/").text == "None"


def test_a_request_does_not_act_for_whom_its_thread_was_left_with(app: Flask) -> None:
    db.act_for("anna")
    assert app.test_client().get("/").text == "None"


def constants(file: Path) -> Iterator[str]:
    """Every string in a file's code; docstrings are not code."""
    tree = ast.parse(file.read_text())
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in prose:
            yield str(node.value)


def test_nothing_but_this_module_sets_whom_a_transaction_acts_for() -> None:
    setting = re.compile(r"\b(set|reset|set_config)\b.*\btimestack\.account\b", re.I | re.S)
    found = {
        str(file.relative_to(PACKAGE))
        for file in PACKAGE.rglob("*.py")
        if any(setting.search(text) for text in constants(file))
    }
    assert found == {"db.py"}
