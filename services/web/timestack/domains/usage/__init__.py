"""Use of a media platform, of one account at a time.

rows      the days as they are, of the account that the transaction acts for
months    which months there are
parts     the largest parts of a whole and the others, and amounts rounded to their sum
figures   what a month was, by three queries: hours per project, storage, the four volumes
plots     those as Plotly draws them
asked     whose usage of which month a reader asks for, and the figures of it
"""

from timestack.domains.usage.asked import (
    RefusedError,
    UnknownError,
    View,
    accounts,
    choose,
    figure,
    look,
)
from timestack.domains.usage.figures import NAMES, Figure, Row
from timestack.domains.usage.months import PATTERN, Month
from timestack.domains.usage.rows import (
    BY_DAY,
    BY_PROJECT,
    Project,
    ProjectDay,
    by_day,
    listed,
    listed_projects,
    projects,
)

__all__ = [
    "BY_DAY",
    "BY_PROJECT",
    "NAMES",
    "PATTERN",
    "Figure",
    "Month",
    "Project",
    "ProjectDay",
    "RefusedError",
    "Row",
    "UnknownError",
    "View",
    "accounts",
    "by_day",
    "choose",
    "figure",
    "listed",
    "listed_projects",
    "look",
    "projects",
]
