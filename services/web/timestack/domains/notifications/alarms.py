"""Alarms of Alertmanager become notifications: each told once as it begins and once as it ends.

Ref: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, Field, StringConstraints
from sqlalchemy.orm import Session

from timestack.domains import idempotency
from timestack.domains.jobs import notices

# Whose idempotency keys it are, beside those of users.
OWNER = "alertmanager"
# Labels that say nothing beside the alarm's name.
SILENT = {"alertname", "severity", "job"}
PAGE = "/prometheus/classic/alerts"
RESOLVED, FIRING = "resolved", "firing"

Text = Annotated[str, StringConstraints(max_length=2000)]


class Alarm(BaseModel):
    """One alarm as Alertmanager sends it; ``startsAt`` stays the same until it ends."""

    status: Literal["firing", "resolved"]
    labels: dict[Text, Text]
    annotations: dict[Text, Text] = {}
    starts_at: Annotated[AwareDatetime, Field(alias="startsAt")]
    fingerprint: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{1,64}$")]

    @property
    def key(self) -> str:
        """What two deliveries of the same news have in common."""
        return f"{self.fingerprint} {self.status} {self.starts_at.isoformat()}"

    @property
    def name(self) -> str:
        """The name of its rule."""
        return self.labels.get("alertname", "alarm")

    def __str__(self) -> str:
        """In some lines: which one, what it is about, and where it says what to do."""
        which = ", ".join(
            f"{name} {value}" for name, value in sorted(self.labels.items()) if name not in SILENT
        )
        begun = f"since {self.starts_at:%Y-%m-%d %H:%M} UTC"
        state = "over" if self.status == RESOLVED else begun
        lines = [f"{self.name} ({', '.join(filter(None, (which, state)))})"]
        if self.status == FIRING:
            lines += [self.annotations.get(each, "") for each in ("description", "runbook")]
        return "\n".join(filter(None, lines))


class Delivery(BaseModel):
    """Some alarms of one group, in one request."""

    version: Literal["4"]
    alerts: Annotated[list[Alarm], Field(max_length=1000)]


def tell(session: Session, delivery: Delivery) -> Sequence[Alarm]:
    """Tell people of the alarms that they have not been told of, in one notification.

    Returns these; none where the delivery is a repetition. A day later an alarm that still lasts is
    told again, if it is delivered again.
    """
    new: list[Alarm] = []
    for alarm in delivery.alerts:
        idempotency.once(session, OWNER, alarm.key, {}, lambda alarm=alarm: _noted(new, alarm))
    if new:
        # What lasts comes first.
        new.sort(key=lambda alarm: (alarm.status == RESOLVED, alarm.name))
        notices.add(session, "alarm", _subject(new), "\n\n".join(map(str, new)), PAGE)
    return new


def _noted(new: list[Alarm], alarm: Alarm) -> dict:
    new.append(alarm)
    return {}


def _subject(alarms: Sequence[Alarm]) -> str:
    firing = sorted({each.name for each in alarms if each.status == FIRING})
    over = sorted({each.name for each in alarms if each.status == RESOLVED})
    parts = [f"alarm: {', '.join(firing)}"] * bool(firing) + [f"over: {', '.join(over)}"] * bool(
        over
    )
    return "; ".join(parts)
