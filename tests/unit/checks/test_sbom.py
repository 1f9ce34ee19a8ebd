"""What an image's files say of themselves, and the document that is made of it."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest

from scripts.checks import packages, sbom
from scripts.host import apt

STATUS = """\
Package: libc6
Status: install ok installed
Architecture: amd64
Source: glibc
Version: 2.41-12+deb13u4
Description: a library
 Version: in a description is none

Package: left
Status: deinstall ok config-files
Architecture: amd64
Version: 1

Package: python3
Status: install ok installed
Architecture: amd64
Source: python3-defaults (3.13.5-1)
Version: 1:3.13.5-1+b1
"""
METADATA = """\
Metadata-Version: 2.4
Name: Flask_SQLAlchemy
Version: 3.1.1
{}

The text. License: not this one
"""
MANIFEST = '{"name": "@part/chart", "version": "4.1.0", "license": "MIT", "main": "chart.js"}'
RELEASE = 'ID=debian\nVERSION_ID="13"\nVERSION_CODENAME=trixie\n'


def go_program(*lines: str) -> bytes:
    """A program as the Go linker leaves it, as far as it is read here."""
    information = b"0w\xaf\x0c\x92t\x08\x02A\xe1\xc1\x07\xe6\xd6\x18\xe6"
    information = information + "\n".join(lines).encode() + b"\n" + information[::-1]
    length = bytes([len(information) & 0x7F | 0x80, len(information) >> 7])
    header = packages.GO_MAGIC + bytes([8, packages.GO_INLINE]) + bytes(16)
    return b"\x7fELF" + header + b"\x08go1.26.9" + length + information


PROGRAM = go_program(
    "path\texample.org/door/cmd/door",
    "mod\texample.org/door/v3\tv3.7.15\t",
    "dep\texample.org/Upper/case\tv1.2.0\th1:x=",
    "dep\texample.org/old\tv0.1.0\th1:x=",
    "=>\texample.org/fork\tv0.2.0\th1:x=",
    "build\t-compiler=gc",
)


def contents() -> sbom.Contents:
    """An image's contents with something of each kind, one of them in two places."""
    found = sbom.Contents("timestack/web", "sha256:0", apt.keys(RELEASE))
    found.debian = packages.debian(STATUS)
    for place in ("app/.venv", "app/.venv/_vendor"):
        found.python.append(packages.python(METADATA.format("License: BSD-3-Clause"), place))
    found.node = [packages.node(MANIFEST, "app/node_modules/@part/chart")]
    found.binaries = [packages.binary(PROGRAM, "usr/local/bin/door")]
    return found


def test_dpkg_names_what_is_installed_and_its_source() -> None:
    assert packages.debian(STATUS) == [
        packages.Debian("libc6", "2.41-12+deb13u4", "amd64", "glibc", "2.41-12+deb13u4"),
        packages.Debian("python3", "1:3.13.5-1+b1", "amd64", "python3-defaults", "3.13.5-1"),
    ]


@pytest.mark.parametrize(
    ("lines", "licence", "expression"),
    [
        ("License-Expression: MIT OR Apache-2.0\nLicense: ignored", "MIT OR Apache-2.0", True),
        ("License: BSD-3-Clause", "BSD-3-Clause", False),
        ("License: The whole text\n        of a licence", "", False),
        ("License: UNKNOWN\nClassifier: License :: DFSG approved", "DFSG approved", False),
        ("Classifier: License :: OSI Approved", "", False),
    ],
)  # fmt: skip
def test_a_distributions_licence_is_what_its_metadata_says(
    lines: str, licence: str, expression: bool
) -> None:
    found = packages.python(METADATA.format(lines), "app")
    assert (found.licence, found.expression) == (licence, expression)


def test_metadata_without_a_name_is_no_distribution() -> None:
    assert packages.python("Summary: nothing\n\n", "app") is None


