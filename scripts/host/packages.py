"""What an image's own files say is installed in it: Debian's, Python's and Go's own records."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from email.parser import HeaderParser
from functools import cmp_to_key
from itertools import zip_longest
from urllib.parse import quote

GO_MAGIC = b"\xff Go buildinf:"
# Set when the texts follow the header; every compiler since Go 1.18 does that.
GO_INLINE = 2


@dataclass(frozen=True)
class Debian:
    """An installed package; advisories are written for its source package.

    `vendor` is the distribution it is from: Ubuntu and others use dpkg as well.
    """

    name: str
    version: str
    architecture: str
    source: str
    source_version: str
    vendor: str = "debian"

    @property
    def purl(self) -> str:
        return f"pkg:deb/{self.vendor}/{_quoted(self.name, self.version)}?arch={self.architecture}"


@dataclass(frozen=True)
class Python:
    """An installed distribution; `place` is the folder it is in, `licence` empty if unsaid."""

    name: str
    version: str
    licence: str
    expression: bool
    place: str

    @property
    def purl(self) -> str:
        return f"pkg:pypi/{_quoted(self.name.lower().replace('_', '-'), self.version)}"


@dataclass(frozen=True)
class Module:
    """A Go module and its version, `v` and all."""

    name: str
    version: str

    @property
    def purl(self) -> str:
        return f"pkg:golang/{_quoted(self.name.lower(), self.version)}"


@dataclass(frozen=True)
class Binary:
    """A program written in Go, and every module that is linked into it."""

    place: str
    sha256: str
    main: Module
    modules: tuple[Module, ...]


def _quoted(name: str, version: str) -> str:
    """Name and version as a package URL has them; a slash in a name parts its segments."""
    return f"{quote(name, safe='/')}@{quote(version, safe=':')}"


def release(os_release: str) -> dict[str, str]:
    """The keys of os-release, unquoted: ID, VERSION_ID, VERSION_CODENAME, …"""
    return dict(re.findall(r"""^(\w+)=["']?(.*?)["']?$""", os_release, re.M))


def debian(status: str) -> list[Debian]:
    """The installed packages of dpkg's status file, by name."""
    found = []
    for stanza in re.split(r"\n\n+", status.strip()):
        fields = dict(re.findall(r"^([A-Za-z-]+): (.*)$", stanza, re.M))
        if not fields.get("Status", "").endswith(" installed"):
            continue
        name, version = fields["Package"], fields["Version"]
        # `Source: glibc (2.41-1)`: given where name or version differ from the package's own.
        source, _, other = fields.get("Source", name).partition(" ")
        other = other.strip("()") or version
        found.append(Debian(name, version, fields["Architecture"], source, other))
    return sorted(found, key=lambda each: (each.name, each.architecture))


def python(metadata: str, place: str) -> Python | None:
    """The distribution whose METADATA or PKG-INFO this is; None if it names none."""
    fields = HeaderParser().parsestr(metadata)
    if not fields["Name"] or not fields["Version"]:
        return None
    expression = fields["License-Expression"]
    return Python(
        fields["Name"], fields["Version"], expression or _licence(fields), bool(expression), place
    )


def _licence(fields) -> str:
    """What older metadata says: a line of its own, else the classifiers; a whole text is none."""
    given = (fields["License"] or "").strip()
    if given and "\n" not in given and given.upper() != "UNKNOWN":
        return given
    names = [
        line.rsplit(" :: ", 1)[1]
        for line in fields.get_all("Classifier", ())
        if line.startswith("License :: ") and line != "License :: OSI Approved"
    ]
    return ", ".join(names)


def binary(content: bytes, place: str) -> Binary | None:
    """What the Go linker wrote into a program; None if another language's made it.

    Ref: https://pkg.go.dev/debug/buildinfo
    """
    start = content.find(GO_MAGIC)
    if start < 0 or not content[start + 15] & GO_INLINE:
        return None
    compiler, end = _text(content, start + 32)
    said, _ = _text(content, end)
    # Sixteen bytes of sentinel stand on either side.
    lines = [line.split("\t") for line in said[16:-16].decode().splitlines()]
    main, modules = None, [Module("stdlib", compiler.decode().removeprefix("go"))]
    for kind, *words in lines:
        if kind == "mod":
            main = Module(words[0], words[1])
        elif kind == "dep":
            modules.append(Module(words[0], words[1]))
        elif kind == "=>":
            modules[-1] = Module(words[0], words[1])
    if main is None:
        return None
    digest = hashlib.sha256(content).hexdigest()
    return Binary(place, digest, main, tuple(sorted(modules, key=lambda each: each.name)))


def _text(content: bytes, at: int) -> tuple[bytes, int]:
    """A text with its length before it, seven bits a byte; and where it ends."""
    length = shift = 0
    while True:
        byte = content[at]
        at += 1
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return content[at : at + length], at + length


def older(version: str, than: str) -> bool:
    """Whether Debian sorts `version` before `than`.

    Ref: https://www.debian.org/doc/debian-policy/ch-controlfields.html#version
    """
    return _compare(version, than) < 0


def newest(versions: list[str]) -> str:
    return max(versions, key=cmp_to_key(_compare))


def _compare(one: str, two: str) -> int:
    for left, right in zip(_parts(one), _parts(two), strict=True):
        keys = _key(left), _key(right)
        if keys[0] != keys[1]:
            return -1 if keys[0] < keys[1] else 1
    return 0


def _parts(version: str) -> tuple[str, str, str]:
    """Epoch, upstream version and revision; what is not given counts as 0."""
    epoch, colon, rest = version.partition(":")
    if not colon:
        epoch, rest = "0", version
    upstream, dash, revision = rest.rpartition("-")
    return (epoch, upstream, revision) if dash else (epoch, rest, "0")


def _key(part: str) -> list:
    """Text and number in turn; `~` before the end, the end before letters, letters before rest."""
    words = re.findall(r"\d+|\D+", part)
    if words and words[0].isdigit():
        words.insert(0, "")
    pairs = zip_longest(words[::2], words[1::2], fillvalue="0")
    # Every text ends in 0, and so does the whole: what `~` comes before, and a letter after.
    return [*(([*map(_order, text), 0], int(number)) for text, number in pairs), ([0], 0)]


def _order(letter: str) -> int:
    if letter == "~":
        return -1
    return ord(letter) if letter.isalpha() else ord(letter) + 256
