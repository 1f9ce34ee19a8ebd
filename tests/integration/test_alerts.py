"""An alert from the reading that causes it to the message that it is over, all by the clock."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest
from influxdb_client import InfluxDBClient, Point, WritePrecision
from influxdb_client.client.write_api import SYNCHRONOUS

from tests.stack import ADMIN_EMAIL, Stack, forget_sensors, wait_until

pytestmark = pytest.mark.stack

# The rule `heat` of alerts.yaml: above 100 for half an hour, until 95.
HOT, COOL, MINUTES = 101.0, 60.0, 35
# A minute between two looks, and whatever a busy machine takes.
DEADLINE = 180
HOOKS = "import httpx; print(httpx.get('http://platform:9000/hooks').text)"


@pytest.fixture
def told(stack: Stack) -> Iterator[None]:
    """Notifications go to the simulated webhook meanwhile."""
    # In place: the workers have this very file mounted.
    address = stack.secrets / "notify_webhook"
    address.write_text("http://platform:9000/hooks/T0/B0/alerts\n")
    yield
    address.write_text("")
    # Others look at what the seed brought.
    forget_sensors(stack, "location = 'alert test'")


def write(stack: Stack, *readings: tuple[float, float]) -> None:
    """Write (seconds since 1970, value) of one sensor as clients of InfluxDB do."""
    made = stack.provision("token", ADMIN_EMAIL, "--name=alert test", "--role=write")
    token, authority = made.stdout.splitlines()[-1], str(stack.secrets / "ca.pem")
    points = [
        Point("temperature")
        .tag("location", "alert test")
        .field("air temperature", value)
        .time(int(seconds), WritePrecision.S)
        for seconds, value in readings
    ]
    with (
        InfluxDBClient(stack.url, token, org="any", ssl_ca_cert=authority) as client,
        client.write_api(write_options=SYNCHRONOUS) as api,
    ):
        api.write("readings", record=points, write_precision=WritePrecision.S)


def messages(stack: Stack) -> list[str]:
    """What the webhook has of this rule."""
    shown = stack.compose("exec", "-T", "worker", "python", "-c", HOOKS)
    assert shown.returncode == 0, shown.stderr
    return [text for text in json.loads(shown.stdout) if "heat" in text]


def test_an_alert_fires_is_told_and_is_over_by_the_clock_alone(stack: Stack, told: None) -> None:
    assert stack.http.get("/account").status_code == 200
    state = "select state from alerts where rule = 'heat' order by since desc limit 1"
    delivered = (
        "select count(*) from jobs where kind = 'notify.deliver' and state = 'succeeded'"
        " and params::text like '%heat%'"
    )
    minutes = [time.time() - 60 * minute for minute in range(MINUTES)]
    write(stack, *((at, HOT) for at in minutes))
    end = time.monotonic() + DEADLINE
    wait_until(lambda: stack.sql(state) == [("firing",)], "it fires", DEADLINE)
    wait_until(lambda: stack.sql(delivered) == [("1",)], "it is told", end - time.monotonic())
    assert "alert test" in messages(stack)[0]
    # Corrected: it is over when it was not so for as long.
    write(stack, *((at, COOL) for at in minutes))
    end = time.monotonic() + DEADLINE
    wait_until(lambda: stack.sql(state) == [("resolved",)], "it is over", DEADLINE)
    wait_until(lambda: stack.sql(delivered) == [("2",)], "that is told", end - time.monotonic())
    assert "resolved" in messages(stack)[1]
