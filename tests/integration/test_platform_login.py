"""AUTH_BACKEND=platform: the simulated platform decides, and only an explicit yes is a log-in."""

from __future__ import annotations

import pytest

from tests.stack import ADMIN_EMAIL, Stack, wait_until

pytestmark = pytest.mark.stack

NORTH = "north@platform.example"


@pytest.fixture(scope="module")
def password(prefixed_stack: Stack) -> str:
    """What every account of the simulated platform logs in with."""
    return (prefixed_stack.secrets / "platform_password").read_text().strip()


def of(stack: Stack, email: str, column: str) -> str:
    return stack.sql(f"select {column} from users where email = '{email}'")[0][0]


def test_a_user_of_the_platform_is_a_viewer_of_their_own_account(
    prefixed_stack: Stack, password: str
) -> None:
    client = prefixed_stack.client()
    assert prefixed_stack.log_in(client, NORTH, password).status_code == 302
    page = client.get("/account").text
    assert NORTH in page
    assert of(prefixed_stack, NORTH, "account") == "studio-north"
    assert client.get("/dash/sensors").status_code == 200
    assert client.get("/pgadmin/", headers={"Accept": "text/html"}).status_code == 403


def test_the_log_in_ends_when_the_platforms_token_does(
    prefixed_stack: Stack, password: str
) -> None:
    client = prefixed_stack.client()
    answer = prefixed_stack.log_in(client, "short@platform.example", password, remember="y")
    assert answer.status_code == 302
    ended = wait_until(
        lambda: (got := client.get("/account")).status_code == 302 and got,
        "the log-in ends after two seconds",
    )
    assert "/login?next=" in ended.headers["location"]


@pytest.mark.parametrize(
    ("user", "message"),
    [
        ("timeout", "does not answer"),
        ("drip", "does not answer"),
        *((user, "an answer that cannot be used") for user in ("error", "html", "empty")),
        *(
            (user, "an answer that cannot be used")
            for user in ("notoken", "blanktoken", "redirect")
        ),
        *((user, "an answer that cannot be used") for user in ("malformed", "huge", "list")),
        *((user, "an answer that cannot be used") for user in ("expired", "other")),
        ("north", "password is wrong"),
        ("unknown", "password is wrong"),
    ],
)
def test_what_is_not_an_explicit_token_is_a_refusal_with_a_sentence(
    prefixed_stack: Stack, password: str, user: str, message: str
) -> None:
    client = prefixed_stack.client()
    word = "wrong" if user == "north" else password
    answer = prefixed_stack.log_in(client, f"{user}@platform.example", word)
    assert answer.status_code == 200
    assert message in answer.text
    assert client.get("/account").status_code == 302


def test_while_the_platform_is_away_the_page_says_so_and_the_administrator_can_log_in(
    prefixed_stack: Stack, password: str
) -> None:
    assert prefixed_stack.http.get("/account").status_code == 200, "a password of this stack"
    assert prefixed_stack.compose("stop", "platform").returncode == 0
    try:
        answer = prefixed_stack.log_in(prefixed_stack.client(), NORTH, password)
        assert answer.status_code == 200
        assert "does not answer" in answer.text
        wrong = prefixed_stack.log_in(prefixed_stack.client(), ADMIN_EMAIL, "wrong")
        assert "password is wrong" in wrong.text
    finally:
        assert prefixed_stack.compose("start", "platform").returncode == 0
    wait_until(prefixed_stack.all_healthy, "the platform is back")


def test_the_platform_cannot_take_over_a_user_of_this_stack(
    prefixed_stack: Stack, password: str
) -> None:
    email = "south@platform.example"
    prefixed_stack.provision("user", email, "--role", "editor")
    answer = prefixed_stack.log_in(prefixed_stack.client(), email, password)
    assert answer.status_code == 200
    assert "password is wrong" in answer.text
    prefixed_stack.provision("user", email, "--disable")


def test_a_user_of_the_platform_is_sent_there_to_change_the_password(
    prefixed_stack: Stack, password: str
) -> None:
    client = prefixed_stack.client()
    assert prefixed_stack.log_in(client, NORTH, password).status_code == 302
    answer = client.get("/account/password", headers={"Accept": "text/html"})
    assert answer.status_code == 403
    assert "change it there" in answer.text
    assert of(prefixed_stack, NORTH, "password is null") == "t"
