"""How a file's texts must be read: found from a sample in which every value is still the text that stands there."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from evergreen.discovery.layout import Layout
from evergreen.discovery.sentinels import Sentinel
from evergreen.discovery.values import (
    PLAIN_MISSING,
    NumberLook,
    ends_in_blanks,
    looks_like_data,
    means_missing,
    mixed_forms,
    number_look,
    plain_numbers,
    several_units,
    time_forms,
)
from evergreen.spec import Read

#: Different texts looked at a column.
_LEVELS = 5000
#: Texts of which some may differ by case alone.
_FOLDED = 200
#: Days that Excel counts to, 1954 to 2064.
_EXCEL = (20_000, 60_000)
_DAY_NAME = r"(?i)(?:date|datum|fecha)"
_TIME_NAME = r"(?i)(?:date|time|stamp|epoch|created|updated|(?:^|[ _.-])(?:ts|at|on|when)$|(?-i:[a-z](?:Ts|At|On)$))"


@dataclass
class Reading:
    """How to read a table, and why; each guess by its column or its value."""

    missing: dict[str, str] = field(default_factory=dict)
    numbers: dict[str, str] = field(default_factory=dict)
    dates: dict[str, tuple[tuple[str, ...], str]] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    fold: dict[str, str] = field(default_factory=dict)
    sentinels: dict[str, Sentinel] = field(default_factory=dict)
    thousands: str | None = None
    decimal: str = "."
    blanks: str = ""
    layout: Layout = field(default_factory=Layout)
    checks: list[str] = field(default_factory=list)

    @property
    def read(self) -> Read | None:
        """The part of the spec that says so; None where nothing needs saying. Doubtful sentinels are left out."""
        sure = {name: list(one.values) for name, one in self.sentinels.items() if one.sure}
        found = {
            "missing": list(self.missing),
            "sentinels": sure,
            "numbers": list(self.numbers),
            "thousands": self.thousands,
            "decimal": self.decimal,
            "dates": {name: list(forms) for name, (forms, _) in self.dates.items()},
            "texts": list(self.texts),
            "fold": list(self.fold),
            "encoding": self.layout.encoding,
            "separator": self.layout.separator,
            "skip": self.layout.skip,
            "header": "none" if self.layout.names else "first",
            "names": list(self.layout.names),
        }
        read = Read.model_validate(found)
        return read if self.blanks or read != Read() else None


def has_header(first: Sequence[str], below: pd.DataFrame) -> bool:
    """Whether a file's first line holds names.

    It does not where cells are numbers or times as the values under them are, or where most cells stand under
    themselves as values.

    Args:
        first: The cells of the first line.
        below: The lines under it, as texts; one column a cell.
    """
    cells = [cell.strip() for cell in first]
    data = [at for at, cell in enumerate(cells) if looks_like_data(cell)]
    if data:
        alike = [at for at in data if _share_of_data(below.iloc[:, at]) > 0.5]
        # Years as names of columns stand in a row; a first line of data has other cells under which values are alike.
        years = [at for at in data if cells[at].isdigit() and len(cells[at]) == 4 and 1800 <= int(cells[at]) <= 2100]
        return not alike or (len(years) == len(data) and len(set(cells)) == len(cells) and len(years) >= 3)
    repeated = sum(cell != "" and bool((below.iloc[:, at].str.strip() == cell).any()) for at, cell in enumerate(cells))
    return repeated < max(1, 0.5 * len(cells))


def find_reading(raw: pd.DataFrame, time: str | None = None, decimal_comma: bool = False) -> Reading:
    """Find missing words, numbers in texts, times and codes.

    Args:
        raw: A sample; columns of texts are looked into, whole numbers are looked at as times, others left alone.
        time: A column that a person has called the event time; whole numbers in it are read as years or days.
        decimal_comma: The file separates its fields by semicolons, as countries with a decimal comma do.
    """
    found, looks = Reading(), dict[str, NumberLook]()
    words: Counter[str] = Counter()
    where: dict[str, str] = {}
    for name in map(str, raw.columns):
        values = raw[name]
        if not isinstance(values.dtype, pd.StringDtype) and values.dtype != object:
            _look_at_whole_numbers(found, name, values, time)
            continue
        look = _look_at_texts(found, name, values, time, decimal_comma)
        if look is not None:
            looks[name] = look[0]
        for word, count in (look[1] if look else _words(values, True)[1]).items():
            if word not in PLAIN_MISSING:
                words[word] += count
                where.setdefault(word, f"{name}: {count:,} times")
    _settle(found, looks)
    found.missing = {word: where[word] for word, _ in words.most_common() if word}
    return found


def _words(values: pd.Series, among_texts: bool) -> tuple[pd.Series, Mapping[str, int]]:
    """How often each text stands that means something, and how often each that means nothing."""
    counts = values.dropna().astype("str").str.strip().value_counts()
    nothing = np.array([means_missing(str(text), among_texts) for text in counts.index], dtype=bool)
    return counts[~nothing], {str(text): int(count) for text, count in counts[nothing].items()}


def _look_at_texts(
    found: Reading, name: str, values: pd.Series, time: str | None, decimal_comma: bool
) -> tuple[NumberLook, Mapping[str, int]] | None:
    if not isinstance(values.dtype, pd.StringDtype) and not values.dropna().map(lambda one: isinstance(one, str)).all():
        return None
    numbers = plain_numbers(values)
    if numbers is not None:
        _look_at_whole_numbers(found, name, numbers, time)
        return NumberLook(None, ".", "", True), {}
    counts, nothing = _words(values, among_texts=False)
    counts = counts.head(_LEVELS)
    if counts.empty:
        return None
    look = number_look(counts, decimal_comma=decimal_comma)
    digits = counts.index.astype("str")
    if look is not None:
        zeros = counts[digits.str.fullmatch(r"0\d+")].sum() / counts.sum()
        if zeros > 0.005 and digits.str.fullmatch(r"\d+").all():
            found.texts[name] = f"{zeros:.0%} begin with a zero, e.g. {digits[digits.str.startswith('0')][0]}"
            return None
        if look.plain and digits.str.fullmatch(r"[+-]?\d+").all():
            _look_at_whole_numbers(found, name, pd.to_numeric(pd.Series(digits)), time)
            if name in found.dates:
                return None
        if look.plain and not any(word not in PLAIN_MISSING for word in nothing):
            return None
        plain = re.compile(r"[+-]?\d+\.?\d*|\D*")
        example = next((text for text in digits if not plain.fullmatch(text)), digits[0])
        found.numbers[name] = f"numbers, written like {example!r}"
        return look, nothing
    forms = time_forms(counts)
    if forms:
        found.dates[name] = ((forms[0],), f"times, e.g. {digits[0]}")
        if len(forms) > 1:
            found.checks.append(
                f"{name}: {digits[0]} fits {forms[0]} and {forms[1]}; no day above 12 tells which is meant"
            )
        return NumberLook(None, ".", "", True), nothing
    forms = mixed_forms(counts)
    if forms:
        found.dates[name] = (tuple(forms), f"times in {len(forms)} forms, tried in this order")
        return NumberLook(None, ".", "", True), nothing
    _look_at_words(found, name, values, counts)
    return None


def _look_at_words(found: Reading, name: str, values: pd.Series, counts: pd.Series) -> None:
    """Texts that stay texts: levels that differ by case alone, blanks around them, numbers of several units."""
    units = several_units(counts)
    if units:
        said = ", ".join(repr(unit) if unit else "none" for unit in units[:4])
        found.checks.append(f"{name}: numbers with several units ({said}) stay text; write one unit in the source")
    if not found.blanks and ends_in_blanks(values):
        found.blanks = f"blanks around texts are taken away, e.g. in {name}"
    levels = counts.index.astype("str")
    lower = levels.str.lower()
    if len(levels) <= _FOLDED and lower.nunique() < len(levels):
        pair = levels[lower == lower[lower.duplicated()][0]]
        found.fold[name] = f"{' and '.join(map(repr, pair[:3]))} are one"


def _look_at_whole_numbers(found: Reading, name: str, values: pd.Series, time: str | None) -> None:
    """Numbers that count days, seconds or milliseconds, and numbers whose digits are a day."""
    if not pd.api.types.is_numeric_dtype(values.dtype) or pd.api.types.is_bool_dtype(values.dtype):
        return
    present = values.dropna()
    whole = pd.api.types.is_integer_dtype(values.dtype)
    named = bool(re.search(_TIME_NAME, name)) or name == time
    if present.empty or not (whole or named):
        return
    low, high = float(present.min()), float(present.max())
    if whole and low >= 19000101 and high <= 21001231:
        read = pd.to_datetime(present.astype("str"), format="%Y%m%d", errors="coerce")
        if read.notna().mean() > 0.99:
            found.dates[name] = (("%Y%m%d",), f"days, e.g. {present.iloc[0]}")
    elif named and low >= 500_000_000 and high <= 2_500_000_000:
        found.dates[name] = (("seconds",), f"seconds since 1970, e.g. {present.iloc[0]}")
    elif named and low >= 500_000_000_000 and high <= 2_500_000_000_000:
        found.dates[name] = (("milliseconds",), f"milliseconds since 1970, e.g. {present.iloc[0]}")
    elif _EXCEL[0] <= low and high <= _EXCEL[1] and (name == time or re.search(_DAY_NAME, name)):
        found.dates[name] = (("excel",), f"days as Excel counts them, e.g. {present.iloc[0]:g}")
    elif whole and name == time and low >= 1500 and high <= 2200:
        found.dates[name] = (("%Y",), f"years, e.g. {present.iloc[0]}")


def _settle(found: Reading, looks: Mapping[str, NumberLook]) -> None:
    """One writing for the whole file: the one that reads most columns, and that most of them show; others stay text."""
    numbers = {name: look for name, look in looks.items() if name in found.numbers}
    shown = [(look.thousands, look.decimal) for look in numbers.values()]
    if not any(thousands or decimal != "." for thousands, decimal in shown):
        return

    def held_by(writing: tuple[str | None, str]) -> tuple[int, int, int]:
        readable = sum(writing in look.fits for look in numbers.values())
        return readable, sum(decimal == writing[1] for _, decimal in shown), shown.count(writing)

    found.thousands, found.decimal = max(dict.fromkeys(shown), key=held_by)
    for name, look in numbers.items():
        if (found.thousands, found.decimal) not in look.fits:
            said = found.numbers.pop(name)
            found.checks.append(f"{name}: {said}, in another way than the other columns: stays text; write them alike")


def _share_of_data(values: pd.Series) -> float:
    present = values.dropna().astype("str").str.strip()
    present = present[present != ""].head(200)
    return float(present.map(looks_like_data).mean()) if len(present) else 0.0
