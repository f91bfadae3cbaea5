"""What each column of a table holds, as a person would say it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Kind = Literal["empty", "constant", "flag", "number", "level", "text", "time", "id"]

#: Pairs of words that are a yes and a no.
_PAIRS = (
    {"yes", "no"},
    {"y", "n"},
    {"true", "false"},
    {"t", "f"},
    {"on", "off"},
    {"ja", "nein"},
    {"oui", "non"},
    {"si", "no"},
    {"0", "1"},
    {"0.0", "1.0"},
    {"male", "female"},
)
_ID_NAME = (
    r"(?i)(?:^|[^a-z])(?:id|ids|uuid|guid|key|index|idx|rownames?|row|rowid|nr|num|number|serial)(?:$|[^a-z])"
    # Nitric oxide is no number: NO, NO2 and NO(GT) are measured, order_no and Invoice NO are not.
    r"|(?-i:(?:^|[^A-Za-z])[Nn]o(?:$|[^A-Za-z0-9]))|[a-z][ _.-]no$"
    r"|(?-i:^ID[a-z])"
    r"|^Unnamed: 0$"
    r"|(?-i:[a-z]I[dD]$)|_?pk$|^$|customerid|userid|patientid|orderid|caseid|invoice|(?:nummer|kennung|num[eé]ro)$"
)


#: Pairs of equal values that chance would bring, where not to have one is the mark of an id.
_EXPECTED_PAIRS = 15


@dataclass(frozen=True)
class Column:
    """One column: what it holds and the figures that say so.

    ``distinct`` counts values without nulls; ``example`` is its most frequent value; ``low`` and ``high`` are its
    limits where it has an order.
    """

    name: str
    kind: Kind
    rows: int
    missing: int
    distinct: int
    example: str
    reason: str
    whole: bool = False
    low: float | None = None
    high: float | None = None

    @property
    def missing_share(self) -> float:
        """Missing values as a share of the rows."""
        return self.missing / max(self.rows, 1)

    @property
    def named_like_an_id(self) -> bool:
        """Whether its name is one that people give to keys."""
        return named_like_an_id(self.name)


def named_like_an_id(name: str) -> bool:
    """Whether a name is one that people give to keys."""
    return re.search(_ID_NAME, name) is not None


def describe(frame: pd.DataFrame) -> list[Column]:
    """Say what each column holds.

    Args:
        frame: Rows whose values have been read (see ``find_reading``).
    """
    return [_describe(str(name), frame[name]) for name in frame.columns]


def twins(frame: pd.DataFrame) -> dict[str, str]:
    """Columns that repeat an earlier one value by value, each with that one."""
    first: dict[tuple[object, ...], list[str]] = {}
    found = {}
    for name in frame.columns:
        codes, levels = pd.factorize(frame[name])
        # The first levels too: columns of which no value repeats all have the same codes.
        digest = (hash(codes.tobytes()), *levels[:20])
        for other in first.setdefault(digest, []):
            if frame[name].equals(frame[other]):
                found[str(name)] = other
                break
        else:
            first[digest].append(str(name))
    return found


def _describe(name: str, values: pd.Series) -> Column:
    kind = values.dtype
    if pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_bool_dtype(kind):
        return _number(name, values)
    rows, missing = len(values), int(values.isna().sum())
    counts = values.value_counts()
    distinct, present = len(counts), rows - missing
    if not distinct:
        return Column(name, "empty", rows, missing, 0, "", "no value at all")
    example = str(counts.index[0])
    if distinct == 1:
        return Column(name, "constant", rows, missing, 1, example, f"always {_short(example)}")
    if pd.api.types.is_datetime64_any_dtype(kind):
        span = f"{values.min():%Y-%m-%d} to {values.max():%Y-%m-%d}"
        return Column(name, "time", rows, missing, distinct, example, span)
    if distinct == 2:
        return Column(name, "flag", rows, missing, 2, example, _pair(counts.index))
    average = _words_each(values) if distinct > 0.5 * present else 0.0
    if average >= 4:
        return Column(name, "text", rows, missing, distinct, example, f"free text: {average:.0f} words a value")
    if distinct == present and present >= 20 and named_like_an_id(name):
        return Column(name, "id", rows, missing, distinct, example, "a different value in every row")
    if distinct == present and present >= 100 and _are_codes(counts.index):
        said = f"a different code in every row, like {_short(example)}"
        return Column(name, "id", rows, missing, distinct, example, said)
    return Column(name, "level", rows, missing, distinct, example, f"{distinct:,} levels")


def named_like_a_year(name: str) -> bool:
    """Whether a column's name says that it holds years."""
    return bool(re.search(r"(?i)^(?:the_?)?(?:year|yr|jahr|ann[eé]e|a[nñ]o|anno)$", name))


