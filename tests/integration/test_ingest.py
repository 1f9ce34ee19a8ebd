"""The clients of InfluxDB write through the proxy, and the workers bring the rollups after."""

from __future__ import annotations

import gzip
from collections.abc import Iterator

import httpx
import pytest
from influxdb_client import InfluxDBClient, WriteOptions

from tests.stack import ADMIN_EMAIL, Stack, forget_sensors, wait_until

pytestmark = pytest.mark.stack

POINTS, BATCH, PLACES = 100_000, 10_000, 100
NOW = 1_769_860_800
OF_TEST = "from readings join sensors on sensors.id = sensor_id where type = 'ingest test'"


@pytest.fixture(scope="module")
def token(stack: Stack) -> Iterator[str]:
    # A token works once its user has chosen a password.
    assert stack.http.get("/account").status_code == 200
    made = stack.provision("token", ADMIN_EMAIL, "--name=ingest test", "--role=write")
    yield made.stdout.splitlines()[-1]
    # Others look at what the seed brought.
    forget_sensors(stack, "type = 'ingest test'")


def test_the_client_writes_a_hundred_thousand_points_and_again_and_they_are_as_many(
    stack: Stack, token: str
) -> None:
    lines = [
        f"ingest\\ test,location=l{n % PLACES},unit=°C value={n / 8} {NOW + n // PLACES}000000000"
        for n in range(POINTS)
    ]
    options = WriteOptions(batch_size=BATCH, flush_interval=60_000, retry_interval=500)
    failed = []
    for _ in range(2):
        with (
            InfluxDBClient(
                stack.url,
                token,
                org="any",
                enable_gzip=True,
                ssl_ca_cert=str(stack.secrets / "ca.pem"),
            ) as client,
            client.write_api(
                write_options=options, error_callback=lambda *said: failed.append(said)
            ) as api,
        ):
            api.write("readings", record=lines)
        assert failed == []
        assert stack.sql(f"select count(*), count(distinct sensor_id) {OF_TEST}") == [
            (str(POINTS), str(PLACES))
        ]
    buckets = "select sum(n) from readings_1h join sensors on id = sensor_id"
    wait_until(
        lambda: stack.sql(f"{buckets} where type = 'ingest test'") == [(str(POINTS),)],
        "the rollup has them",
    )


def test_a_body_in_chunks_is_taken_as_telegraf_sends_it(stack: Stack, token: str) -> None:
    body = gzip.compress(f"ingest\\ test,host=telegraf value=1 {NOW}".encode())
    with stack.client() as client:
        answer = client.post(
            "/api/v2/write?bucket=readings&org=any&precision=s",
            content=iter([body[:10], body[10:]]),
            headers={
                "Authorization": f"Token {token}",
                "Content-Encoding": "gzip",
                "Content-Type": "text/plain; charset=utf-8",
            },
        )
    assert answer.status_code == httpx.codes.NO_CONTENT, answer.text
    assert stack.sql(f"select count(*) {OF_TEST} and location = 'host=telegraf'") == [("1",)]
