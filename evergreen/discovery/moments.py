"""Event times whose parts stand in several columns: a day and a clock apart, or year, month, day and hour."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import pandas as pd

from evergreen.discovery.known_later import words_of
from evergreen.discovery.roles import may_be_event

#: What a column of a part is called, the limits of its values, and how it is written.
_PARTS: dict[str, tuple[frozenset[str], tuple[int, int], str]] = {
    "year": (frozenset(["year", "yr", "yyyy", "jahr", "annee", "anno", "ano"]), (1800, 2200), "%Y"),
    "month": (frozenset(["month", "mon", "mo", "mm", "mnth", "monat", "mois", "mes"]), (1, 12), "%m"),
    "day": (frozenset(["day", "dd", "dy", "dom", "mday", "tag", "jour", "dia"]), (1, 31), "%d"),
    "hour": (frozenset(["hour", "hr", "hh", "stunde", "heure", "hora"]), (0, 24), "%H"),
    "minute": (frozenset(["minute", "min", "mi", "minuten"]), (0, 59), "%M"),
}
_CLOCKS = {
    r"\d{1,2}:\d{2}:\d{2}": "%H:%M:%S", r"\d{1,2}:\d{2}": "%H:%M", r"\d{1,2}\.\d{2}\.\d{2}": "%H.%M.%S",
    r"\d{1,2}h\d{2}": "%Hh%M", r"\d{1,2}:\d{2} ?[AaPp][Mm]": "%I:%M %p",
    r"\d{1,2}:\d{2}:\d{2} ?[AaPp][Mm]": "%I:%M:%S %p", r"\d{1,2}:\d{2}:\d{2}\.\d+": "%H:%M:%S.%f",
    r"\d{1,2}-\d{2}-\d{2}": "%H-%M-%S",
}  # fmt: skip
_CLOCK_NAME = frozenset(["time", "clock", "hour", "hr", "zeit", "uhrzeit", "heure", "hora", "hhmm"])
_ENOUGH = 0.995


def find_moments(
    rows: pd.DataFrame, dates: Mapping[str, tuple[tuple[str, ...], str]]
) -> tuple[dict[str, str], str] | None:
    """The columns that make the event time together, each with its form, and why; None where one column holds it.

    Args:
        rows: Values as they stand in the source.
        dates: Columns of times that were found, each with its forms.
    """
    days = {}
    for name in map(str, rows.columns):
        if name in dates or pd.api.types.is_datetime64_any_dtype(rows[name].dtype):
            form = _day_form(rows[name], dates[name][0] if name in dates else ("iso",))
            if form is None and may_be_event(name) and rows[name].notna().mean() > _ENOUGH:
                return None
            if form and may_be_event(name):
                days[name] = form
    return _day_and_clock(rows, days) or (None if days else _calendar(rows))


def _day_form(values: pd.Series, forms: tuple[str, ...]) -> str | None:
    """The form of a column of days without a time of day; None where there is one."""
    if len(forms) != 1:
        return None
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        return (
            "%Y-%m-%d" if values.dt.tz is None and (values.dropna() == values.dropna().dt.normalize()).all() else None
        )
    if forms[0] == "iso":
        return "%Y-%m-%d" if values.dropna().astype("str").str.strip().str.len().max() <= 10 else None
    whole = all(part in forms[0] for part in ("%d", "%m", "%Y")) or re.search(r"%[bB].*%[yY]|%[yY].*%[bB]", forms[0])
    dated = bool(whole) or all(part in forms[0] for part in ("%d", "%m", "%y"))
    return forms[0] if dated and "%d" in forms[0] and not re.search(r"%[HIMSf]", forms[0]) else None


def _day_and_clock(rows: pd.DataFrame, days: Mapping[str, str]) -> tuple[dict[str, str], str] | None:
    clocks = {
        name: form for name in map(str, rows.columns) if name not in days and (form := _clock_form(name, rows[name]))
    }
    pairs = [(day, clock) for day in days for clock in clocks]
    if not pairs:
        return None
    day, clock = max(pairs, key=lambda pair: len({*words_of(pair[0])} & {*words_of(pair[1])}))
    if len(pairs) > 1 and not {*words_of(day)} & {*words_of(clock)} and len(clocks) > 1:
        return None  # several clocks, and nothing says which of them belongs to the day
    example = f"{rows[day].iloc[0]} and {rows[clock].iloc[0]}"
    return {day: days[day], clock: clocks[clock]}, f"a day and a time of day, e.g. {example}"


def _clock_form(name: str, values: pd.Series) -> str | None:
    texts = values.dropna().astype("str").str.strip()
    if texts.empty:
        return None
    if isinstance(values.dtype, pd.StringDtype | object) and not pd.api.types.is_numeric_dtype(values.dtype):
        for pattern, form in _CLOCKS.items():
            if texts.str.fullmatch(pattern).mean() > _ENOUGH:
                read = pd.to_datetime(texts.head(2000), format=form, errors="coerce")
                return form if read.notna().mean() > _ENOUGH else None
    if _CLOCK_NAME.isdisjoint(words_of(name)):
        return None
    if texts.str.fullmatch(r"\d{1,2}\.\d{2}").all() and texts.str.fullmatch(r"(?:[01]?\d|2[0-3])\.[0-5]\d").all():
        return "%H.%M"
    numbers = pd.to_numeric(texts, errors="coerce")
    if numbers.isna().any() or (numbers != numbers.round()).any() or numbers.min() < 0:
        return None
    if numbers.max() <= 24 and numbers.nunique() > 2:
        return "%H"
    return "%H%M" if 100 <= numbers.max() <= 2359 and (numbers % 100 < 60).all() else None


def _calendar(rows: pd.DataFrame) -> tuple[dict[str, str], str] | None:
    """Year, month, day and what there is of hour and minute, of one stem (``arrival_date_year``), in this order."""
    stems: dict[frozenset[str], dict[str, tuple[str, str]]] = {}
    for name in map(str, rows.columns):
        words = words_of(name)
        for part, (called, limits, form) in _PARTS.items():
            if not words or not ({words[-1], words[0]} & called or words[-3:] == ["day", "of", "month"]):
                continue
            if part != "day" and words[-3:] == ["day", "of", "month"]:
                continue
            written = _form_within(rows[name], part, limits, form)
            stem = frozenset(words) - called - {"of", "month", "the", "date"}
            if written:
                stems.setdefault(stem, {}).setdefault(part, (name, written))
                break
    for parts in sorted(stems.values(), key=len, reverse=True):
        if "year" in parts and "month" in parts and all(may_be_event(name) for name, _ in parts.values()):
            chosen = [part for part in _PARTS if part in parts]
            chosen = chosen[: next((at for at, part in enumerate(_PARTS) if part not in parts), len(_PARTS))]
            return dict(parts[part] for part in chosen), f"{', '.join(chosen)} in columns of their own"
    return None


def _form_within(values: pd.Series, part: str, limits: tuple[int, int], form: str) -> str | None:
    known = values.dropna()
    if known.empty or pd.api.types.is_datetime64_any_dtype(values.dtype) or pd.api.types.is_bool_dtype(values.dtype):
        return None
    numbers = pd.to_numeric(known, errors="coerce")
    if numbers.notna().all():
        fits = bool((numbers == numbers.round()).all() and limits[0] <= numbers.min() and numbers.max() <= limits[1])
        return form if fits else None
    if part == "month":
        levels = known.astype("str").str.strip().drop_duplicates().head(20)
        for named in ("%B", "%b"):
            if pd.to_datetime(levels, format=named, errors="coerce").notna().all():
                return named
    return None


def free_name(taken: Iterable[str]) -> str:
    """A name for the time that no column has."""
    names = {name.casefold() for name in taken}
    return next(name for name in ("event_time", "event_moment", "made_event_time", "__event") if name not in names)
