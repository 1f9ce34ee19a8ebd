"""SQLAlchemy models, one module per domain. Importing this package registers every table."""

from timestack.models.alerts import Alert, RuleFault, Silence
from timestack.models.base import Base
from timestack.models.datasets import Dataset
from timestack.models.drills import Drill
from timestack.models.files import FileJob, TrackedFile
from timestack.models.finance import Company, Finance
from timestack.models.forecasts import Forecast
from timestack.models.idempotency import IdempotencyKey
from timestack.models.imports import Import
from timestack.models.jobs import Job, PausedKind, Probe, ScheduleState
from timestack.models.markets import DailyPrice, Ticker
from timestack.models.notifications import HeldNotification
from timestack.models.operations import Sample
from timestack.models.results import Result, Run, Statistic
from timestack.models.sensors import Reading, Sensor
from timestack.models.tokens import Token
from timestack.models.uploads import Upload
from timestack.models.usage import Usage
from timestack.models.users import Login, Role, User

__all__ = [
    "Alert",
    "Base",
    "Company",
    "DailyPrice",
    "Dataset",
    "Drill",
    "FileJob",
    "Finance",
    "Forecast",
    "HeldNotification",
    "IdempotencyKey",
    "Import",
    "Job",
    "Login",
    "PausedKind",
    "Probe",
    "Reading",
    "Result",
    "Role",
    "RuleFault",
    "Run",
    "Sample",
    "ScheduleState",
    "Sensor",
    "Silence",
    "Statistic",
    "Ticker",
    "Token",
    "TrackedFile",
    "Upload",
    "Usage",
    "User",
]
