"""The form of a file's columns as it was filled in, and the layout that it says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from werkzeug.exceptions import BadRequest

from timestack.dash.datasets.columns import NONE
from timestack.domains.uploads.layout import LONGEST_NAME, MOST_COLUMNS, Layout
from timestack.domains.uploads.preview import Preview
from timestack.domains.uploads.problems import FileProblem
from timestack.models.datasets import VISIBILITIES
from timestack.validation import message

MOST_FIELDS = 3 * MOST_COLUMNS + 20
# What a form of ours has of each column.
PARTS = ("name", "type", "role")
NAMES = (
    f"a name is of a to z, 0 to 9 and _, begins with a letter and has {LONGEST_NAME} characters at"
    " most"
)


@dataclass(frozen=True)
class Form:
    """What was filled in, by the fields' names, beside what the preview found out by itself.

    ``is_sent``: a dataset is to be made, rather than the file looked at.
    """

    filled: Mapping[str, str]
    found: Mapping[str, Any]
    labels: Sequence[str]
    is_sent: bool

    @staticmethod
    def kept(found: Preview) -> dict[str, Any]:
        """Return what the browser keeps of a preview, to be given back with the form."""
        dialect = found.dialect.model_dump(include={"delimiter", "header", "escape"})
        return {"dialect": dialect, "labels": [each.label for each in found.columns]}

    @classmethod
    def read(cls, given: Any, kept: Any) -> Form:
        """Read what the browser sends; raises BadRequest for what is not of a form of ours."""
        filled = given.get("filled") if isinstance(given, dict) else None
        dialect, labels = (
            (kept.get(name) for name in ("dialect", "labels"))
            if isinstance(kept, dict)
            else (None, None)
        )
        if not (
            isinstance(filled, dict)
            and len(filled) <= MOST_FIELDS
            and all(isinstance(each, str) for each in filled.values())
            and filled.get("visibility") in VISIBILITIES
            and isinstance(dialect, dict)
            and isinstance(labels, list)
            and len(labels) <= MOST_COLUMNS
            and all(f"{part}-{n}" in filled for n, _ in enumerate(labels) for part in PARTS)
        ):
            raise BadRequest("What is sent is not the form of a file's columns: reload the page.")
        return cls(filled, dialect, labels, given.get("make") is True)

    def text(self, name: str) -> str:
        """What a field says; "" for a box that is not ticked."""
        return self.filled.get(name, "")

    def layout(self) -> Layout:
        """Return the layout that it says; raises ValidationError."""
        columns = [
            {"label": label, **{part: self.text(f"{part}-{n}") for part in PARTS}}
            for n, label in enumerate(self.labels)
        ]
        said = {
            name: None if self.text(name) == NONE else self.text(name)
            for name in ("zone", "order", "epoch")
        }
        return Layout.model_validate(
            {**self.found, **said, "decimal": self.text("decimal"), "columns": columns}
        )

    def faults(self, error: ValidationError) -> list[FileProblem]:
        """Return what is wrong with a layout, each with its column where it is one's."""
        found = []
        for each in error.errors():
            if each["loc"][:1] == ("columns",) and len(each["loc"]) > 1:
                label = self.labels[each["loc"][1]] or f"Column {each['loc'][1] + 1}"
                text = NAMES if each["type"] == "string_pattern_mismatch" else message(each)
                found.append(FileProblem(detail=f"{_upper(text)}.", column=label, stops=True))
            else:
                reasons = message(each).split("; ")
                found += [FileProblem(detail=f"{_upper(text)}.", stops=True) for text in reasons]
        return found


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
