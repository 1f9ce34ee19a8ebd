"""This host's own certificate authority and the two server certificates it signs.

Made once and kept. Those who trust ``ca.pem`` trust it by its key, so the authority is never
replaced unasked; the server certificates are renewed whenever they no longer serve. The proxy's has
successors, signed in advance until the authority ends: the proxy takes them up by itself, and the
authority's key stays on the host. Each file is put in place whole, key before certificate, and a
pair is compared before it is used: a process killed anywhere leaves what the next run completes.
"""

from __future__ import annotations

import ipaddress
import os
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
# Browsers refuse server certificates that run longer than 398 days, and Mozilla's profile for
# servers allows 366. The database's lasts as long as its authority:
# clients of PostgreSQL set no limit.
TLS_DAYS = 365
# A successor is valid for a while before it is served, and that before the one before it ends.
OVERLAP, LEAD = timedelta(days=60), timedelta(days=30)
# The successors of tls.pem, each below a line with the seconds (Unix time) from when it is served
# and when it ends; traefik/entrypoint reads the first.
LATER = "tls_later.pem"
SUCCESSOR = re.compile(
    r"# serve from (\d+) until (\d+)\n"
    r"(-----BEGIN CERTIFICATE-----\n[A-Za-z0-9+/=\n]+-----END CERTIFICATE-----\n)"
)
TRUST = "then trust the new ca.pem wherever the old one was trusted"
RENEW = f"before then remove ca.pem and ca.key from the secrets' folder, run make up, {TRUST}"
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
[ca]
default_ca = own
[own]
database = index
new_certs_dir = .
default_md = sha256
rand_serial = yes
unique_subject = no
policy = any
[any]
commonName = supplied
"""


@dataclass(frozen=True)
class _Certificate:
    """What one certificate file says; ``ends`` is in UTC."""

    public_key: str
    ends: datetime
    names: frozenset[str]


class OpenSSLError(Exception):
    """The command line tool refused; the message is its own."""


def openssl(*arguments: str, stdin: str = "", within: Path | None = None) -> str:
    """Standard output of ``openssl ARGUMENTS``, run in the folder ``within`` if there is one.

    Raises OpenSSLError with the tool's message, and Refused when the tool is missing.
    """
    try:
        done = subprocess.run(
            ["openssl", *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            cwd=within,
            # The host's own authorities are none of ours, and take longer to read than all else.
            env={**os.environ, "SSL_CERT_FILE": os.devnull},
        )
    except FileNotFoundError:
        raise Refused([Fault("openssl", "the command is missing", INSTALL)]) from None
    if done.returncode != 0:
        raise OpenSSLError(done.stderr.strip() or f"exit code {done.returncode}")
    return done.stdout


def check(directory: Path) -> list[Fault]:
    """Faults that ``ensure`` will not repair by itself. A half-made set is not a fault."""
    faults = _tool()
    if barred(directory):
        # One fault rather than one for each file; the folder is judged with the other secrets.
        return faults
    for name in ("ca.key", "ca.pem", "tls.key", "tls.pem", LATER, "db_tls.key", "db_tls.pem"):
        faults += _file(directory / name)
    return faults or _authority(directory)


def ensure(directory: Path, *, domain: str) -> list[str]:
    """Make what is missing and renew what no longer serves; names of the certificates made.

    ``domain`` is a host name, in capitals or not, or an IPv4 address. Raises Refused with all
    faults of ``check``.
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
                if not _is_usable(directory, name, alternatives):
                    made += _make_leaf(directory, work, name, alternatives)
            if not (directory / LATER).exists():
                # Without the authority's key, which some keep elsewhere, there are none.
                replace(directory / LATER, "", 0o444)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    except OSError as error:
        where = shown(Path(error.filename or directory))
        todo = f"check that {shown(directory)} can be written to and the disk has space"
        raise Refused([Fault(where, f"cannot be written: {error.strerror}", todo)]) from error
    except OpenSSLError as error:
        todo = f"try `openssl version`; {INSTALL}"
        raise Refused([Fault("openssl", f"made no certificate: {error}", todo)]) from error
    return made


