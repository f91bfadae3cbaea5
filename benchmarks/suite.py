"""Does an inferred suite let the next month pass, and does it see damage? January teaches, February is checked."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from evergreen.data import assemble, with_measures
from evergreen.discovery import infer, suite_file
from evergreen.errors import EvergreenError
from evergreen.io import suites
from evergreen.io.flights import lay_out
from evergreen.io.sources import read
from evergreen.spec import ModelSpec, load_spec
from evergreen.validation import Suite, load_suite

#: Midnights in New York.
_JANUARY, _FEBRUARY, _MARCH = (datetime(2013, month, 1, 5, tzinfo=UTC) for month in (1, 2, 3))
_WANTED = 17

Damage = Callable[[pd.DataFrame, np.random.Generator], pd.DataFrame]


def main() -> None:
    """Print what the suite says of a clean February, and of each kind of damage planted in it."""
    lay_out(Path("data"), print)
    spec = load_spec(Path("deployments/flight-delay.yaml"))
    january = _table(spec, _rows(spec, _JANUARY, _FEBRUARY), _FEBRUARY)
    rules = infer(january, spec.data.target.column, "binary")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "flights.yaml"
        path.write_text(suite_file("flights", rules, "benchmarks.suite", len(january)), encoding="utf-8")
        suite = load_suite(path)
    print(f"\n{len(rules)} rules from {len(january):,} rows of January")
    rows = _rows(spec, _FEBRUARY, _MARCH)
    clean = _broken(_table(spec, rows, _MARCH), suite)
    critical = [name for name, severity in clean.items() if severity == "critical"]
    print(
        f"clean February, {len(rows):,} rows: {len(critical)} critical rules broke, "
        f"{len(clean) - len(critical)} warnings: {', '.join(clean) or 'none'}\n"
    )
    caught = sum(_report(name, damage, spec, rows, suite, clean) for name, damage in DAMAGE.items())
    print(
        f"\ncaught {caught} of {len(DAMAGE)} kinds of damage (wanted: {_WANTED}); "
        f"{len(critical)} critical rules broke on clean rows (wanted: 0)"
    )
    if caught < _WANTED or critical:
        raise SystemExit(1)


def _report(
    name: str, damage: Damage, spec: ModelSpec, rows: pd.DataFrame, suite: Suite, clean: dict[str, str]
) -> bool:
    """Print one line of the table; whether a rule broke that holds on clean rows."""
    try:
        table = _table(spec, damage(rows.copy(), np.random.default_rng(7)), _MARCH)
    except EvergreenError as error:
        print(f"{name:44} {'refused':9} {str(error)[:110]}")
        return True
    new = {rule: severity for rule, severity in _broken(table, suite).items() if rule not in clean}
    worst = "critical" if "critical" in new.values() else "warning" if new else "MISSED"
    print(f"{name:44} {worst:9} {len(new):2} rules: {', '.join(list(new)[:2])}")
    return bool(new)


def _rows(spec: ModelSpec, start: datetime, end: datetime) -> pd.DataFrame:
    data = spec.data
    return read(
        data.source, Path(), time=data.time, start=start, end=end, timezone=data.timezone, partition=data.partition
    )


def _table(spec: ModelSpec, rows: pd.DataFrame, end: datetime) -> pd.DataFrame:
    joins = [
        read(join.source, Path(), time=join.as_of, end=end if join.as_of else None, timezone=spec.data.timezone)
        for join in spec.data.join
    ]
    return with_measures(assemble(rows, joins, spec.data, end), spec.data.timezone, end)


def _broken(table: pd.DataFrame, suite: Suite) -> dict[str, str]:
    """The rules that broke, each with its severity."""
    outcomes = suites.validate(table, suite)
    return {
        name: outcome.rule.severity
        for name, outcome in zip(suite.rule_names, outcomes, strict=True)
        if not outcome.success
    }


def _some(rows: pd.DataFrame, share: float, rng: np.random.Generator) -> pd.Series:
    return pd.Series(rng.random(len(rows)) < share, index=rows.index)


def _day(rows: pd.DataFrame, day: str) -> pd.Series:
    local = rows["scheduled_departure"].dt.tz_convert("America/New_York")
    return pd.Series(local.dt.strftime("%m-%d") == day, index=rows.index)


def _set(rows: pd.DataFrame, where: pd.Series, **values: object) -> pd.DataFrame:
    return rows.assign(**{name: rows[name].mask(where, value) for name, value in values.items()})


def _shifted(rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """In some rows a field is missing, and what follows stands one column to the left."""
    names = ["carrier", "flight", "tailnum", "origin", "dest"]
    texts = rows[names].astype("str")
    moved = texts.shift(-1, axis=1)
    shifted = texts.where(~_some(rows, 0.03, rng), moved, axis=0)
    return rows.assign(**{name: shifted[name] for name in names})


def _noon(rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    hour = rows["scheduled_departure"].dt.tz_convert("America/New_York").dt.hour
    lost = _day(rows, "02-28") & (hour >= 12)
    kept: pd.DataFrame = rows[~lost]
    return kept


def _twice(rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    again = rows[_day(rows, "02-14")]
    return pd.concat([rows, again.assign(flight_id=again["flight_id"] + "-2")], ignore_index=True)


def _later(rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    return rows.assign(scheduled_departure=rows["scheduled_departure"] + pd.Timedelta(hours=5))


DAMAGE: dict[str, Damage] = {
    "unit change: distance in kilometres": lambda r, g: r.assign(distance=r["distance"] * 1.609),
    "unit change: air time in hours": lambda r, g: r.assign(air_time=r["air_time"] / 60),
    "shifted column: 3 % of rows one field left": _shifted,
    "new level: 2 % of origins are NWK": lambda r, g: _set(r, _some(r, 0.02, g), origin="NWK"),
    "swapped columns: origin and dest": lambda r, g: r.rename(columns={"origin": "dest", "dest": "origin"}),
    "swapped columns: dep_delay and arr_delay": lambda r, g: r.rename(
        columns={"dep_delay": "arr_delay", "arr_delay": "dep_delay"}
    ),
    "truncated day: the last one ends at noon": _noon,
    "lost day: 14 February is missing": lambda r, g: r[~_day(r, "02-14")],
    "duplicated day: 14 February, same ids": lambda r, g: pd.concat([r, r[_day(r, "02-14")]], ignore_index=True),
    "duplicated day: 14 February, new ids": _twice,
    "encoding damage: 1 % of tail numbers": lambda r, g: _set(r, _some(r, 0.01, g), tailnum="N1Ã©4"),
    "sign flip: departure delays": lambda r, g: r.assign(dep_delay=-r["dep_delay"]),
    "time zone slip: departures 5 hours late": _later,
    "nulls: 10 % of the tail numbers": lambda r, g: _set(r, _some(r, 0.1, g), tailnum=None),
    "sentinel: 2 % of air times are -999": lambda r, g: _set(r, _some(r, 0.02, g), air_time=-999.0),
    "label flipped": lambda r, g: r.assign(late=1 - r["late"]),
    "stuck value: distance is always 1000": lambda r, g: r.assign(distance=1000),
    "lost column: distance": lambda r, g: r.drop(columns="distance"),
    "case change: carriers in lower case": lambda r, g: r.assign(carrier=r["carrier"].str.lower()),
    "lost rows: two thirds, at random": lambda r, g: r[~_some(r, 2 / 3, g)],
}


if __name__ == "__main__":
    main()
