"""Start PostgreSQL: the container's main process.

At each start, in this order: the volume's lock, certificate and key to the tmpfs, memory settings
from the container's limit, the cluster if there is none, then database, owner role and extension
over the local socket while nothing can connect from outside, and at last PostgreSQL itself, which
replaces this process.
Every step may be killed and is done again, or found done, at the next start. The container's
command is further options of PostgreSQL, such as `-c log_connections=on`.
"""

import base64
import fcntl
import hashlib
import hmac
import ipaddress
import os
import secrets
import shlex
import shutil
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import repository
from tuning import MIB, cpu_limit, memory_limit, tuning

from timestack.shared.roles import FUNCTIONS, OWNER, PREDEFINED, ROLES

DATABASE = os.environ.get("DATABASE_NAME", "timestack")
SECRETS = Path(os.environ.get("SECRETS_DIR", "/run/secrets"))
PGDATA = Path(os.environ.get("PGDATA", "/var/lib/postgresql/data"))
RUN = Path("/run/postgresql")
CONFIG = "/etc/timestack/postgresql.conf"
SERVER_SQL = Path("/etc/timestack/server.sql")
# The figures of slow statements; another base may lack the library.
STATISTICS = "pg_stat_statements"
OPTIONS = sys.argv[1:]
# Recovery after a crash replays up to max_wal_size; that takes minutes on a slow disk.
RECOVERY_SECONDS = "900"


def say(text: str) -> None:
    print(f"entrypoint: {text}", flush=True)


def fail(text: str) -> None:
    sys.exit(f"entrypoint: {text}")


def secret(name: str) -> str:
    """The secret's text without its final newline; ends the process when missing or empty."""
    path = SECRETS / name
    try:
        text = path.read_text().strip("\r\n")
    except OSError as error:
        fail(f"{path}: {error.strerror}: mount the secret `{name}` (`make up` generates it)")
    if not text:
        fail(f"{path}: the file is empty: delete it from .secrets/ and run `make up`")
    return text


def install_certificate() -> None:
    """Copy certificate and key to the tmpfs: PostgreSQL wants a key that others cannot read."""
    if not os.access(RUN, os.W_OK):
        fail(f"{RUN} is not writable: mount a tmpfs there with mode=1777")
    for name, target, mode in (("db_tls.pem", "tls.pem", 0o644), ("db_tls.key", "tls.key", 0o600)):
        path = RUN / target
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "w") as file:
            file.write(secret(name) + "\n")


