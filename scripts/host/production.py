"""What `make deploy` refuses: settings that are only convenient, each by a name that accepts it."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from functools import partial

from scripts.host.environment import defaults
from scripts.host.faults import Fault


def _environment(values: Mapping[str, str]) -> Fault | None:
    if values["TIMESTACK_ENV"] == "production":
        return None
    what = "lets through what is only for developing"
    return Fault(f"TIMESTACK_ENV={values['TIMESTACK_ENV']}", what, "TIMESTACK_ENV=production")


def _instances(values: Mapping[str, str]) -> Fault | None:
    if values["WEB_INSTANCES"] != "1":
        return None
    what = "one web cannot be replaced without an outage"
    return Fault("WEB_INSTANCES=1", what, "WEB_INSTANCES=2; for one web there is `make up`")


def _platform(values: Mapping[str, str]) -> Fault | None:
    profile = values["COMPOSE_PROFILES"]
    if profile and values["TIMESTACK_ENV"] != "production":
        what = "starts the simulated platform, whose figures are made up"
        return Fault(f"COMPOSE_PROFILES={profile}", what, "COMPOSE_PROFILES= (empty)")
    asks = values["PLATFORM_INGEST"] == "yes" or values["AUTH_BACKEND"] == "platform"
    if asks and values["PLATFORM_URL"] == defaults()["PLATFORM_URL"]:
        what = "is the simulated platform, which production does not start"
        return Fault(f"PLATFORM_URL={values['PLATFORM_URL']}", what, "the address of your platform")
    return None


def _example(values: Mapping[str, str], name: str, why: str) -> Fault | None:
    if values[name] != defaults()[name]:
        return None
    return Fault(f"{name}={values[name]}", f"is the example: {why}", "an address of your own")


def _mail_from(values: Mapping[str, str]) -> Fault | None:
    if not values["SMTP_HOST"]:
        return None
    return _example(values, "MAIL_FROM", "mails from there end as spam")


def _domain(values: Mapping[str, str]) -> Fault | None:
    if values["TIMESTACK_DOMAIN"] != "localhost":
        return None
    what = "is a name for this machine only, and no other is served"
    return Fault("TIMESTACK_DOMAIN=localhost", what, "the name that people type")


def _bind_address(values: Mapping[str, str]) -> Fault | None:
    is_loopback = ipaddress.ip_address(values["BIND_ADDRESS"].strip("[]")).is_loopback
    # A proxy on this very host connects there.
    if not is_loopback or "127.0.0.1" in values["TRUSTED_PROXIES"].split(","):
        return None
    what = "is reachable from this machine alone"
    return Fault(f"BIND_ADDRESS={values['BIND_ADDRESS']}", what, "BIND_ADDRESS=0.0.0.0")


def _certificate(values: Mapping[str, str]) -> Fault | None:
    # An authority that browsers know signs it, or a proxy in front has such a one.
    if values.get("ACME_EMAIL") or values["TRUSTED_PROXIES"]:
        return None
    if values["TIMESTACK_DOMAIN"] == "localhost":
        return None
    what = f"of {values['TIMESTACK_DOMAIN']} is signed by our own authority: browsers warn"
    return Fault("certificate", what, "set ACME_EMAIL, to get one that browsers trust")


# What is refused, and the name that accepts it all the same.
CHECKS: dict[str, Callable[[Mapping[str, str]], Fault | None]] = {
    "environment": _environment,
    "instances": _instances,
    "platform": _platform,
    "admin-email": partial(_example, name="ADMIN_EMAIL", why="nobody reads that address"),
    "mail-from": _mail_from,
    "domain": _domain,
    "bind-address": _bind_address,
    "certificate": _certificate,
}


def faults(values: Mapping[str, str]) -> dict[str, Fault]:
    """The faults of the settings, by the name that accepts each."""
    found = {name: check(values) for name, check in CHECKS.items()}
    return {name: fault for name, fault in found.items() if fault}
