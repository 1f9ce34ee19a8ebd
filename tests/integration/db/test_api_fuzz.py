"""Whatever the OpenAPI document allows and forbids, sent to the API as each kind of user.

All checks of schemathesis are on: nothing fails with 5xx, what is answered is as the document
says, what it forbids is refused, what it allows is accepted, nobody gets in who may not.

Ref: https://schemathesis.readthedocs.io/en/stable/reference/checks/
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest
from celery import Celery
from flask import Flask, Request

from tests.fuzz import explore
from tests.integration.db.conftest import Database, fail
from tests.unit.web.conftest import person
from timestack import queue
from timestack.app import create_app
from timestack.auth.security import Person
from timestack.domains import jobs, users

pytestmark = pytest.mark.database

ANONYMOUS = "anonymous"
# Of each operation, at random, beside those for every edge of its schema: who may do less is
# refused soon.
EXAMPLES = {ANONYMOUS: 5, "viewer": 15, "editor": 15, "admin": 40}
# `make fuzz`: that many times as many, and the seconds for each kind of user.
LONGER, LONGEST = 25, 360
# What a run accepts of a request that is as the document says: schemathesis' own, but no 5xx.
GOOD = ["2xx", "3xx", "401", "403", "404", "409", "429"]


def may_be_refused(operation: str) -> dict[str, Any]:
    return {
        "include-name": operation,
        "checks": {"positive_data_acceptance": {"expected-statuses": [*GOOD, "422"]}},
    }


EXCEPTIONS = [
    # They need at least one parameter, whichever: a document cannot say so.
    may_be_refused("DELETE /files"),
    may_be_refused("DELETE /file-jobs"),
    # Which times are to come, it cannot say either.
    may_be_refused("POST /alerts/rules/{name}/silence"),
    may_be_refused("POST /alerts/{id}/silence"),
]


@pytest.fixture(scope="module")
def app(provisioned: Database, jobs_variables: dict[str, str]) -> Iterator[Flask]:
    """The web in this process; who has the token ``editor`` is one."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in jobs_variables.items():
            patch.setenv(name, value)
        broker = Celery("test", set_as_current=False)
        broker.add_defaults(queue._configuration)
        assert broker.conf.broker_url
        patch.setattr(queue, "app", broker)
        made = create_app()
        made.config["WTF_CSRF_CHECK_DEFAULT"] = False
        made.login_manager.request_loader(of_token)
        provisioned.sql(FILL)
        fail(jobs.submit("jobs.probe").id)
        yield made
        made.extensions["engine"].dispose()
        broker.close()


# Something of everything, so that answers are more than empty lists.
FILL = """
insert into tracked_files (path, name, type, size, modified_at, owner, site, host, run_tag, state,
                           time_to_live)
select '/r/' || n, n, 'tap', n, '2026-03-01T12:00Z', 'qa', 'lab', 'a', 'r' || n,
       'parsed', interval '1 day' from generate_series(1, 3) as n;
insert into file_jobs (kind, file_id, owner, site, host, run_tag)
select 'statistics', id, owner, site, host, run_tag from tracked_files;
insert into alerts (rule, digest, source, value_column, keys, label, severity, state, value, high,
                    since, seen_at, fired_at)
values ('heat', 'd', 'readings', 'value', '{"sensor_id": 1}', 'cellar', 'warning', 'firing', 101,
        100, '2026-03-01T12:00Z', '2026-03-01T12:30Z', '2026-03-01T12:30Z');
"""


def of_token(request: Request) -> Person | None:
    kind, _, role = request.headers.get("Authorization", "").partition(" ")
    return person(role) if kind == "Bearer" and role in users.ROLES else None


def token(role: str) -> dict[str, str]:
    return {} if role == ANONYMOUS else {"Authorization": f"Bearer {role}"}


@pytest.fixture(scope="module")
def document(app: Flask) -> dict[str, Any]:
    return app.test_client().get("/api/v1/openapi.json", headers=token("viewer")).get_json()


@pytest.fixture(scope="session")
def seed(request: pytest.FixtureRequest) -> int | None:
    """None for the same requests each time."""
    if not request.config.getoption("fuzz"):
        return None
    return request.config.getoption("fuzz_seed") or random.randrange(2**32)


@pytest.mark.parametrize("role", EXAMPLES)
def test_each_endpoint_does_what_the_document_says(
    app: Flask,
    document: dict[str, Any],
    role: str,
    seed: int | None,
    record_property: pytest.RecordProperty,
) -> None:
    settings = {
        "seed": seed or 0,
        "generation": {
            "deterministic": seed is None,
            "max-examples": EXAMPLES[role] * (1 if seed is None else LONGER),
            "database": "none",
        },
        "phases": {"coverage": {"generate-duplicate-query-parameters": True}},
        "operations": EXCEPTIONS,
        **({} if seed is None else {"max-time": LONGEST}),
    }
    found = explore(app, document, token(role), settings)
    again = "" if seed is None else f"; again: make fuzz ARGS='--fuzz-seed {seed}'"
    record_property("shown", f"{role}: {dict(sorted(found.statuses.items()))}{again}")
    if found.failures:
        pytest.fail("\n\n".join([*found.failures, again]), pytrace=False)
