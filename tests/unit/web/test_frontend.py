"""The page that React draws: the files of the image, those of Vite's server, or what to do."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.unit.web.conftest import signed_in
from timestack.pages import finance, frontend
from timestack.settings import Settings, SettingsError

SOURCES = Path(__file__).resolve().parents[3] / "services" / "web" / "frontend"
VITE = "http://localhost:5173"
MANIFEST = {
    finance.ENTRY: {"file": "assets/finance-a1.js", "css": ["assets/finance-b2.css"]},
}


def policy(client: FlaskClient, path: str) -> dict[str, list[str]]:
    parts = client.get(path).headers["Content-Security-Policy"].split("; ")
    return {name: values for name, *values in map(str.split, parts)}


def loaded(page: str) -> list[str]:
    return re.findall(r'<(?:script type="module" src|link rel="stylesheet" href)="([^"]+)"', page)


def test_the_manifest_names_the_files_of_an_entry(tmp_path: Path) -> None:
    (tmp_path / frontend.FOLDER).mkdir()
    (tmp_path / frontend.FOLDER / "manifest.json").write_text(json.dumps(MANIFEST))
    found = frontend.built(str(tmp_path), finance.ENTRY)
    assert found.script == "frontend/assets/finance-a1.js"
    assert found.styles == ("frontend/assets/finance-b2.css",)
    assert (SOURCES / finance.ENTRY).is_file()


def test_the_page_loads_them_by_their_version_under_the_policy_of_every_page(
    prefixed: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Files that are there without an image.
    there = frontend.Files("copy.js", ("reference.css",))
    monkeypatch.setattr(frontend, "built", lambda *_: there)
    style, script = loaded(prefixed.get("/timestack/finance").text)[-2:]
    assert re.fullmatch(r"/timestack/static/reference\.css\?v=\w{12}", style)
    assert re.fullmatch(r"/timestack/static/copy\.js\?v=\w{12}", script)
    assert policy(prefixed, "/timestack/finance") == policy(prefixed, "/timestack/account")


def test_a_clone_without_built_files_says_what_to_do(client: FlaskClient) -> None:
    answer = client.get("/finance")
    assert answer.status_code == 200
    assert "This page is not built" in answer.text
    assert "make up" in answer.text
    assert "npm run dev" in answer.text
    assert "module" not in answer.text


def test_in_development_vite_serves_the_page_s_files_and_nothing_else_may_be_loaded(
    make_app: Callable[..., Flask],
) -> None:
    client = signed_in(make_app(TIMESTACK_ENV="development", FRONTEND_URL=VITE))
    first, second = client.get("/finance"), client.get("/finance")
    assert loaded(first.text)[-1] == f"{VITE}/{frontend.DEVELOPMENT}"
    assert (SOURCES / frontend.DEVELOPMENT).is_file()
    nonce = re.search(r'<meta property="csp-nonce" nonce="([^"]+)">', first.text)[1]
    assert nonce not in second.text
    strict = policy(client, "/account")
    assert VITE not in str(strict)
    wide = policy(client, "/finance")
    assert wide["script-src"] == ["'self'", VITE]
    assert wide["connect-src"] == ["'self'", VITE, "ws://localhost:5173"]
    assert wide["style-src"][:2] == ["'self'", VITE]
    assert re.fullmatch(r"'nonce-[\w-]+'", wide["style-src"][2])
    assert {name for name in strict if strict[name] != wide[name]} == {
        *("script-src", "style-src", "img-src", "connect-src"),
    }


@pytest.mark.parametrize("kind", ["production", "test"])
def test_elsewhere_no_other_server_s_scripts_are_taken(
    environment: pytest.MonkeyPatch, kind: str
) -> None:
    environment.setenv("TIMESTACK_ENV", kind)
    environment.setenv("FRONTEND_URL", VITE)
    with pytest.raises(SettingsError, match=r"FRONTEND_URL.*with TIMESTACK_ENV=development alone"):
        Settings.load()


@pytest.mark.parametrize("url", [f"{VITE}/", "localhost:5173", f"{VITE}; script-src *", "http://*"])
def test_it_is_an_origin(environment: pytest.MonkeyPatch, url: str) -> None:
    environment.setenv("TIMESTACK_ENV", "development")
    environment.setenv("FRONTEND_URL", url)
    with pytest.raises(SettingsError, match=r"FRONTEND_URL.*is not an origin"):
        Settings.load()


def test_the_lock_has_hashes_and_no_address() -> None:
    lock = json.loads((SOURCES / "package-lock.json").read_text())["packages"]
    packages = [each for place, each in lock.items() if place]
    assert len(packages) > 50
    assert all(each["integrity"].startswith("sha512-") for each in packages)
    assert not any("resolved" in each for each in packages)
    wanted = json.loads((SOURCES / "package.json").read_text())
    named = {**wanted["dependencies"], **wanted["devDependencies"]}
    for name, version in named.items():
        assert lock[f"node_modules/{name}"]["version"].startswith(version[1:].rpartition(".")[0])
