"""What is wrong with a file, in words for whoever uploads it."""

from __future__ import annotations

from collections import Counter

from pydantic import BaseModel, ConfigDict

from timestack.domains.uploads.cells import OPTION

# Of one column, or of rows as a whole; and of all.
MOST_OF_ONE, MOST = 5, 50


class FileProblem(BaseModel):
    """What is wrong, on which line and in which column; a table is made unless it ``stops`` that.

    Of a row or cell that cannot be read it stops the load, which takes all of a file or nothing.
    """

    model_config = ConfigDict(json_schema_mode="serialization")

    detail: str
    line: int | None = None
    column: str | None = None
    stops: bool = False


class Problems:
    """Collects them; ``listed`` is what is shown."""

    def __init__(self):
        self.listed: list[FileProblem] = []
        self._counted: Counter[str | None] = Counter()

    def note(self, detail: str, line: int | None = None, column: str | None = None) -> None:
        """Add what a person should know or choose."""
        self.listed.append(FileProblem(detail=sentence(detail), line=line, column=column))

    def stop(self, detail: str, line: int | None = None) -> None:
        """Add what no table can be made with."""
        self.listed.append(FileProblem(detail=sentence(detail), line=line, stops=True))

    def report(self, detail: str, line: int, column: str | None = None) -> None:
        """Add a fault of a row or cell, unless there are enough of its column."""
        self._counted[column] += 1
        if self._counted[column] <= MOST_OF_ONE and len(self.listed) < MOST:
            self.note(plain(detail), line, column)


def plain(detail: str) -> str:
    """Without the options of `make load`, which an upload does not have."""
    return OPTION.sub("", detail)


def sentence(text: str) -> str:
    """With a capital in front and a full stop behind."""
    return f"{text[:1].upper()}{text[1:]}."
