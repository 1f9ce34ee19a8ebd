"""A drill at the terminal: writes down what `make drill` found, as JSON on standard input."""

from __future__ import annotations

import argparse
import sys

from pydantic import ValidationError

from timestack import db
from timestack.domains import drills


def add_to(faces: argparse._SubParsersAction) -> None:
    """Add ``drill`` to the parser."""
    face = faces.add_parser("drill", help="write a drill down", description=__doc__)
    face.set_defaults(do=record, opens=("database",))


def record(asked: argparse.Namespace) -> int:
    """Write it down; 2 where it is not one."""
    try:
        report = drills.DrillReport.model_validate_json(sys.stdin.buffer.read())
    except ValidationError as error:
        print(error, file=sys.stderr)
        return 2
    with db.session() as session:
        drills.record(session, report)
    return 0
