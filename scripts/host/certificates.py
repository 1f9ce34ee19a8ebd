"""A certificate authority of this host's own and the two server certificates it signs.

Made once and kept. Whoever trusts ``ca.pem`` trusts it by its key, so the authority is never
replaced without being asked; the server certificates are renewed whenever they no longer serve.
Each file is put in place whole, key before certificate, and a pair is compared before it is used:
a process killed anywhere leaves what the next run completes.
"""

from __future__ import annotations

import ipaddress
import re
import secrets
import shutil
import ssl
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from scripts.host.environment import barred, replace, shown
from scripts.host.faults import Fault, Refused

MINIMUM_OPENSSL = (1, 1, 1)
CA_DAYS = 3650
# Apple's systems refuse a server's certificate that runs longer than 825 days. The 398 days of
# browsers are for authorities that everybody trusts and not for one of this host's own.
TLS_DAYS = 825
# Only the clients of PostgreSQL meet this one, which limit nothing: it lasts as its authority does.
DB_TLS_DAYS = CA_DAYS
# Long before it ends, so that whoever runs `make up` now and then never comes near.
RENEW_BEFORE = timedelta(days=365)
INSTALL = (
    "install the package openssl, 1.1.1 or newer"
    " (apt-get install openssl, dnf install openssl, apk add openssl)"
)

# A configuration of our own: what the host's openssl.cnf adds differs between distributions.
CA_CONFIG = """\
[req]
distinguished_name = name
x509_extensions = authority
prompt = no
[name]
CN = Timestack local CA {tag}
[authority]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
"""
LEAF_CONFIG = """\
[req]
distinguished_name = name
prompt = no
[name]
CN = {name}
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = {alternatives}
"""


@dataclass(frozen=True)
class _Certificate:
    """What one certificate file says; ``ends`` is in UTC."""

    public_key: str
    ends: datetime
    names: frozenset[str]


class OpenSSLError(Exception):
    """The command line tool refused; the text is its own."""


