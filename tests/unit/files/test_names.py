"""Names of files as text, and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from timestack.domains.files.names import escaped, original


@given(st.binary(max_size=60))
def test_any_bytes_become_one_line_of_text_and_come_back(name: bytes) -> None:
    text = escaped(name)
    assert text.isprintable()
    assert "\0" not in text
    text.encode()
    assert original(text) == name


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (b"/var/ci/unit.xml", "/var/ci/unit.xml"),
        ("Prüfung ✓.xml".encode(), "Prüfung ✓.xml"),
        (b"a\nb\t.xml", r"a\nb\t.xml"),
        (b"\xff\xfe.xml", r"\xff\xfe.xml"),
        (rb"a\nb.xml", r"a\\nb.xml"),
        (b"\x1b[31m\xe2\x80\xae.xml", r"\x1b[31m\xe2\x80\xae.xml"),
    ],
)
def test_a_name_stays_as_it_is_but_for_what_cannot_be_shown(name: bytes, text: str) -> None:
    assert escaped(name) == text
    assert original(text) == name


@given(st.binary(max_size=20), st.binary(max_size=20))
def test_two_names_are_two_texts(one: bytes, other: bytes) -> None:
    assert (escaped(one) == escaped(other)) == (one == other)
