"""What an image's own files say is installed in it: the records of Debian, Python, Go and npm."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from email.parser import HeaderParser

from debian.deb822 import Deb822
from packageurl import PackageURL

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
    def purl(self) -> PackageURL:
        return PackageURL("deb", self.vendor, self.name, self.version, {"arch": self.architecture})


@dataclass(frozen=True)
class Python:
    """An installed distribution; `place` is the folder it is in, `licence` empty if not given."""

    name: str
    version: str
    licence: str
    expression: bool
    place: str

    @property
    def purl(self) -> PackageURL:
        return PackageURL("pypi", None, self.name, self.version)


@dataclass(frozen=True)
class Node:
    """A package of npm's in a folder ``node_modules``; `licence` is an SPDX expression."""

    name: str
    version: str
    licence: str
    place: str

    @property
    def purl(self) -> PackageURL:
        namespace, _, name = self.name.rpartition("/")
        return PackageURL("npm", namespace or None, name, self.version)


@dataclass(frozen=True)
class Module:
    """A Go module and its version, `v` and all."""

    name: str
    version: str

    @property
    def purl(self) -> PackageURL:
        namespace, _, name = self.name.lower().rpartition("/")
        return PackageURL("golang", namespace, name, self.version)


@dataclass(frozen=True)
class Binary:
    """A program written in Go, and every module that is linked into it."""

    place: str
    sha256: str
    main: Module
    modules: tuple[Module, ...]


def debian(status: str) -> list[Debian]:
    """The installed packages of dpkg's status file, by name."""
    found = []
    for fields in Deb822.iter_paragraphs(status, use_apt_pkg=False):
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


def node(manifest: str, place: str) -> Node | None:
    """The package whose package.json this is; None if it names none."""
    fields = json.loads(manifest)
    if not isinstance(fields, dict) or not {"name", "version"} <= fields.keys():
        return None
    licence = fields.get("license", "")
    return Node(
        fields["name"], fields["version"], licence if isinstance(licence, str) else "", place
    )


def _licence(fields) -> str:
    """What older metadata says: a line of its own, else the classifiers; a full text is ignored."""
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
    """What the Go linker wrote into a program; None if it is not Go's.

    Ref: https://pkg.go.dev/debug/buildinfo
    """
    start = content.find(GO_MAGIC)
    if start < 0 or not content[start + 15] & GO_INLINE:
        return None
    compiler, end = _prefixed(content, start + 32)
    information, _ = _prefixed(content, end)
    # Sixteen bytes of sentinel are on either side.
    lines = [line.split("\t") for line in information[16:-16].decode().splitlines()]
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


def _prefixed(content: bytes, at: int) -> tuple[bytes, int]:
    """The bytes after their own length (seven bits a byte), and where they end."""
    length = shift = 0
    while True:
        byte = content[at]
        at += 1
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return content[at : at + length], at + length