def openssl(*arguments: str, stdin: str = "") -> str:
    """Standard output of ``openssl ARGUMENTS``.

    Raises OpenSSLError with the tool's message, and Refused when the tool is missing.
    """
    try:
        done = subprocess.run(
            ["openssl", *arguments], input=stdin, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        raise Refused([Fault("openssl", "the command is missing", INSTALL)]) from None
    if done.returncode != 0:
        raise OpenSSLError(done.stderr.strip() or f"exit code {done.returncode}")
    return done.stdout


def check(directory: Path) -> list[Fault]:
    """Faults that ``ensure`` will not repair by itself. A set that is half made is none."""
    faults = _tool()
    if barred(directory):
        # One fault rather than one for each file; the folder is judged with the other secrets.
        return faults
    for name in ("ca.key", "ca.pem", "tls.key", "tls.pem", "db_tls.key", "db_tls.pem"):
        faults += _file(directory / name)
    return faults or _authority(directory)


def ensure(directory: Path, *, domain: str) -> list[str]:
    """Make what is missing and renew what no longer serves; names of the certificates made.

    ``domain`` is a host name or an IPv4 address. Raises Refused with all faults of ``check``.
    """
    faults = check(directory)
    if faults:
        raise Refused(faults)
    work = directory / ".certificates"
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(mode=0o700)
        try:
            made = _make_authority(directory, work)
            for name, alternatives in _leaves(domain).items():
                if not _serves(directory, name, alternatives):
                    made += _make_leaf(directory, work, name, alternatives)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    except OSError as error:
        where = shown(Path(error.filename or directory))
        todo = f"see that {shown(directory)} can be written to and the disk has space"
        raise Refused([Fault(where, f"cannot be written: {error.strerror}", todo)]) from error
    except OpenSSLError as error:
        todo = f"try `openssl version`; {INSTALL}"
        raise Refused([Fault("openssl", f"made no certificate: {error}", todo)]) from error
    return made


def expiries(directory: Path) -> dict[str, datetime]:
    """When each certificate present ends, in UTC; what is missing or unreadable is left out."""
    found = {name: _read(directory / name) for name in ("ca.pem", "tls.pem", "db_tls.pem")}
    return {name: certificate.ends for name, certificate in found.items() if certificate}


def _leaves(domain: str) -> dict[str, tuple[str, ...]]:
    """The names that each server is called by, as openssl writes them in a configuration."""
    try:
        own = f"IP:{ipaddress.ip_address(domain)}"
    except ValueError:
        own = f"DNS:{domain}"
    tls = ("DNS:localhost", "IP:127.0.0.1", "IP:::1", own)
    # Inside by its name, and from this host at DB_PORT.
    db_tls = ("DNS:timescaledb", "DNS:localhost", "IP:127.0.0.1")
    return {"tls": tuple(dict.fromkeys(tls)), "db_tls": db_tls}


def _tool() -> list[Fault]:
    try:
        said = openssl("version")
    except Refused as refused:
        return refused.faults
    except OpenSSLError as error:
        return [Fault("openssl", f"does not run: {error}", INSTALL)]
    if too_old(said):
        return [Fault("openssl", f"{said.strip()} is too old", INSTALL)]
    return []


def too_old(said: str) -> bool:
    """Whether what ``openssl version`` said is before 1.1.1, which brought ``x509 -ext``."""
    match = re.search(r"(\d+)\.(\d+)\.(\d+)", said)
    return match is None or tuple(map(int, match.groups())) < MINIMUM_OPENSSL


def _file(path: Path) -> list[Fault]:
    where = shown(path)
    try:
        path.read_bytes()
    except FileNotFoundError:
        return []
    except IsADirectoryError:
        todo = f"remove it (rmdir {where}) and run `make up`, which writes the file"
        return [Fault(where, "a directory, not a file", todo)]
    except OSError as error:
        todo = "run as the user who made it, or give it to yourself with chown"
        return [Fault(where, f"cannot be read: {error.strerror}", todo)]
    return []


def _authority(directory: Path) -> list[Fault]:
    """Faults of the authority: each would need a new one, and that is for a person to decide."""
    key, path = directory / "ca.key", directory / "ca.pem"
    where = shown(path)
    anew = (
        f"to have a new one made, remove {where} and {shown(key)} and run `make up`,"
        " then trust the new ca.pem wherever the old one was trusted"
    )
    if not path.exists():
        # A key alone is a first run that was interrupted, unless it has signed something.
        if key.exists() and (directory / "tls.pem").exists():
            return [Fault(where, "the file is missing", f"restore it from a copy; or {anew}")]
        return []
    certificate = _read(path)
    if certificate is None:
        return [Fault(where, "not a certificate", f"restore it from a copy; or {anew}")]
    if certificate.ends <= datetime.now(UTC):
        return [Fault(where, f"expired on {certificate.ends:%Y-%m-%d}", anew)]
    # Without its key the authority still proves what it has signed: some keep the key elsewhere.
    if key.exists() and _public_key(key) != certificate.public_key:
        what = "does not belong to the certificate ca.pem"
        return [Fault(shown(key), what, f"restore both from the same copy; or {anew}")]
    return []


def _serves(directory: Path, name: str, alternatives: tuple[str, ...]) -> bool:
    """Whether key and certificate are a pair, signed by us, for these names and long enough."""
    path = directory / f"{name}.pem"
    certificate, authority = _read(path), _read(directory / "ca.pem")
    if certificate is None or authority is None:
        return False
    # At the authority's own end a new certificate would not last longer.
    due = certificate.ends - RENEW_BEFORE
    renewable = authority.ends - certificate.ends > timedelta(days=1)
    return (
        (due > datetime.now(UTC) or not renewable)
        and certificate.names >= {_normal(entry) for entry in alternatives}
        and _public_key(directory / f"{name}.key") == certificate.public_key
        and _signed(path, directory / "ca.pem")
    )


def _signed(path: Path, authority: Path) -> bool:
    try:
        # Time is judged by _serves and _authority, each with its own message.
        openssl("verify", "-no_check_time", "-CAfile", str(authority), str(path))
    except OpenSSLError:
        return False
    return True


def _read(path: Path) -> _Certificate | None:
    """What the file says; None when it is missing or no certificate."""
    try:
        if not path.is_file() or path.stat().st_size == 0:
            return None
        said = openssl("x509", "-in", str(path), "-noout", "-enddate", "-ext", "subjectAltName")
        public_key = openssl("x509", "-in", str(path), "-noout", "-pubkey")
        ends = re.search(r"^notAfter=(.+)$", said, re.M)
        if ends is None:
            return None
        names = re.findall(r"(DNS|IP Address):([^,\s]+)", said)
        return _Certificate(
            public_key=public_key,
            ends=datetime.fromtimestamp(ssl.cert_time_to_seconds(ends[1]), UTC),
            names=frozenset(_normal(f"{kind.split()[0]}:{name}") for kind, name in names),
        )
    except (OSError, OpenSSLError):
        return None


def _normal(entry: str) -> str:
    kind, _, name = entry.partition(":")
    return f"IP:{ipaddress.ip_address(name)}" if kind == "IP" else f"DNS:{name.lower()}"


def _public_key(path: Path) -> str | None:
    try:
        return openssl("pkey", "-in", str(path), "-pubout", "-passin", "pass:")
    except OpenSSLError:
        return None


def _new_key(path: Path, mode: int) -> None:
    key = openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
    replace(path, key, mode)


def _make_authority(directory: Path, work: Path) -> list[str]:
    """Make the authority unless it is there; a key left by an interrupted run is used."""
    key, path, config = directory / "ca.key", directory / "ca.pem", work / "ca.cnf"
    if path.exists():
        return []
    if _public_key(key) is None:
        _new_key(key, 0o400)
    # The tag tells this authority from another host's in a browser's list.
    config.write_text(CA_CONFIG.format(tag=secrets.token_hex(4)), encoding="utf-8")
    command = ("req", "-x509", "-new", "-sha256", "-days", str(CA_DAYS))
    made = openssl(*command, "-key", str(key), "-config", str(config))
    replace(path, made, 0o444)
    return ["ca.pem"]


def _make_leaf(directory: Path, work: Path, name: str, alternatives: tuple[str, ...]) -> list[str]:
    """Make one server's key and certificate, both new."""
    authority, authority_key = directory / "ca.pem", directory / "ca.key"
    if _public_key(authority_key) is None:
        what = f"needed to sign {name}.pem, but missing or not a key"
        todo = (
            f"restore it from a copy; or remove {shown(authority)} too and run `make up`,"
            " which makes a new authority that has to be trusted anew"
        )
        raise Refused([Fault(shown(authority_key), what, todo)])
    config, request = work / f"{name}.cnf", work / f"{name}.csr"
    # Clients read the alternatives; the CN is for people and holds 64 characters at most.
    common = "timescaledb" if name == "db_tls" else "Timestack"
    text = LEAF_CONFIG.format(name=common, alternatives=", ".join(alternatives))
    config.write_text(text, encoding="utf-8")
    _new_key(work / "key", 0o400)
    ask = ("req", "-new", "-sha256", "-key", str(work / "key"), "-config", str(config))
    request.write_text(openssl(*ask), encoding="ascii")
    made = openssl(
        *("x509", "-req", "-sha256", "-in", str(request), "-days", str(_days(name, authority))),
        *("-CA", str(authority), "-CAkey", str(authority_key)),
        *("-set_serial", str(secrets.randbits(127) + 1)),
        *("-extfile", str(config), "-extensions", "server"),
    )
    replace(directory / f"{name}.key", (work / "key").read_text(encoding="ascii"), 0o444)
    replace(directory / f"{name}.pem", made, 0o444)
    return [f"{name}.pem"]


def _days(name: str, authority: Path) -> int:
    """No longer than the authority itself, which clients would refuse."""
    most = DB_TLS_DAYS if name == "db_tls" else TLS_DAYS
    certificate = _read(authority)
    left = (certificate.ends - datetime.now(UTC)).days if certificate else most
    return max(1, min(most, left))
