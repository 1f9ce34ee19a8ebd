"""What a certificate of a public authority needs is said before one is asked for."""

import pytest

from scripts.host import acme, environment

PRIVATE = "https://ca.corp.internal/acme/acme/directory"


def values(**changed: str) -> dict[str, str]:
    chosen = {"ACME_EMAIL": "a@example.org", "TIMESTACK_DOMAIN": "data.timestack.dev"}
    return {**environment.defaults(), **chosen, **changed}


@pytest.mark.parametrize(
    ("domain", "authority", "wrong"),
    [
        ("data.timestack.dev", "", ""),
        ("localhost", "", "a name that no public authority may certify"),
        ("localhost", PRIVATE, "a name that no public authority may certify"),
        ("203.0.113.7", "", "an address"),
        ("203.0.113.7", PRIVATE, "an address"),
        ("series", "", "not a name on the internet"),
        ("series", PRIVATE, ""),
        ("series.local", "", "no public authority"),
        ("series.corp.internal", "", "no public authority"),
        ("series.corp.internal", PRIVATE, ""),
        ("nas.home.arpa", "", "no public authority"),
        ("data.example.org", "", "no public authority"),
    ],
)
def test_a_name_that_no_authority_certifies_is_refused(
    domain: str, authority: str, wrong: str
) -> None:
    found = acme.faults(values(TIMESTACK_DOMAIN=domain, ACME_CA=authority))
    assert [wrong in each.what for each in found] == ([True] if wrong else [])


def test_without_an_email_address_nothing_is_asked_of_the_name() -> None:
    assert acme.faults(values(ACME_EMAIL="", TIMESTACK_DOMAIN="localhost")) == []
    assert acme.warnings(values(ACME_EMAIL="", TIMESTACK_DOMAIN="localhost")) == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"HTTP_PORT": "80"}, []),
        ({"HTTP_PORT": "8080"}, ["at port 80, and HTTP_PORT is 8080"]),
        ({"ACME_CHALLENGE": "tls-alpn-01", "HTTPS_PORT": "443"}, []),
        ({"ACME_CHALLENGE": "tls-alpn-01"}, ["at port 443, and HTTPS_PORT is 8443"]),
        ({"HTTP_PORT": "80", "BIND_ADDRESS": "127.0.0.1"}, ["from this machine only"]),
    ],
)
def test_what_the_authority_cannot_reach_by_itself_is_warned_of(
    changed: dict[str, str], said: list[str]
) -> None:
    found = acme.warnings(values(**{"BIND_ADDRESS": "0.0.0.0", **changed}))  # noqa: S104
    assert len(found) == len(said)
    assert all(text in each for text, each in zip(said, found, strict=True))


def test_the_local_certificate_spells_the_name_so_that_traefik_asks_for_another() -> None:
    assert acme.local_name(values()) == "DATA.TIMESTACK.DEV"
    assert acme.local_name(values(ACME_EMAIL="")) == "data.timestack.dev"


def test_no_certificate_is_described_where_nothing_listens(tmp_path) -> None:
    assert acme.served(values(HTTPS_PORT="1"), tmp_path / "ca.pem") is None