def test_a_manifest_without_a_name_is_no_package() -> None:
    assert packages.node('{"type": "module"}', "app/node_modules/x/esm") is None


def test_a_go_program_says_what_is_linked_into_it() -> None:
    found = packages.binary(PROGRAM, "usr/local/bin/door")
    assert found.main == packages.Module("example.org/door/v3", "v3.7.15")
    assert [(each.name, each.version) for each in found.modules] == [
        ("example.org/Upper/case", "v1.2.0"),
        ("example.org/fork", "v0.2.0"),
        ("stdlib", "1.26.9"),
    ]


def test_a_script_and_a_program_of_another_language_say_nothing() -> None:
    assert packages.binary(b"#!/bin/sh\nexec true\n", "usr/local/bin/x") is None
    assert packages.binary(b"\x7fELF" + bytes(500), "usr/local/bin/x") is None


def written(found: sbom.Contents, folder: Path) -> dict:
    (file,) = sbom.write(folder, [found])
    return json.loads(file.read_text())


def test_package_urls_name_what_is_installed(tmp_path: Path) -> None:
    components = written(contents(), tmp_path)["components"]
    assert {each["purl"] for each in components if "purl" in each} == {
        "pkg:deb/debian/libc6@2.41-12%2Bdeb13u4?arch=amd64",
        "pkg:deb/debian/python3@1:3.13.5-1%2Bb1?arch=amd64",
        "pkg:pypi/flask-sqlalchemy@3.1.1",
        "pkg:npm/%40part/chart@4.1.0",
        "pkg:golang/example.org/door/v3@v3.7.15",
        "pkg:golang/example.org/fork@v0.2.0",
        "pkg:golang/example.org/upper/case@v1.2.0",
        "pkg:golang/stdlib@1.26.9",
    }


def test_the_document_is_valid_and_names_a_package_once(tmp_path: Path) -> None:
    (file,) = sbom.write(tmp_path, [contents()])
    assert file == tmp_path / "build" / "sbom" / "web.cdx.json"
    assert sbom.invalid([file]) == {}
    parts = json.loads(file.read_text())["components"]
    (flask,) = (each for each in parts if each["name"] == "Flask_SQLAlchemy")
    places = [each["location"] for each in flask["evidence"]["occurrences"]]
    assert places == ["/app/.venv", "/app/.venv/_vendor"]


def test_a_document_that_breaks_the_schema_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "bad.cdx.json"
    broken = {**written(contents(), tmp_path), "components": [{"type": "idea"}]}
    file.write_text(json.dumps(broken))
    assert list(sbom.invalid([file])) == [file]


def test_the_document_differs_in_serial_number_and_time_alone(tmp_path: Path) -> None:
    one, two = (written(contents(), tmp_path) for _ in range(2))
    assert one.pop("serialNumber") != two.pop("serialNumber")
    one["metadata"].pop("timestamp")
    two["metadata"].pop("timestamp")
    assert one == two


def test_the_document_of_an_image_that_is_gone_goes_too(tmp_path: Path) -> None:
    old = contents()
    old.image = "timestack/old:2"
    sbom.write(tmp_path, [old])
    files = sbom.write(tmp_path, [contents()])
    assert list((tmp_path / "build" / "sbom").iterdir()) == files


def test_only_the_files_that_say_what_is_installed_are_read() -> None:
    names = {
        sbom.STATUS: True,
        "app/x/flask-3.dist-info/METADATA": True,
        "app/x/old.egg-info": True,
        "usr/local/bin/traefik": True,
        "app/node_modules/@part/chart/package.json": True,
        "app/x/package.json": False,
        "app/x/flask/METADATA": False,
        "run/secrets/secret_key": False,
    }
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name in names:
            archive.addfile(tarfile.TarInfo(name), io.BytesIO())
    stream.seek(0)
    read = {name for name, _ in sbom._files(stream)}
    assert read == {name for name, wanted in names.items() if wanted}
