"""`make install`: systemd starts the stack at boot, and runs what is due each week and month.

Requires systemd and root. Writes the units below into UNITS, enables and starts them, and says so;
`make install ARGS=--remove` disables and deletes them, and leaves the stack as it is.
"""

from __future__ import annotations

import argparse
import grp
import os
import pwd
import subprocess
import sys
from pathlib import Path

from scripts.host import environment, stack
from scripts.host.console import columns, info
from scripts.host.faults import Fault, Refused

UNITS = Path("/etc/systemd/system")
# There where systemd runs, and nowhere else: sd_booted(3).
RUNS = Path("/run/systemd/system")

SERVICE = """\
[Unit]
Description=Timestack in {folder}
Wants=docker.service network-online.target
After=docker.service network-online.target

[Service]
Type=oneshot
RemainAfterExit=yes
User={user}
WorkingDirectory={folder}
# What `make up` does, by the images that are there.
Environment=BUILD=no BOOTSTRAP=no
ExecStart={python} -m scripts.host up
ExecStop={python} -m scripts.host down
# A migration of a large table, or a recovery after a power cut, takes as long as it takes.
TimeoutStartSec=infinity
TimeoutStopSec=5min

[Install]
WantedBy=multi-user.target
"""
TASK = """\
[Unit]
Description=Timestack in {folder}: {what}
Wants=docker.service
After=docker.service {name}.service

[Service]
Type=oneshot
User={user}
WorkingDirectory={folder}
Environment="ARGS={arguments}"
ExecStart={python} -m scripts.host {verb}
Nice=10
"""
TIMER = """\
[Unit]
Description=Timestack in {folder}: {what}

[Timer]
OnCalendar={when}
RandomizedDelaySec=1h
# After the next boot where the machine was off then.
Persistent=true

[Install]
WantedBy=timers.target
"""
# Verb, when (UTC or the host's zone, as systemd has it), its ARGS, and what it is.
TASKS = (
    ("update", "Sun *-*-* 04:00:00", "--notify", "newest packages"),
    ("drill", "*-*-01 03:00:00", "", "restore drill"),
)


def install(root: Path, arguments: list[str]) -> int:
    """Write, enable and start the units; or with --remove disable and delete them."""
    parser = argparse.ArgumentParser("make install")
    parser.add_argument("--user", help="who runs the stack; by default the folder's owner")
    parser.add_argument("--remove", action="store_true", help="undo it; the stack goes on running")
    given = parser.parse_args(arguments)
    name = stack.load(root).project
    user = given.user or _owner(root)
    if faults := _faults(root, user):
        raise Refused(faults, untouched=True)
    found = texts(root, name, user)
    if given.remove:
        return _remove(found)
    for file, text in found.items():
        environment.replace(UNITS / file, text, 0o644)
    _systemctl("daemon-reload")
    _systemctl("enable", "--now", *_enabled(found))
    rows = [
        (str(UNITS / file), text.partition("Description=")[2].partition("\n")[0])
        for file, text in found.items()
    ]
    info(f"written, for the user {user}:")
    info(columns(rows))
    info(f"started; the next runs: systemctl list-timers '{name}-*'")
    info("to undo it: sudo make install ARGS=--remove")
    return 0


def texts(root: Path, name: str, user: str) -> dict[str, str]:
    """The name of each unit's file and its text."""
    values = {
        # A percent sign would begin a specifier: systemd.unit(5).
        "folder": str(root).replace("%", "%%"),
        "python": sys.executable.replace("%", "%%"),
        "name": name,
        "user": user,
    }
    found = {f"{name}.service": SERVICE.format(**values)}
    for verb, when, its, what in TASKS:
        task = {**values, "verb": verb, "when": when, "arguments": its, "what": what}
        found[f"{name}-{verb}.service"] = TASK.format(**task)
        found[f"{name}-{verb}.timer"] = TIMER.format(**task)
    return found


def by_hand(root: Path) -> str:
    """What to do on a host without systemd."""
    run = f"cd {root} && BUILD=no BOOTSTRAP=no {sys.executable} -m scripts.host"
    return (
        "the engine itself starts the containers again after a boot (restart: unless-stopped);"
        f" for the rest, in the crontab of who runs the stack:\n"
        f"     0 4 * * 0  {run} update\n"
        f"     0 3 1 * *  {run} drill"
    )


def _faults(root: Path, user: str) -> list[Fault]:
    if not RUNS.exists():
        return [Fault("make install", "this host is not run by systemd", by_hand(root))]
    faults = []
    if os.geteuid() != 0:
        what = f"{UNITS} can be written by root alone"
        faults.append(Fault("make install", what, "sudo make install"))
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        what, todo = "there is no such user", "make install ARGS='--user NAME'"
        return [*faults, Fault(f"--user {user}", what, todo)]
    groups = {grp.getgrgid(each).gr_name for each in os.getgrouplist(user, entry.pw_gid)}
    if entry.pw_uid != 0 and "docker" not in groups:
        what = "is not in the group docker, and may not use the engine"
        faults.append(Fault(f"user {user}", what, f"usermod -aG docker {user}"))
    return faults


def _owner(root: Path) -> str:
    try:
        return root.owner()
    except KeyError:
        return str(root.stat().st_uid)


def _enabled(names: dict[str, str]) -> list[str]:
    """The units that something starts by itself."""
    return [name for name, text in names.items() if "[Install]" in text]


def _remove(names: dict[str, str]) -> int:
    there = {name: text for name, text in names.items() if (UNITS / name).exists()}
    timers = [name for name in there if name.endswith(".timer")]
    if timers:
        _systemctl("disable", "--now", *timers)
    # Disabled and not stopped: that would stop the stack.
    if services := [name for name in _enabled(there) if name not in timers]:
        _systemctl("disable", *services)
    for name in there:
        (UNITS / name).unlink()
    _systemctl("daemon-reload")
    info(f"removed: {', '.join(there) or 'nothing was there'}; the stack goes on as it is")
    return 0


def _systemctl(*arguments: str) -> None:
    done = subprocess.run(["systemctl", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        todo = f"systemctl status {arguments[-1]}; journalctl -u {arguments[-1]}"
        raise Refused([Fault(f"systemctl {' '.join(arguments)}", done.stderr.strip(), todo)])
