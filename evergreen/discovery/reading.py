"""How a file's texts must be read: found from a sample in which every value is still the text that stands there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from evergreen.discovery.values import (
    PLAIN_MISSING,
    NumberLook,
    looks_like_data,
    means_missing,
    number_look,
    time_forms,
)
from evergreen.spec import Read

#: Different texts looked at a column.
_LEVELS = 5000
_TIME_NAME = r"(?i)(?:date|time|stamp|epoch|_ts|^ts$|_at$|created|updated)"


@dataclass
class Reading:
    """How to read a table, and why."""

    missing: dict[str, str] = field(default_factory=dict)
    numbers: dict[str, str] = field(default_factory=dict)
    dates: dict[str, tuple[str, str]] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    sentinels: dict[str, tuple[float, str]] = field(default_factory=dict)
    thousands: str | None = None
    decimal: str = "."
    names: tuple[str, ...] = ()
    checks: list[str] = field(default_factory=list)

    @property
    def read(self) -> Read | None:
        """The part of the spec that says so; None where nothing needs saying. Sentinels are left to a person."""
        if not (self.missing or self.numbers or self.dates or self.texts or self.names):
            return None
        return Read.model_validate(
            {
                "missing": list(self.missing),
                "numbers": list(self.numbers),
                "thousands": self.thousands,
                "decimal": self.decimal,
                "dates": {name: form for name, (form, _) in self.dates.items()},
                "texts": list(self.texts),
                "header": "none" if self.names else "first",
                "names": list(self.names),
            }
        )


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
    if not values.dropna().map(lambda value: isinstance(value, str)).all():
        return None
    if _are_plain_numbers(values):
        _look_at_whole_numbers(found, name, pd.to_numeric(values, errors="coerce").dropna().convert_dtypes(), time)
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
        example = next((text for text in digits if not text.replace(".", "", 1).lstrip("+-").isdigit()), digits[0])
        found.numbers[name] = f"numbers, written like {example!r}"
        return look, nothing
    forms = time_forms(counts)
    if forms:
        found.dates[name] = (forms[0], f"times, e.g. {digits[0]}")
        if len(forms) > 1:
            found.checks.append(
                f"{name}: {digits[0]} fits {forms[0]} and {forms[1]}; no day above 12 tells which is meant"
            )
        return NumberLook(None, ".", "", True), nothing
    return None


def _are_plain_numbers(values: pd.Series) -> bool:
    """Whether any reader of CSV would read numbers, codes with leading zeros aside."""
    texts = values[~values.isin(PLAIN_MISSING)]
    return (
        bool(len(texts))
        and bool(pd.to_numeric(texts, errors="coerce").notna().all())
        and not (texts.str.match(r"0\d").any() or texts.str.contains(r"^\s|\s$", regex=True).any())
    )


def _look_at_whole_numbers(found: Reading, name: str, values: pd.Series, time: str | None) -> None:
    if not pd.api.types.is_integer_dtype(values.dtype):
        return
    present = values.dropna()
    if present.empty:
        return
    low, high = int(present.min()), int(present.max())
    named = pd.Series([name]).str.contains(_TIME_NAME, regex=True).iloc[0] or name == time
    if low >= 19000101 and high <= 21001231:
        read = pd.to_datetime(present.astype("str"), format="%Y%m%d", errors="coerce")
        if read.notna().mean() > 0.99:
            found.dates[name] = ("%Y%m%d", f"days, e.g. {present.iloc[0]}")
    elif named and low >= 500_000_000 and high <= 2_500_000_000:
        found.dates[name] = ("seconds", f"seconds since 1970, e.g. {present.iloc[0]}")
    elif named and low >= 500_000_000_000 and high <= 2_500_000_000_000:
        found.dates[name] = ("milliseconds", f"milliseconds since 1970, e.g. {present.iloc[0]}")
    elif name == time and low >= 1500 and high <= 2200:
        found.dates[name] = ("%Y", f"years, e.g. {present.iloc[0]}")


def _settle(found: Reading, looks: Mapping[str, NumberLook]) -> None:
    """One writing for the whole file: that of most columns that show one."""
    shown = Counter(
        (look.thousands, look.decimal)
        for name, look in looks.items()
        if name in found.numbers and (look.thousands or look.decimal != ".")
    )
    if not shown:
        return
    (found.thousands, found.decimal), _ = shown.most_common(1)[0]
    for name, look in looks.items():
        differs = look.decimal != found.decimal or (look.thousands not in (None, found.thousands))
        if name in found.numbers and differs and not look.plain:
            found.checks.append(f"{name}: writes its numbers in another way than the other columns; correct the source")


def _share_of_data(values: pd.Series) -> float:
    present = values.dropna().astype("str").str.strip()
    present = present[present != ""].head(200)
    return float(present.map(looks_like_data).mean()) if len(present) else 0.0