def looks_like_years(column: Column) -> bool:
    """Whether a column of whole numbers may be the year in which a row's event happened."""
    return bool(
        named_like_a_year(column.name) and column.whole and (column.low or 0) >= 1800 and (column.high or 0) <= 2100
    )


def _are_codes(levels: pd.Index) -> bool:
    """Whether nearly all texts are one word of the same build, with digits in it: P17 and P2003, or long hex digits."""
    texts = pd.Series(levels[:5000], dtype="str")
    if texts.str.contains(r"\s", regex=True).any() or not texts.str.contains(r"\d", regex=True).mean() > 0.95:
        return False
    if texts.str.fullmatch(r"[0-9a-fA-F-]{8,}").mean() > 0.95 and texts.str.len().nunique() == 1:
        return True
    builds = texts.str.replace(r"[A-Za-z]+", "A", regex=True).str.replace(r"\d+", "9", regex=True)
    return bool((builds == builds.mode().iloc[0]).mean() > 0.95)


def _words_each(values: pd.Series) -> float:
    return float(values.dropna().head(5000).astype("str").str.count(r"\s+").mean()) + 1


def _number(name: str, values: pd.Series) -> Column:
    rows, missing = len(values), int(values.isna().sum())
    numbers = values.to_numpy("float64", na_value=np.nan)
    ordered = np.sort(numbers[np.isfinite(numbers)])
    if not len(ordered):
        return Column(name, "empty", rows, missing, 0, "", "no finite value")
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    # Whole numbers beyond 2**53 are told apart as they are, not as floats.
    exact = pd.api.types.is_integer_dtype(values.dtype) and max(-ordered[0], ordered[-1]) >= 2**53
    distinct, low, high = values.nunique() if exact else len(starts), float(ordered[0]), float(ordered[-1])
    most = ordered[starts[np.diff(np.append(starts, len(ordered))).argmax()]]
    example = f"{most:g}"
    if distinct == 1:
        return Column(name, "constant", rows, missing, 1, example, f"always {example}")
    if distinct == 2 and (low, high) == (0.0, 1.0):
        return Column(name, "flag", rows, missing, 2, example, _pair([0, 1]))
    whole = bool((ordered[starts] == np.floor(ordered[starts])).all())
    reason = f"{low:.6g} to {high:.6g}"
    differs = whole and not missing and distinct == rows and rows >= 20
    if differs and (named_like_an_id(name) or _counts_rows(numbers) or _drawn_once(low, high, rows)):
        said = f"a different whole number in every row, {reason}"
        return Column(name, "id", rows, 0, distinct, example, said, True, low, high)
    return Column(name, "number", rows, missing, distinct, example, reason, whole, low, high)


def _counts_rows(numbers: NDArray[np.float64]) -> bool:
    return bool((np.abs(np.diff(numbers)) == 1).all())


def _drawn_once(low: float, high: float, rows: int) -> bool:
    """Whether whole numbers that all differ are ids by their values alone.

    Of quantities in such a range some would be equal by chance, about rows**2 / 2 / range of them; and none has fifteen
    digits in every row.
    """
    return rows >= 100 and (rows**2 / 2 / (high - low + 1) >= _EXPECTED_PAIRS or low >= 1e14)


def _pair(levels: Iterable[object]) -> str:
    words = {str(level).strip().casefold() for level in levels}
    said = "a yes and a no" if words in _PAIRS else "two levels"
    return f"{said}: {' and '.join(map(_short, levels))}"


def _short(value: object) -> str:
    text = str(value)
    return repr(text if len(text) <= 40 else text[:37] + "...")