def expiries(directory: Path) -> dict[str, datetime]:
    """When each certificate present, or its last successor, ends, in UTC.

    What is missing or unreadable is left out.
    """
    found = {name: _read(directory / name) for name in ("ca.pem", "tls.pem", "db_tls.pem")}
    ends = {name: certificate.ends for name, certificate in found.items() if certificate}
    if found["tls.pem"]:
        ends["tls.pem"] = _valid_until(directory, "tls", found["tls.pem"])
    return ends


def describe(certificate: str, authority: Path) -> tuple[str, datetime]:
    """Who issued a certificate (PEM), empty for this authority; and when it ends, in UTC.

    Raises OpenSSLError where it is not a certificate.
    """
    show = ("x509", "-noout", "-issuer", "-enddate", "-nameopt", "sname,utf8,sep_multiline")
    output = openssl(*show, stdin=certificate)
    ends = _time(output.partition("notAfter=")[2].strip())
    try:
        openssl("verify", "-no_check_time", "-CAfile", str(authority), stdin=certificate)
    except OpenSSLError:
        parts = dict(re.findall(r"^ +(CN|O)=(.+)$", output, re.M))
        return parts.get("O") or parts.get("CN") or "an unnamed authority", ends
    return "", ends


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
        version = openssl("version")
    except Refused as refused:
        return refused.faults
    except OpenSSLError as error:
        return [Fault("openssl", f"does not run: {error}", INSTALL)]
    if too_old(version):
        return [Fault("openssl", f"{version.strip()} is too old", INSTALL)]
    return []


def too_old(version: str) -> bool:
    """Whether the output of ``openssl version`` is before 1.1.1, which brought ``x509 -ext``."""
    match = re.search(r"(\d+)\.(\d+)\.(\d+)", version)
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
    renew = f"to have a new one made, remove {where} and {shown(key)} and run `make up`, {TRUST}"
    if not path.exists():
        # A key alone is a first run that was interrupted, unless it has signed something.
        if key.exists() and (directory / "tls.pem").exists():
            return [Fault(where, "the file is missing", f"restore it from a copy; or {renew}")]
        return []
    certificate = _read(path)
    if certificate is None:
        return [Fault(where, "not a certificate", f"restore it from a copy; or {renew}")]
    if certificate.ends <= datetime.now(UTC):
        return [Fault(where, f"expired on {certificate.ends:%Y-%m-%d}", renew)]
    # Without its key the authority still proves what it has signed: some keep the key elsewhere.
    if key.exists() and _public_key(key) != certificate.public_key:
        what = "does not belong to the certificate ca.pem"
        return [Fault(shown(key), what, f"restore both from the same copy; or {renew}")]
    return []


def _is_usable(directory: Path, name: str, alternatives: tuple[str, ...]) -> bool:
    """Whether key and certificate are a pair, signed by us, for these names and long enough."""
    path = directory / f"{name}.pem"
    certificate, authority = _read(path), _read(directory / "ca.pem")
    if certificate is None or authority is None:
        return False
    lasts = _valid_until(directory, name, certificate)
    is_whole = authority.ends - lasts < timedelta(days=1)
    # Some keep the authority's key elsewhere: then it is asked for when it is needed.
    is_kept = not (directory / "ca.key").exists() and lasts - LEAD > datetime.now(UTC)
    return (
        (is_whole or is_kept)
        and certificate.names >= {_normal(entry) for entry in alternatives}
        and _public_key(directory / f"{name}.key") == certificate.public_key
        and _is_signed(path, directory / "ca.pem")
    )


def _valid_until(directory: Path, name: str, certificate: _Certificate) -> datetime:
    """Until when a certificate and its successors of the same key serve without a gap, in UTC."""
    ends = certificate.ends
    if name != "tls":
        return ends
    try:
        text = (directory / LATER).read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return ends
    newest = ""
    for served, until, block in SUCCESSOR.findall(text):
        last = datetime.fromtimestamp(int(until), UTC)
        if datetime.fromtimestamp(int(served), UTC) <= ends < last:
            ends, newest = last, block
    found = _parse(newest) if ends != certificate.ends else certificate
    return ends if found and found.public_key == certificate.public_key else certificate.ends


