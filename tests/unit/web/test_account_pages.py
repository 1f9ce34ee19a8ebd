"""The forms and pages of users: complete, labelled, and made without the database."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask import Flask, flash, g, render_template, session
from flask.testing import FlaskClient
from flask_security.forms import ChangePasswordForm, LogoutForm, ResetPasswordForm
from flask_wtf import FlaskForm
from sqlalchemy import event
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import Forbidden, Unauthorized

import timestack
from tests.unit.web.conftest import person, signed_in
from tests.unit.web.test_pages import Elements
from timestack.auth import gate
from timestack.auth.forms import LoginForm, RegisterForm
from timestack.auth.security import Person

PACKAGE = Path(timestack.__file__).parent
DOORS = {"/pgadmin/", "/flower/", "/traefik/"}

# Template and name in it -> the form, and each field to fill in with its autocomplete.
FORMS: dict[tuple[str, str], tuple[type[FlaskForm], dict[str, str | None]]] = {
    ("login_user", "login_user_form"): (
        LoginForm,
        {"email": "username", "password": "current-password", "remember": None},
    ),
    ("register_user", "register_user_form"): (
        RegisterForm,
        {"email": "username", "password": "new-password", "password_confirm": "new-password"},
    ),
    ("reset_password", "reset_password_form"): (
        ResetPasswordForm,
        {"password": "new-password", "password_confirm": "new-password"},
    ),
    ("change_password", "change_password_form"): (
        ChangePasswordForm,
        {
            "password": "current-password",
            "new_password": "new-password",
            "new_password_confirm": "new-password",
        },
    ),
    ("logout_user", "logout_form"): (LogoutForm, {}),
}


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    """The application with every form it can have."""
    return make_app(REGISTRATION="yes", SMTP_HOST="mail.example.org")


def rendered(app: Flask, template: str, who: Person | None = None, **context: object) -> str:
    """A page as ``who`` would see it; ``context`` may hold classes of forms."""
    with app.test_request_context():
        g.user, g.admin = who, who is not None and who.has_role("admin")
        made = {
            name: each(user=who) if isinstance(each, type) and issubclass(each, FlaskForm) else each
            for name, each in context.items()
        }
        return render_template(template, **made)


def form_page(app: Flask, template: str, name: str, user: Person | None = None) -> str:
    return rendered(
        app,
        f"security/{template}.html",
        user or person(),
        reset_password_token="token",
        active_password=True,
        **{name: FORMS[template, name][0]},
    )


def test_a_stranger_learns_what_this_is_and_nothing_of_what_it_holds(stranger: FlaskClient) -> None:
    page = stranger.get("/").text
    elements = Elements(page)
    assert "Timestack runs TimescaleDB" in page
    assert [a for a in elements.named("a") if "btn-primary" in (a.get("class") or "")] == [
        {"class": "btn btn-primary btn-lg px-4", "href": "/login"}
    ]
    assert elements.named("figure") == elements.named("dl") == []
    assert not links(page) & (DOORS | {"/dash/sensors", "/api/v1/jobs"})


def test_a_stranger_costs_the_database_nothing(make_app: Callable[..., Flask]) -> None:
    app = make_app()
    asked: list[str] = []
    event.listen(app.extensions["engine"], "do_connect", lambda *_: asked.append("the database"))
    strange = app.test_client()
    for path in ("/", "/login", "/no-such-page"):
        strange.get(path)
    assert asked == []
    signed_in(app).get("/")
    assert asked == ["the database"]


@pytest.mark.parametrize(
    ("role", "shown"), [("viewer", set()), ("editor", set()), ("admin", DOORS)]
)
@pytest.mark.parametrize("path", ["/", "/account"])
def test_only_administrators_are_shown_the_doors(
    make_app: Callable[..., Flask], role: str, shown: set[str], path: str
) -> None:
    page = signed_in(make_app(), person(role)).get(path).text
    assert "/dash/sensors" in links(page)
    assert links(page) & DOORS == shown


def test_the_bar_says_who_is_signed_in_and_lets_them_out(client: FlaskClient) -> None:
    page = client.get("/").text
    bar = page.partition("</nav>")[0]
    assert "admin@example.org" in bar
    assert "/account" in links(bar)
    assert "/login" not in links(bar)
    assert Elements(bar).named("form") == [{"action": "/logout", "method": "post"}]
    token = next(each for each in Elements(bar).named("input") if each.get("name") == "csrf_token")
    assert token["value"]


def test_the_bar_leads_on_when_nobody_was_asked_who_it_is(stranger: FlaskClient) -> None:
    bar = stranger.get("/no-such-page").text.partition("</nav>")[0]
    assert links(bar) == {"#main", "/", "/account"}


@pytest.mark.parametrize(("template", "name"), FORMS)
def test_a_form_is_the_same_for_eyes_screen_readers_and_password_managers(
    app: Flask, template: str, name: str
) -> None:
    page = Elements(form_page(app, template, name))
    shown = [
        each
        for each in page.named("input")
        if each.get("type") not in ("hidden", "submit") and "hidden" not in each
    ]
    fields = FORMS[template, name][1]
    assert {each["name"]: each.get("autocomplete") for each in shown} == fields
    assert {each["id"] for each in shown} == {label["for"] for label in page.named("label")}
    assert [each["name"] for each in shown if "autofocus" in each] == [*fields][:1]
    ids = [attributes["id"] for _, attributes in page.all if "id" in attributes]
    assert len(ids) == len(set(ids))
    described = [each["aria-describedby"] for _, each in page.all if "aria-describedby" in each]
    assert {id for each in described for id in each.split()} <= set(ids)


@pytest.mark.parametrize(("template", "name"), FORMS)
def test_whatever_is_sent_carries_a_token(app: Flask, template: str, name: str) -> None:
    page = form_page(app, template, name)
    forms = re.findall(r"<form[^>]*method=\"post\".*?</form>", page, re.DOTALL)
    # The form itself and, since somebody is signed in, the log-out.
    assert len(forms) == page.count("<form") == 2
    for each in forms:
        tokens = [i for i in Elements(each).named("input") if i.get("name") == "csrf_token"]
        assert len(tokens) == 1
        assert tokens[0]["value"]


def test_no_template_holds_a_style_or_a_script() -> None:
    templates = [path for path in PACKAGE.rglob("templates/**/*.html")]
    assert len(templates) > 10
    # JSON in a script element is run by nobody, and what may be in it is escaped by tojson.
    script = r"<script(?![^>]*\s(?:src=|type=\"application/json\"))"
    inline = rf"<style|\sstyle=|{script}|\son[a-z]+=|javascript:"
    faults = [
        f"{path.relative_to(PACKAGE)}: {found}"
        for path in templates
        for found in re.findall(inline, path.read_text())
    ]
    assert faults == []


def test_no_template_asks_the_database_who_it_is() -> None:
    templates = list(PACKAGE.rglob("templates/**/*.*"))
    assert templates
    for path in templates:
        code = re.sub(r"{#.*?#}", "", path.read_text(), flags=re.DOTALL)
        assert "current_user" not in code, path


def test_a_failed_log_in_keeps_the_address_and_does_not_show_which_was_wrong(app: Flask) -> None:
    page = sent(app.test_client(), "/login", email="nobody@nowhere", password="guess")
    elements = Elements(page)
    assert page.count("The e-mail address or the password is wrong.") == 1
    alerts = [each for _, each in elements.all if each.get("role") == "alert"]
    assert [each["id"] for each in alerts] == ["form-errors"]
    email, password = (field(elements, name) for name in ("email", "password"))
    assert email["value"] == "nobody@nowhere"
    assert not password.get("value")
    for each in (email, password):
        assert (each["aria-invalid"], each["aria-describedby"]) == ("true", "form-errors")
    assert "autofocus" in password
    assert "autofocus" not in email
    assert "guess" not in page


def test_a_platform_that_is_away_is_the_fault_of_neither_field(app: Flask) -> None:
    with app.test_request_context():
        g.user = None
        form = LoginForm()
        form.form_errors.append("The media platform does not answer.")
        page = render_template("security/login_user.html", login_user_form=form)
    assert "The media platform does not answer." in page
    assert "aria-invalid" not in page


def test_every_field_that_is_wrong_says_why_and_the_first_is_where_to_go_on(app: Flask) -> None:
    page = sent(
        app.test_client(),
        "/register",
        email="nobody@nowhere",
        password="short",
        password_confirm="other",
    )
    elements = Elements(page)
    for name in ("email", "password", "password_confirm"):
        each = field(elements, name)
        assert each["aria-invalid"] == "true"
        assert f"{name}-errors" in each["aria-describedby"].split()
        assert ("autofocus" in each) == (name == "email")
    assert "Choose 12 to 128 characters." in page
    assert "short" not in page


def test_where_one_goes_on_to_is_kept(app: Flask) -> None:
    page = app.test_client().get("/login?next=/dash/sensors").text
    assert field(Elements(page), "next")["value"] == "/dash/sensors"
    assert "/register?next=/dash/sensors" in links(page)


def test_recovering_and_registering_are_offered_where_they_are_possible(app: Flask) -> None:
    assert {"/recover", "/register"} <= links(app.test_client().get("/login").text)


def test_elsewhere_the_administrator_is_the_one_to_ask(stranger: FlaskClient) -> None:
    page = stranger.get("/login").text
    assert not {"/recover", "/register"} & links(page)
    assert "Ask the administrator of this stack for access." in page
    assert "make&nbsp;user EMAIL=… ARGS=--reset" in page
    assert ".secrets/admin_password" in page


def test_with_a_platform_the_log_in_is_the_platform_s(make_app: Callable[..., Flask]) -> None:
    page = make_app(AUTH_BACKEND="platform", REGISTRATION="yes").test_client().get("/login").text
    assert "Use your e-mail address and password of the media platform." in page
    assert "Ask the media platform for a new one." in page
    assert "/register" not in links(page)
    assert "make&nbsp;user" not in page


def test_asking_for_a_link_answers_the_same_whether_there_is_such_a_user(app: Flask) -> None:
    # An address that cannot be one is never looked up, and answered like any other.
    page = sent(app.test_client(), "/recover", email="nobody@nowhere")
    assert "Check your mail" in page
    assert field(Elements(page), "email") == {}


def test_a_user_with_a_made_password_can_only_choose_another(app: Flask) -> None:
    page = form_page(
        app, "change_password", "change_password_form", person(must_change_password=True)
    )
    assert "You logged in with a password that was made for you." in page
    assert "Choose your own to continue." in page
    assert links(page) == {"#main", "/"}
    own = form_page(app, "change_password", "change_password_form", person("viewer"))
    assert "made for you" not in own


def test_the_password_of_another_keeper_is_not_asked_for(app: Flask) -> None:
    page = rendered(
        app,
        "security/change_password.html",
        person("viewer"),
        change_password_form=ChangePasswordForm,
        active_password=False,
    )
    assert "keeps your password: change it there" in page
    assert field(Elements(page), "new_password") == {}


def test_the_page_of_a_user_shows_the_log_in_before(make_app: Callable[..., Flask]) -> None:
    before = datetime(2025, 3, 6, 14, 3, tzinfo=UTC)
    user = person(
        "editor",
        password="a hash",
        login_count=1041,
        last_login_at=before,
        last_login_ip="192.0.2.7",
    )
    page = signed_in(make_app(), user).get("/account").text
    assert '<time datetime="2025-03-06T14:03:00+00:00">6 Mar 2025, 14:03 UTC</time>' in page
    assert "192.0.2.7" in page
    assert "1,041" in page
    assert "sees every dashboard, loads and changes data" in page
    assert "a hash" not in page
    assert "/account/password" in links(page)


def test_a_user_of_the_platform_sees_where_the_password_is_kept(
    make_app: Callable[..., Flask],
) -> None:
    app = make_app(AUTH_BACKEND="platform", PLATFORM_URL="https://media.example.org")
    page = signed_in(app, person("viewer", password=None, account="acct-1")).get("/account").text
    assert "<code>https://media.example.org</code>: change it there" in page
    assert "<code>acct-1</code>" in page
    assert "None: this is your first." in page
    assert "/account/password" not in links(page)


def test_a_message_for_the_reader_is_shown_once(make_app: Callable[..., Flask]) -> None:
    app = make_app()

    @app.before_request
    def greet() -> None:
        if "greeted" not in session:
            session["greeted"] = True
            flash("You changed your password.", "success")

    client = app.test_client()
    pages = [client.get("/").text for _ in range(2)]
    assert [page.count("You changed your password.") for page in pages] == [1, 0]
    message = next(p for p in Elements(pages[0]).named("p") if p.get("role") == "status")
    assert "ts-notice-ok" in message["class"]


@pytest.mark.parametrize(
    ("error", "to"), [(Unauthorized("Log in first."), "/login"), (Forbidden("No."), "/account")]
)
def test_a_refusal_leads_on(
    make_app: Callable[..., Flask], error: Exception, to: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app(URL_PREFIX="/timestack")
    monkeypatch.setattr(gate, "PUBLIC", gate.PUBLIC | {"refuse"})

    @app.get("/refuse")
    def refuse() -> str:
        raise error

    page = signed_in(app, person("viewer")).get("/timestack/refuse").text
    button = next(a for a in Elements(page).named("a") if "btn-primary" in (a.get("class") or ""))
    assert button["href"] == f"/timestack{to}"
    assert {each for each in links(page) if not each.startswith(("/timestack/", "#"))} == set()


def test_the_page_about_a_database_that_is_away_needs_none(
    make_app: Callable[..., Flask],
) -> None:
    app = make_app()

    @app.before_request
    def lose_it() -> None:
        raise OperationalError("select 1", {}, Exception("gone"))

    for client in (app.test_client(), signed_in(app)):
        answer = client.get("/account")
        assert answer.status_code == 503
        assert "The database does not answer" in answer.text


def test_a_log_in_that_cannot_be_looked_up_is_a_503(stranger: FlaskClient) -> None:
    with stranger.session_transaction() as cookie:
        cookie.update({"_user_id": "x" * 64, "_fresh": True, "login": "token"})
    answer = stranger.get("/account")
    assert answer.status_code == 503
    assert "The database does not answer" in answer.text


def test_the_mails_say_whose_password_it_is_and_what_to_do(app: Flask) -> None:
    link = "https://localhost/recover/token?a=1&b=2"
    words = {
        "reset_instructions": (link, "within 1 day", "your password stays as it is"),
        "reset_notice": ("tell your administrator",),
        "change_notice": ("tell your administrator", "http://localhost/recover"),
    }
    for name, parts in words.items():
        text = rendered(
            app,
            f"security/email/{name}.txt",
            user=person(email="o'hara@example.org"),
            reset_link=link,
            within="1 day",
        )
        assert [part for part in (*parts, "o'hara@example.org") if part not in text] == []
        assert "&amp;" not in text


def links(page: str) -> set[str]:
    return {a["href"] or "" for a in Elements(page).named("a")}


def field(page: Elements, name: str) -> dict[str, str | None]:
    """The attributes of a form's field; none when there is no such field."""
    return next((each for each in page.named("input") if each.get("name") == name), {})


def sent(client: FlaskClient, path: str, **fields: str) -> str:
    """What comes back after the form of ``path`` was filled in and sent, its token included."""
    token = field(Elements(client.get(path).text), "csrf_token")["value"]
    answer = client.post(path, data={**fields, "csrf_token": token})
    assert answer.status_code == 200
    return answer.text
