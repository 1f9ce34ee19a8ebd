"""Whatever the OpenAPI document allows and forbids, sent to the API as each kind of user.

All checks of schemathesis are on: nothing fails with 5xx, what is answered is as the document
says, what it forbids is refused, what it allows is accepted, nobody gets in who may not.

Ref: https://schemathesis.readthedocs.io/en/stable/reference/checks/
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from typing import Any

import pytest
from celery import Celery
from flask import Flask
from schemathesis import Response
from schemathesis.core.failures import Failure
from schemathesis.openapi.checks import EnsureResourceAvailability, RejectedPositiveData

from tests.fuzz import explore
from tests.integration.db.conftest import Database, fail
from timestack import db, queue
from timestack.app import create_app
from timestack.auth import limits
from timestack.domains import jobs, tokens, users

pytestmark = pytest.mark.database

ANONYMOUS = "anonymous"
# Of each operation, at random: who may do less is refused soon.
EXAMPLES = {ANONYMOUS: 5, "viewer": 10, "editor": 10, "admin": 15}
# Each edge of each schema is tried by the one who gets beyond every gate.
PHASES = {
    ANONYMOUS: ("fuzzing",),
    "viewer": ("examples", "fuzzing", "stateful"),
    "editor": ("examples", "fuzzing", "stateful"),
    "admin": ("examples", "coverage", "fuzzing", "stateful"),
}
MORE = {"coverage": {"generate-duplicate-query-parameters": True}}
# `make fuzz`: that many times as many, and the seconds for each kind of user.
LONGER, LONGEST = 25, 360
# How what the document forbids is refused: schemathesis has no 412, of a faulty If-Match, nor 413.
REFUSED = ["400", "401", "403", "404", "405", "406", "409", "412", "413", "415", "422", "429"]
# Faults of requests that are as the document says, which it has no words for.
UNSAID = re.compile(
    # A cursor is what the list before it answered.
    r"cursor: is (not a cursor|the cursor of another list)"
    # One parameter depends on another.
    r"|end: is not after start"
    r"|bucket: is too short"
    # At least one parameter is needed, whichever.
    r"|nothing says which rows to delete"
    # Which times are to come, and what a token may that this user or token makes.
    r"|/(until|expires_at|role|tables): "
    # Which tables there are, and which columns each has; which can be those of one table.
    r"|(table|value|/?columns|key\.\w+): "
    r"|/zone: "
    r"|/layout/(columns|zone)"
)


def excused(failure: Failure, response: Response) -> bool:
    """Whether it says no more than that a document cannot say everything."""
    if isinstance(failure, EnsureResourceAvailability):
        # Its answer is the job that makes a forecast, which gets an id of its own.
        return failure.created_with == "POST /forecasts"
    if not isinstance(failure, RejectedPositiveData):
        return False
    if failure.operation in ("POST /readings", "POST /prices"):
        # What rows there may be is the table's, and a document in JSON has no words for CSV.
        return response.status_code in (400, 422)
    if failure.operation in ("POST /uploads", "PATCH /uploads/{id}"):
        # How large a file may be is a setting, and how much of it is left the upload's.
        return response.status_code == 413
    if response.status_code == 412:
        # No document knows what was seen before.
        return True
    if response.status_code != 422:
        return False
    problem = response.json()
    # In the envelope of companies it is the content.
    problem = problem.get("content", problem)
    faults = [
        f"{fault.get('parameter') or fault.get('pointer')}: {fault['detail']}"
        for fault in problem.get("errors", ())
    ]
    return all(UNSAID.match(each) for each in faults or [problem["detail"]])


@pytest.fixture(scope="module")
def app(provisioned: Database, jobs_variables: dict[str, str]) -> Iterator[Flask]:
    """The web in this process, where nobody asks too often."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            **jobs_variables,
            "API_RATE": "9999999/second",
            "UPLOAD_MAX": "1m",
        }.items():
            patch.setenv(name, value)
        patch.setattr(limits, "PER_ADDRESS", "9999999 per second")
        broker = Celery("test", set_as_current=False)
        broker.add_defaults(queue._configuration)
        assert broker.conf.broker_url
        patch.setattr(queue, "app", broker)
        made = create_app()
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
insert into companies (name) select 'Company ' || n from generate_series(1, 3) as n;
insert into finances (company_id, year, q1) select id, 2020 + id, 0.10 from companies;
insert into sensors (type, location, name, unit)
select 'temperature', 'lab', 'sensor ' || n, '°C' from generate_series(1, 3) as n;
insert into readings select '2026-01-01Z'::timestamptz + id * interval '1 h', id, id from sensors;
insert into tickers (symbol, name, industry) values ('AAA', 'Acme', 'Tools');
insert into prices_daily select '2026-01-01Z', id, 1, 2, 0.5, 1, 1000, 1 from tickers;
insert into alerts (rule, digest, source, value_column, keys, label, severity, state, value, high,
                    since, seen_at, fired_at)
values ('heat', 'd', 'readings', 'value', '{"sensor_id": 1}', 'cellar', 'warning', 'firing', 101,
        100, '2026-03-01T12:00Z', '2026-03-01T12:30Z', '2026-03-01T12:30Z');
"""


@pytest.fixture(scope="module")
def headers(app: Flask, provisioned: Database) -> dict[str, dict[str, str]]:
    """What each kind of user sends along: a token that may all that its user may."""
    found = {ANONYMOUS: {}}
    with db.session() as session:
        for role, own in zip(users.ROLES, tokens.ROLES, strict=True):
            users.put(session, f"{role}@example.org", role)
            user = users.find(session, f"{role}@example.org")
            found[role] = {"Authorization": f"Bearer {tokens.make(session, user, LASTS, own)[0]}"}
    provisioned.sql(KEEP)
    return found


# A token of these revokes itself sooner or later.
LASTS = "lasts"
KEEP = f"""
create function keep() returns trigger language plpgsql as
  $$begin new.revoked_at := null; return new; end$$;
create trigger keep before update on tokens for each row when (old.name = '{LASTS}')
  execute function keep();
"""


@pytest.fixture(scope="module")
def document(app: Flask, headers: dict[str, dict[str, str]]) -> dict[str, Any]:
    return app.test_client().get("/api/v1/openapi.json", headers=headers["viewer"]).get_json()


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
    headers: dict[str, dict[str, str]],
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
        "checks": {"negative_data_rejection": {"expected-statuses": REFUSED}},
        "phases": {
            "enabled": False,
            **{name: {"enabled": True, **MORE.get(name, {})} for name in PHASES[role]},
        },
        **({} if seed is None else {"max-time": LONGEST}),
    }
    found = explore(app, document, headers[role], settings, excused)
    again = "" if seed is None else f"; again: make fuzz ARGS='--fuzz-seed {seed}'"
    record_property("shown", f"{role}: {dict(sorted(found.statuses.items()))}{again}")
    if found.failures:
        pytest.fail("\n\n".join([*found.failures, again]), pytrace=False)