def _is_signed(path: Path, authority: Path) -> bool:
    try:
        # Time is judged by _is_usable and _authority, each with its own message.
        openssl("verify", "-no_check_time", "-CAfile", str(authority), str(path))
    except OpenSSLError:
        return False
    return True


def _read(path: Path) -> _Certificate | None:
    """What the file says; None when it is missing or not a certificate."""
    try:
        return _parse(path.read_text(encoding="ascii")) if path.is_file() else None
    except (OSError, UnicodeDecodeError):
        return None


def _parse(text: str) -> _Certificate | None:
    try:
        show = ("x509", "-noout", "-enddate", "-pubkey", "-ext", "subjectAltName")
        output = openssl(*show, stdin=text)
        ends = re.search(r"^notAfter=(.+)$", output, re.M)
        key = re.search(r"-----BEGIN PUBLIC KEY-----.+?-----END PUBLIC KEY-----\n", output, re.S)
        if ends is None or key is None:
            return None
        names = re.findall(r"(DNS|IP Address):([^,\s]+)", output)
        return _Certificate(
            public_key=key[0],
            ends=_time(ends[1]),
            names=frozenset(_normal(f"{kind.split()[0]}:{name}") for kind, name in names),
        )
    except OpenSSLError:
        return None


def _time(text: str) -> datetime:
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(text), UTC)


def _normal(entry: str) -> str:
    kind, _, name = entry.partition(":")
    return f"IP:{ipaddress.ip_address(name)}" if kind == "IP" else f"DNS:{name}"


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
            " which makes a new authority to be trusted instead"
        )
        raise Refused([Fault(shown(authority_key), what, todo)])
    config, request = work / f"{name}.cnf", work / f"{name}.csr"
    # Clients read the alternatives; the CN is for people and holds 64 characters at most.
    common = "timescaledb" if name == "db_tls" else "Timestack"
    text = LEAF_CONFIG.format(name=common, alternatives=", ".join(alternatives))
    config.write_text(text, encoding="utf-8")
    (work / "index").write_text("")
    _new_key(work / "key", 0o400)
    ask = ("req", "-new", "-sha256", "-key", str(work / "key"), "-config", str(config))
    request.write_text(openssl(*ask), encoding="ascii")

    certificate, now = _read(authority), datetime.now(UTC)
    last = certificate.ends if certificate else now
    made, ends = _sign(directory, work, name, now, last)
    replace(directory / f"{name}.key", (work / "key").read_text(encoding="ascii"), 0o444)
    if name == "tls":
        replace(directory / LATER, _later(directory, work, ends, last), 0o444)
    replace(directory / f"{name}.pem", made, 0o444)
    return [f"{name}.pem"]


def _later(directory: Path, work: Path, ends: datetime, last: datetime) -> str:
    """What follows the proxy's certificate that ends then, up to the authority's own end."""
    later = ""
    while last - ends >= timedelta(days=1):
        served = int((ends - LEAD).timestamp())
        successor, ends = _sign(directory, work, "tls", ends - OVERLAP, last)
        later += f"# serve from {served} until {int(ends.timestamp())}\n{successor}"
    return later


def _sign(
    directory: Path, work: Path, name: str, begins: datetime, last: datetime
) -> tuple[str, datetime]:
    """A certificate for the request of this name, and its end: never after the authority's own."""
    ends = min(begins + timedelta(days=TLS_DAYS if name == "tls" else CA_DAYS), last)
    authority = directory.resolve()
    text = openssl(
        *("ca", "-batch", "-notext", "-config", f"{name}.cnf", "-extensions", "server"),
        *("-cert", str(authority / "ca.pem"), "-keyfile", str(authority / "ca.key")),
        *("-startdate", f"{begins:%Y%m%d%H%M%SZ}", "-enddate", f"{ends:%Y%m%d%H%M%SZ}"),
        *("-in", f"{name}.csr"),
        # The configuration names files in its folder, whose own name it could not spell.
        within=work,
    )
    return text, ends
