"""How a file's texts must be read: found from a sample in which every value is still the text that stands there."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

import numpy as np
import pandas as pd

from evergreen.discovery.columns import named_like_a_year
from evergreen.discovery.moments import find_moments, free_name
from evergreen.discovery.numerals import look_at_dots, settle
from evergreen.discovery.odd_texts import doubt_of, find_units, several_currencies, texts_among, why_text
from evergreen.discovery.reading import Reading
from evergreen.discovery.totals import find_totals, without_totals
from evergreen.discovery.values import (
    PLAIN_MISSING,
    NumberLook,
    ends_in_blanks,
    means_missing,
    mixed_forms,
    number_look,
    plain_numbers,
    several_units,
    time_forms,
)

#: Different texts looked at a column.
_LEVELS = 5000
#: Texts of which some may differ by case alone.
_FOLDED = 200
#: Days that Excel counts to, 1954 to 2064.
_EXCEL = (20_000, 60_000)
#: What a column counts for where the file's way of writing numbers is settled, if it shows none.
_NO_NUMBERS = NumberLook(None, ".", "", True)
_DAY_NAME = r"(?i)(?:date|datum|fecha)"
_TIME_NAME = (
    r"(?i)(?:date|time|stamp|epoch|created|updated|"
    r"(?:^|[ _.-])(?:ts|at|on|when|ms|us|ns|secs?|micros|millis|nanos)$|(?-i:[a-z](?:Ts|At|On)$))"
)


def find_reading(
    raw: pd.DataFrame, time: str | None = None, decimal_comma: bool = False, complete: bool = True
) -> Reading:
    """Find missing words, numbers in texts, times and codes.

    Args:
        raw: A sample; columns of texts are looked into, whole numbers are looked at as times, others left alone.
        time: A column that a person has called the event time; whole numbers in it are read as years or days.
        decimal_comma: The file separates its fields by semicolons, as countries with a decimal comma do.
        complete: Whether the sample holds all rows.
    """
    found, looks = Reading(), dict[str, NumberLook]()
    units = find_units(raw)
    found.drop = find_totals(raw, complete)
    if units:
        name = min(units, key=lambda name: (units[name] in "-.", -len(units[name])))
        found.drop = {name: {units[name]: f"line 1 of the data: units under the names ({', '.join(units.values())})"},
                      **found.drop}  # fmt: skip
    rows = without_totals(raw, found.drop)
    words: Counter[str] = Counter()
    where: dict[str, str] = {}
    for name in map(str, rows.columns):
        values = rows[name]
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
    settle(found, looks)
    look_at_dots(found, rows, decimal_comma)
    for name in dict.fromkeys([*found.drop, *units]):
        if name not in (*found.numbers, *found.dates, *found.texts):
            _look_above_totals(found, name, rows[name])
    made = find_moments(rows, found.dates) if time is None else None
    if made is not None:
        found.together[free_name(map(str, raw.columns))] = made
    found.missing = {word: where[word] for word, _ in words.most_common() if word}
    return found


def _look_above_totals(found: Reading, name: str, values: pd.Series) -> None:
    """A column that would be plain numbers, did the lines that are no rows not stand in it."""
    numbers = plain_numbers(values)
    if numbers is None:
        return
    differ = len(numbers) == len(values) and numbers.is_unique
    if differ and pd.api.types.is_integer_dtype(numbers.dtype) and not named_like_a_year(name):
        found.texts[name] = "a different whole number in every row, but for the lines that are none"
    elif values.str.contains(".", regex=False).any() and (found.decimal != "." or found.thousands == "."):
        found.checks.append(f"{name}: numbers in another way than the other columns: stays text; write them alike")
    else:
        found.numbers[name] = "numbers, but for the lines that are none"


def _words(values: pd.Series, among_texts: bool) -> tuple[pd.Series, Mapping[str, int]]:
    """How often each text stands that means something, and how often each that means nothing."""
    counts = values.dropna().astype("str").str.strip().value_counts()
    nothing = np.array([means_missing(str(text), among_texts) for text in counts.index], dtype=bool)
    return counts[~nothing], {str(text): int(count) for text, count in counts[nothing].items()}


def _look_at_texts(
    found: Reading, name: str, values: pd.Series, time: str | None, decimal_comma: bool
) -> tuple[NumberLook, Mapping[str, int]] | None:
    """What a column of texts holds; how it writes numbers and what means nothing in it, where it is no text."""
    if not isinstance(values.dtype, pd.StringDtype) and not values.dropna().map(lambda one: isinstance(one, str)).all():
        return None
    numbers = plain_numbers(values)
    if numbers is not None:
        _look_at_whole_numbers(found, name, numbers, time)
        return _NO_NUMBERS, {}
    every, nothing = _words(values, among_texts=False)
    counts = every.head(_LEVELS)
    if counts.empty:
        return None
    look = number_look(counts, decimal_comma=decimal_comma)
    if look is not None:
        odd = texts_among(every, look)
        found.texts |= {name: why} if (why := why_text(every, odd)) else {}
        if name in found.texts:
            return None
        found.checks += [doubt for doubt in (doubt_of(name, odd), several_currencies(name, counts)) if doubt]
        found.blanked |= {name} if len(odd) else set()
        told = _look_at_numbers(found, name, counts, look, time, any(word not in PLAIN_MISSING for word in nothing))
        return (look, nothing) if told else None
    if _look_at_times(found, name, counts):
        return _NO_NUMBERS, nothing
    _look_at_words(found, name, values, counts)
    return None


def _look_at_numbers(
    found: Reading, name: str, counts: pd.Series, look: NumberLook, time: str | None, said_nothing: bool
) -> bool:
    """Texts that are numbers; False where any reader sees that, or where they are codes or times."""
    digits = counts.index.astype("str")
    zeros = counts[digits.str.fullmatch(r"0\d+")].sum() / counts.sum()
    if zeros > 0.005 and digits.str.fullmatch(r"\d+").all():
        found.texts[name] = f"{zeros:.0%} begin with a zero, e.g. {digits[digits.str.startswith('0')][0]}"
        return False
    if look.plain and digits.str.fullmatch(r"[+-]?\d+").all():
        _look_at_whole_numbers(found, name, pd.to_numeric(pd.Series(digits)), time)
        if name in found.dates:
            return False
    if look.plain and not said_nothing:
        return False
    plain = re.compile(r"[+-]?\d+\.?\d*|\D*")
    example = next((text for text in digits if not plain.fullmatch(text)), digits[0])
    found.numbers[name] = f"numbers, written like {example!r}"
    return True


def _look_at_times(found: Reading, name: str, counts: pd.Series) -> bool:
    """Texts that are times, in one form or in several."""
    first = str(counts.index[0])
    forms = time_forms(counts)
    if forms:
        found.dates[name] = ((forms[0],), f"times, e.g. {first}")
        if len(forms) > 1:
            found.checks.append(f"{name}: {first} fits {forms[0]} and {forms[1]}; no day above 12 tells which is meant")
        return True
    forms = mixed_forms(counts)
    if forms:
        found.dates[name] = (tuple(forms), f"times in {len(forms)} forms, tried in this order")
    return bool(forms)


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
    elif named and low >= 5e14 and high <= 2.5e15:
        found.dates[name] = (("microseconds",), f"microseconds since 1970, e.g. {present.iloc[0]}")
    elif named and low >= 5e17 and high <= 2.5e18:
        found.dates[name] = (("nanoseconds",), f"nanoseconds since 1970, e.g. {present.iloc[0]}")
    elif _EXCEL[0] <= low and high <= _EXCEL[1] and (name == time or re.search(_DAY_NAME, name)):
        found.dates[name] = (("excel",), f"days as Excel counts them, e.g. {present.iloc[0]:g}")
    elif whole and name == time and low >= 1500 and high <= 2200:
        found.dates[name] = (("%Y",), f"years, e.g. {present.iloc[0]}")
