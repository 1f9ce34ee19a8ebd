"""What the host's own package sources say, in both formats apt knows."""

from __future__ import annotations

from pathlib import Path

from scripts.host import apt, engine, images

DEB822 = """\
# a comment
Types: deb deb-src
URIs: http://mirror.example/debian/
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/archive.gpg

Types: deb
URIs: http://mirror.example/security
Suites: bookworm-security
Components: main

Types: deb
URIs: http://other.example/debian
Suites: sid
Components: main
Enabled: no

Types: deb-src
URIs: http://sources.example/debian
Suites: bookworm
Components: main
"""
ONE_LINE = """\
# deb http://commented.example/debian stable main
deb-src http://mirror.example/debian bookworm main
deb [arch=amd64 signed-by=/etc/apt/keys/own.gpg] http://mirror.example/debian bookworm main
deb http://mirror.example/security bookworm-security main
"""


def written(folder: Path, name: str, text: str) -> Path:
    (folder / "sources.list.d").mkdir(exist_ok=True)
    (folder / name).write_text(text)
    return folder


def test_the_stanzas_of_a_deb822_file_are_read(tmp_path: Path) -> None:
    found = apt.sources(written(tmp_path, "sources.list.d/debian.sources", DEB822))
    assert found == [
        apt.Source(
            "http://mirror.example/debian",
            ("bookworm", "bookworm-updates"),
            "/usr/share/keyrings/archive.gpg",
        ),
        apt.Source("http://mirror.example/security", ("bookworm-security",), None),
    ]


def test_the_lines_of_a_sources_list_are_read(tmp_path: Path) -> None:
    found = apt.sources(written(tmp_path, "sources.list", ONE_LINE))
    assert [source.uri for source in found] == [
        "http://mirror.example/debian",
        "http://mirror.example/security",
    ]
    assert found[0].signed_by == "/etc/apt/keys/own.gpg"


def test_the_own_mirror_is_told_from_a_vendors_and_from_a_borrowed_suite(tmp_path: Path) -> None:
    written(tmp_path, "sources.list.d/a-vendor.list", "deb http://vendor.example/apt nodistro main")
    written(tmp_path, "sources.list.d/debian.sources", DEB822)
    found = apt.sources(tmp_path)
    assert apt.mirror(found).uri == "http://mirror.example/debian"
    assert apt.security_mirror(found).uri == "http://mirror.example/security"


def test_no_source_means_no_mirror(tmp_path: Path) -> None:
    assert apt.mirror(apt.sources(tmp_path)) is None


def test_the_borrowed_suite_comes_from_the_own_mirror_and_upgrades_nothing() -> None:
    own = apt.Source("http://mirror.example/debian", ("bookworm",), "/keys/own.gpg")
    sources, pin = engine.borrowed(own)
    assert "URIs: http://mirror.example/debian\n" in sources
    assert "Suites: trixie\n" in sources
    assert "Signed-By: /keys/own.gpg\n" in sources
    assert "Pin: release n=trixie\nPin-Priority: 100\n" in pin


def test_the_base_takes_updates_and_security_from_the_hosts_mirrors(tmp_path: Path) -> None:
    found = apt.sources(written(tmp_path, "sources.list.d/debian.sources", DEB822))
    full, main = images.package_lines({"ID": "debian"}, found)
    assert main == ["deb http://mirror.example/debian trixie main"]
    assert full == [
        *main,
        "deb http://mirror.example/debian trixie-updates main",
        "deb http://mirror.example/security trixie-security main",
    ]


def test_a_host_that_is_not_debian_leaves_the_mirror_to_the_bootstrapper(tmp_path: Path) -> None:
    found = apt.sources(written(tmp_path, "sources.list.d/ubuntu.sources", DEB822))
    assert images.package_lines({"ID": "ubuntu"}, found) == ([], [])


def test_os_release_is_read_with_and_without_quotes(tmp_path: Path) -> None:
    file = tmp_path / "os-release"
    file.write_text("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\nNAME='Mint'\n\n")
    keys = apt.release(file)
    assert keys == {"ID": "linuxmint", "ID_LIKE": "ubuntu debian", "NAME": "Mint"}
    assert apt.is_debian_like(keys)
    assert not apt.is_debian_like({"ID": "fedora"})
    assert apt.release(tmp_path / "absent") == {}
