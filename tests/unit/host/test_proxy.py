"""Whether the web is reached through the proxy is known at the end of `make up`, and said."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from scripts.host import certificates, stack
from tests.stack import free_port


def test_a_proxy_that_lets_nothing_through_is_not_taken_for_one_that_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = tmp_path / "secrets"
    certificates.ensure(secrets, domain="localhost")
    values = {
        "BIND_ADDRESS": "127.0.0.1",
        "HTTPS_PORT": str(free_port()),
        "TIMESTACK_DOMAIN": "localhost",
        "URL_PREFIX": "",
    }
    compose = SimpleNamespace(values=values, secret=lambda name: secrets / name)
    monkeypatch.setattr(stack, "PROXY_SECONDS", 0)
    assert stack.wait_for_proxy(compose, SimpleNamespace(status="")) is False