def claim_volume() -> None:
    """Hold the volume's lock until this container ends, then drop the PID file of the last one.

    PostgreSQL takes the PID in `postmaster.pid` for a running server when any process has it. After
    a container was killed it names a process of that container, and here the same number may be
    this script's or a health check's: PostgreSQL would refuse to start, again and again. The lock,
    which the kernel drops with the container, tells a dead server from one in another container.
    """
    descriptor = os.open(PGDATA.with_name("volume.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        fail(f"{PGDATA.parent} is in use by another container: stop that one first; nothing was "
             "changed")  # fmt: skip
    os.set_inheritable(descriptor, True)
    (PGDATA / "postmaster.pid").unlink(missing_ok=True)


def major() -> str:
    """The major version of this image's PostgreSQL, such as `17`."""
    done = subprocess.run(["postgres", "--version"], capture_output=True, text=True, check=True)
    # postgres (PostgreSQL) 17.6 (Debian 17.6-0+deb13u1)
    return done.stdout.split()[2].partition(".")[0]


def libraries() -> Path:
    """Where this PostgreSQL has its libraries."""
    command = ["pg_config", "--pkglibdir"]
    return Path(subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip())


def preloaded(folder: Path) -> str:
    """The libraries to start with: a server does not start without one that it is to load."""
    there = (folder / f"{STATISTICS}.so").is_file()
    return f"timescaledb,{STATISTICS}" if there else "timescaledb"


def write_tuning() -> None:
    memory, cpus = memory_limit(), cpu_limit()
    libraries_of = {"shared_preload_libraries": preloaded(libraries())}
    settings = {**tuning(memory, cpus), **libraries_of, **repository.settings()}
    lines = [f"{name} = '{value}'\n" for name, value in settings.items()]
    (RUN / "tuning.conf").write_text("".join(lines))
    say(f"tuned for {memory // MIB} MiB of memory and {cpus} processors")


Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def connected(proc: Path) -> Iterator[Network]:
    """The networks that this container has an interface in; see proc(5), /proc/net/route."""
    for line in (proc / "route").read_text().splitlines()[1:]:
        # Numbers in the machine's byte order; a gateway leads to other networks.
        target, gateway, mask = (struct.pack("=I", int(line.split()[i], 16)) for i in (1, 2, 7))
        if not any(gateway) and any(mask):
            yield ipaddress.IPv4Network((target, str(ipaddress.IPv4Address(mask))))
    table = proc / "ipv6_route"
    for line in table.read_text().splitlines() if table.exists() else ():
        target, length, _, _, gateway, *_ = line.split()
        if not int(gateway, 16) and 0 < int(length, 16) < 128:
            yield ipaddress.IPv6Network((bytes.fromhex(target), int(length, 16)))


def write_access(name: str, proc: Path = Path("/proc/net"), run: Path = RUN) -> None:
    """From networks other than the one where we are called `name`, let in only roles for DB_PORT.

    Written as what is allowed: an unforeseen network, or another family of addresses,
    counts as outside. Without a name, all networks are the stack's own.
    """
    file = run / "pg_hba_outside.conf"
    file.unlink(missing_ok=True)
    if not name:
        return
    try:
        own = {ipaddress.ip_address(found[4][0]) for found in socket.getaddrinfo(name, None)}
    except OSError as error:
        fail(f"INSIDE_NAME is {name}, which is not the name of a network's member: {error}")
    networks = {network for network in connected(proc) if any(each in network for each in own)}
    if not networks:
        fail(f"INSIDE_NAME is {name}, which is on no network of this container")
    inside = ["samehost", *sorted(map(str, networks))]
    lines = [f"hostssl all all {each} scram-sha-256\n" for each in inside]
    outside = [role.name for role in ROLES if role.outside]
    lines += [f"hostssl all {each} all scram-sha-256\n" for each in outside]
    lines.append("host all all all reject\n")
    file.write_text("".join(lines))
    say(f"from outside {', '.join(inside[1:])} only {' or '.join(outside)} may log in")


def ensure_cluster() -> None:
    """Make the cluster under another name and rename it, so that a half-made one is never used."""
    version = PGDATA / "PG_VERSION"
    if version.exists():
        found, own = version.read_text().strip(), major()
        if found != own:
            fail(f"{PGDATA} was made by PostgreSQL {found} and this image has {own}: set "
                 "TIMESCALEDB_BASE back to what it was, `make up`, and then `make move TO=` the "
                 "other one; nothing was changed")  # fmt: skip
        return
    if PGDATA.exists() and any(PGDATA.iterdir()):
        fail(f"{PGDATA} holds files but no cluster: empty the volume or mount the right one; "
             "nothing was changed")  # fmt: skip
    say(f"making a cluster in {PGDATA}")
    unfinished = PGDATA.with_name(PGDATA.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    subprocess.run(
        ["initdb", "--pgdata", str(unfinished), "--username", "postgres", "--data-checksums",
         "--encoding", "UTF8", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8",
         "--locale", "C.UTF-8", "--auth-local", "peer", "--auth-host", "scram-sha-256"],
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    if PGDATA.exists():
        PGDATA.rmdir()
    unfinished.rename(PGDATA)
    directory = os.open(PGDATA.parent, os.O_RDONLY)
    os.fsync(directory)
    os.close(directory)


def scram_verifier(password: str, salt: bytes | None = None, iterations: int = 4096) -> str:
    """What PostgreSQL stores for a password (RFC 5802, RFC 7677), so that no log can hold it."""
    salt = salt or secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    stored_key = hashlib.sha256(client_key).digest()
    server_key = hmac.digest(salted, b"Server Key", "sha256")

    def text(value: bytes) -> str:
        return base64.b64encode(value).decode()

    return f"SCRAM-SHA-256${iterations}:{text(salt)}${text(stored_key)}:{text(server_key)}"


IN_POSTGRES = """
select 'create role {owner}' where to_regrole('{owner}') is null \\gexec
alter role {owner} with login createrole nosuperuser nobypassrls password '{verifier}';
select 'create database "{database}" owner {owner} template template0'
 where not exists (select from pg_database where datname = '{database}') \\gexec
revoke all on database "{database}" from public;
"""

# Where a package upgrade has taken the library of the extension's version away.
OUTDATED = """
select e.extversion from pg_extension e join pg_available_extensions a on a.name = e.extname
 where e.extname = 'timescaledb' and e.extversion <> a.default_version
"""

IN_DATABASE = """
create extension if not exists timescaledb;
alter schema public owner to {owner};
revoke create on schema public from public;
{delegated}
"""


def psql(database: str, script: str, options: str = "") -> str:
    """Run it as the superuser; its rows."""
    done = subprocess.run(
        ["psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set",
         "ON_ERROR_STOP=1", "--host", str(RUN), "--username", "postgres", "--dbname", database],
        input=script, text=True, check=True, stdout=subprocess.PIPE,
        # Notices of `if not exists` and of an existing grant tell nothing new.
        env={**os.environ, "PGOPTIONS": f"-c client_min_messages=error {options}"},
    )  # fmt: skip
    return done.stdout


def update_extension() -> None:
    """Have the extension follow its library, which any statement but that of the update loads."""
    if found := psql(DATABASE, OUTDATED, "-c timescaledb.disable_load=on").strip():
        say(f"TimescaleDB {found} of the database follows the one of the image")
        psql(DATABASE, "alter extension timescaledb update")


def ensure_database() -> None:
    """Database, owner role with the secret's password, extension: over the socket alone."""
    subprocess.run(
        ["pg_ctl", "start", "--pgdata", str(PGDATA), "--wait", "--timeout", RECOVERY_SECONDS,
         "--silent", "--options", f"-c config_file={CONFIG} {shlex.join(OPTIONS)} "
         "-c listen_addresses= -c log_min_messages=fatal -c timescaledb.max_background_workers=0 "
         # What is to be archived waits for the server's real start.
         "-c archive_command= "

         # A move that broke off, or was gone back from, may have left the other one.
         "-c default_transaction_read_only=off"],
        check=True,
    )  # fmt: skip
    try:
        verifier = scram_verifier(secret(OWNER.secret))
        psql("postgres", IN_POSTGRES.format(owner=OWNER.name, database=DATABASE, verifier=verifier))
        update_extension()
        psql(DATABASE, SERVER_SQL.read_text())
        # The owner hands these on to other roles and does not use them itself.
        roles = [f"grant {role} to {OWNER.name} with admin option, inherit false, set false;"
                 for role in PREDEFINED]  # fmt: skip
        functions = [f"grant execute on function {function} to {OWNER.name} with grant option;"
                     for function in FUNCTIONS]  # fmt: skip
        delegated = "\n".join(roles + functions)
        psql(DATABASE, IN_DATABASE.format(owner=OWNER.name, delegated=delegated))
    finally:
        subprocess.run(
            ["pg_ctl", "stop", "--pgdata", str(PGDATA), "--mode", "fast", "--wait", "--silent"],
            check=True,
        )


def ensure_repository() -> None:
    """Have WAL archived. A repository that cannot be used stops nothing: people are told."""
    if not repository.has_key():
        say(f"nothing is archived: mount the secret `{repository.KEY}` to have backups")
        return
    try:
        repository.configure(PGDATA, RUN, cpu_limit())
        if done := repository.settle(timeout=repository.PATIENCE):
            say(done)
    except (repository.Away, OSError) as error:
        say(f"WAL waits for the repository of backups: {error}")
    # What is there is noted on the tmpfs, which is new. Not as a child of this process: PostgreSQL
    # would take one that is killed for one of its own, and restart.
    look = [sys.executable, str(Path(__file__).with_name("backups.py")), "start", "-", "list"]
    subprocess.run(look, stdin=subprocess.DEVNULL, check=False)


def main() -> None:
    os.umask(0o077)
    claim_volume()
    install_certificate()
    write_tuning()
    write_access(os.environ.get("INSIDE_NAME", ""))
    ensure_cluster()
    try:
        ensure_database()
    except subprocess.CalledProcessError as error:
        fail(f"`{error.cmd[0]}` failed with exit code {error.returncode}; its message is above")
    ensure_repository()
    say("starting PostgreSQL")
    command = ["postgres", "-D", str(PGDATA), "-c", f"config_file={CONFIG}", *OPTIONS]
    os.execvp(command[0], command)  # noqa: S606


if __name__ == "__main__":
    main()
