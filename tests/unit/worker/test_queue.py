"""The Celery application: what it sends, accepts and promises."""

from __future__ import annotations

import logging

import pytest
from celery import Celery

from tests.unit.worker.conftest import PASSWORD
from timestack import queue


@pytest.fixture
def app(settings: None) -> Celery:
    """An application with the same configuration, not yet read by another test."""
    fresh = Celery("test", set_as_current=False)
    fresh.add_defaults(queue._configuration)
    return fresh


def test_messages_and_results_are_json_only(app: Celery) -> None:
    conf = app.conf
    assert conf.task_serializer == conf.result_serializer == "json"
    assert set(conf.accept_content) == {"json"}


def test_a_message_without_a_row_is_not_handed_out_again_while_its_task_may_run(
    app: Celery,
) -> None:
    visible_again = app.conf.broker_transport_options["visibility_timeout"]
    assert visible_again > (queue.USUAL_LIMIT + queue.LAST_WORDS).total_seconds()
    assert queue.LONGEST.total_seconds() >= app.conf.task_soft_time_limit


def test_a_task_is_acknowledged_when_it_is_done_and_returned_when_its_worker_dies(
    app: Celery,
) -> None:
    assert app.conf.task_acks_late
    assert app.conf.task_reject_on_worker_lost
    assert app.conf.worker_prefetch_multiplier == 1


def test_the_broker_is_waited_for_without_end(app: Celery) -> None:
    assert app.conf.broker_connection_retry_on_startup
    assert app.conf.broker_connection_max_retries is None


def test_a_password_of_any_characters_reaches_the_broker_whole(app: Celery) -> None:
    connection = app.connection_for_write()
    assert connection.password == PASSWORD
    assert (connection.hostname, connection.port, connection.virtual_host) == ("127.0.0.1", 1, "0")


def test_the_password_is_shown_nowhere(app: Celery) -> None:
    shown = f"{app.connection_for_write().as_uri()} {app.bugreport()} {app!r}"
    assert PASSWORD not in shown
    assert "p%40ss" not in shown


def test_each_queue_takes_only_its_own_messages(app: Celery) -> None:
    keys = {name: (q.exchange.name, q.routing_key) for name, q in app.amqp.queues.items()}
    assert keys == {name: (name, name) for name in ("short", "long", "owner", "forecast", "mail")}


def test_celery_has_no_schedule_of_its_own_beside_the_tables(app: Celery) -> None:
    assert app.conf.beat_schedule == {}


def test_the_concurrency_is_a_setting(app: Celery) -> None:
    assert app.conf.worker_concurrency == 3


def test_a_broker_that_is_away_is_reported_and_raises_nothing(
    app: Celery, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(queue, "app", app)
    with caplog.at_level(logging.WARNING):
        assert queue.send("rollups.refresh", "some-id", queue=queue.SHORT) is False
        assert queue.messages(queue.SHORT) is None
    assert len(caplog.records) == 2
    assert "rollups.refresh" in caplog.text
    assert PASSWORD not in caplog.text
