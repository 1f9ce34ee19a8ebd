"""The colours of pages and charts: contrast, one place, and that everybody can tell lines apart."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

PACKAGE = Path(__file__).resolve().parents[3] / "services" / "web" / "timestack"
LINES = [f"chart-{number}" for number in range(1, 7)]
# What somebody sees who lacks one kind of cones, in linear RGB: Machado, Oliveira and Fernandes
# (2009), https://doi.org/10.1109/TVCG.2009.113, severity 1.
VISION = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}
# A difference of 2.3 is just noticed, of two areas side by side; lines are thin and far apart.
APART = 15
# Linear RGB to CIE XYZ, by the white of D65.
XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
) / np.array([[0.95047], [1], [1.08883]])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_controls_have_contrast(scheme: str) -> None:
    colour = tokens(scheme)
    pairs = [
        *(
            (text, ground, 4.5)
            for text in ("text", "text-muted", "accent")
            for ground in ("bg", "surface", "surface-2")
        ),
        *(
            (state, ground, 4.5)
            for state in ("ok", "warn", "bad")
            for ground in (f"{state}-soft", "surface")
        ),
        ("on-accent", "accent", 4.5),
        ("on-accent", "accent-hover", 4.5),
        *(("text", f"{ground}-soft", 4.5) for ground in ("accent", "ok", "warn", "bad")),
        *((f"chart-{n}", ground, 3) for n in range(1, 7) for ground in ("surface", "bg")),
        ("border-strong", "surface", 3),
    ]
    weak = [pair for pair in pairs if contrast(colour[pair[0]], colour[pair[1]]) < pair[2]]
    assert weak == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_colour_in_numbers_is_the_colour_in_hex(scheme: str) -> None:
    colour = tokens(scheme)
    numbers = [name for name in colour if name.endswith("-rgb")]
    assert numbers
    for name in numbers:
        hexadecimal = bytes.fromhex(colour[name.removesuffix("-rgb")][1:])
        assert colour[name] == ", ".join(map(str, hexadecimal)), name


def test_dark_sets_every_colour_that_light_does() -> None:
    light = {name for name, value in tokens("light").items() if value.startswith("#")}
    dark = re.findall(r"--ts-([\w-]+): #", stylesheet().partition("prefers-color-scheme: dark")[2])
    assert light == set(dark)


def test_a_colour_is_written_in_one_file() -> None:
    hexadecimal = re.compile(r"(?:#|%23)[0-9a-f]{6}\b|\brgba?\(\d", re.IGNORECASE)
    files = [each for kind in ("css", "js", "html", "py") for each in PACKAGE.rglob(f"*.{kind}")]
    assert len(files) > 50
    # Not the proxy's own page, which is drawn without a file of ours.
    written = {each.name for each in files if hexadecimal.search(each.read_text())}
    assert written == {"colours.css"}


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_lines_of_a_chart_are_told_apart_with_any_colour_vision(
    scheme: str, vision: str
) -> None:
    colour = tokens(scheme)
    seen = {name: lab(VISION[vision] @ linear(colour[name])) for name in LINES}
    near = {
        (one, other): round(float(np.linalg.norm(seen[one] - seen[other])), 1)
        for one, other in combinations(LINES, 2)
    }
    assert {pair: apart for pair, apart in near.items() if apart < APART} == {}


def stylesheet() -> str:
    return (PACKAGE / "static" / "colours.css").read_text()


def tokens(scheme: str) -> dict[str, str]:
    """The tokens of one scheme; dark is written over light."""
    light, _, dark = stylesheet().partition("prefers-color-scheme: dark")
    return dict(declared(light)) | (dict(declared(dark)) if scheme == "dark" else {})


def declared(css: str) -> Iterator[tuple[str, str]]:
    yield from re.findall(r"--ts-([\w-]+): ([^;]+);", css)


def contrast(one: str, other: str) -> float:
    """The ratio of WCAG 2.2, https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    return float(linear(colour) @ (0.2126, 0.7152, 0.0722))


def linear(colour: str) -> np.ndarray:
    """Red, green and blue of "#rrggbb", in proportion to the light."""
    parts = np.array(list(bytes.fromhex(colour.removeprefix("#")))) / 255
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    """CIE L*a*b* of linear RGB: distances in it are differences that are seen."""
    x, y, z = (
        np.cbrt(part) if part > 216 / 24389 else (24389 / 27 * part + 16) / 116
        for part in XYZ @ np.clip(rgb, 0, 1)
    )
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])
