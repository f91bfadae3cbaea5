"""The flights many times over, as a project of its own: each copy moved back by whole weeks, with ids of its own."""

from __future__ import annotations

import re
import shutil
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

#: Whole weeks, so that weekdays stay; longer than the year or quarter that is copied, so that copies do not overlap.
YEAR, QUARTER = timedelta(weeks=53), timedelta(weeks=13)
TIMES = ("scheduled_departure", "scheduled_arrival", "departed_at", "arrived_at")
_ROOT = Path(__file__).parents[1]


def make_project(folder: Path, copies: int, until: date, apart: timedelta, training: str) -> Path:
    """Lay out a project with ``flight-delay`` on the flights of 2013 before ``until``, ``copies`` times.

    Args:
        folder: Where; made anew.
        copies: How often each flight and each observation of the weather stands there; 1 is the original.
        until: The first day (local partition) that is left out.
        apart: How far each copy lies before the one after it; whole weeks.
        training: The model's ``training`` in YAML's flow style.
    """
    shutil.rmtree(folder, ignore_errors=True)
    data = folder / "data"
    data.mkdir(parents=True)
    shutil.copytree(_ROOT / "expectations", folder / "expectations")
    (folder / "deployments").mkdir()
    spec = (_ROOT / "deployments" / "flight-delay.yaml").read_text(encoding="utf-8")
    changed, count = re.subn(r"^training: \{[^}]*\}$", f"training: {training}", spec, flags=re.MULTILINE)
    if count != 1:
        raise ValueError("deployments/flight-delay.yaml: no training: {...} on one line")
    (folder / "deployments" / "flight-delay.yaml").write_text(changed, encoding="utf-8")
    for name in ("planes.parquet", "airports.parquet"):
        shutil.copy(_ROOT / "data" / name, data / name)
    weather = pq.read_table(_ROOT / "data" / "weather.parquet")
    moved = [_moved(weather, ("observed_at",), apart * number).to_pandas() for number in range(copies)]
    # The weather of a whole year, moved by less, meets itself: an hour's newest copy stays.
    once = pd.concat(moved).drop_duplicates(["origin", "observed_at"])
    pq.write_table(pa.Table.from_pandas(once, weather.schema, preserve_index=False), data / "weather.parquet")
    for path in sorted((_ROOT / "data" / "flights").glob("date=*/*.parquet")):
        day = date.fromisoformat(path.parent.name.removeprefix("date="))
        if day < until:
            flights = pq.ParquetFile(path).read()
            for number in range(copies):
                place = data / "flights" / f"date={day - apart * number}"
                place.mkdir(parents=True)
                pq.write_table(repeat(flights, number, apart), place / path.name)
    return folder


def repeat(flights: pa.Table, number: int, apart: timedelta) -> pa.Table:
    """Copy ``number`` of raw flights: ``number`` times ``apart`` earlier, under ids that no other copy has."""
    moved = _moved(flights, TIMES, apart * number)
    ids = pa.array([f"{name}~{number}" for name in moved.column("flight_id").to_pylist()], pa.large_string())
    return moved.set_column(moved.schema.get_field_index("flight_id"), "flight_id", ids)


def _moved(table: pa.Table, times: tuple[str, ...], back: timedelta) -> pa.Table:
    for name in times:
        place = table.schema.get_field_index(name)
        moments = table.column(name).to_pandas() - pd.Timedelta(back)
        table = table.set_column(place, name, pa.array(moments, table.schema.field(name).type))
    return table
