"""What texts look like to a person: missing, a number in some country's writing, a time in some form."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

#: Texts that every reader of CSV takes for missing.
PLAIN_MISSING = frozenset(
    ["", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA",
     "NULL", "NaN", "None", "n/a", "nan", "null"]
)  # fmt: skip
#: Texts that mean missing wherever they stand.
_NOTHING = frozenset(["?", "??", "-", "--", "---", "\u2014", "\u2013", ".", "..", "...", "*", "#null!", "#div/0!",
                      "#value!", "#ref!", "\\n", "(null)", "[null]", "n.a.", "n.a", "na", "nan", "null", "0000-00-00",
                      "0000-00-00 00:00:00", "00/00/0000", "<na>", "#n/a", "nat"])  # fmt: skip
#: Texts that mean missing among numbers or times, and are a level of their own among texts.
_WORDS = frozenset(["missing", "unknown", "none", "nil", "not available", "not applicable", "n/k", "tbd", "undefined",
                    "no data", "error", "invalid", "unk", "not recorded", "refused"])  # fmt: skip

_PLAIN = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_ENDLESS = r"[+-]?(?i:inf|infinity)"
#: Ways of writing a number: (thousands, decimal) and what it looks like without sign and unit.
WRITINGS: dict[tuple[str | None, str], str] = {
    (None, "."): _PLAIN,
    (",", "."): rf"(?:[+-]?\d{{1,3}}(?:,\d{{3}})+(?:\.\d+)?|{_PLAIN})",
    (".", ","): r"[+-]?(?:\d{1,3}(?:\.\d{3})+|\d+)(?:,\d+)?",
    (" ", "."): rf"(?:[+-]?\d{{1,3}}(?:[\s\u00a0\u202f]\d{{3}})+(?:\.\d+)?|{_PLAIN})",
    (" ", ","): r"[+-]?(?:\d{1,3}(?:[\s\u00a0\u202f]\d{3})+|\d+)(?:,\d+)?",
    ("'", "."): rf"(?:[+-]?\d{{1,3}}(?:'\d{{3}})+(?:\.\d+)?|{_PLAIN})",
}
_CURRENCY = "$€£¥₹"
AFFIXED = rf"^\(?[+\-\u2212]?[\s{_CURRENCY}~]*(?P<number>[+-]?[\d.,'\s\u00a0\u202f]*\d\.?(?:[eE][+-]?\d+)?)[\s%{_CURRENCY}]*(?P<unit>[^\W\d_]*[²³]?(?:/[^\W\d_]+)?)\.?\)?$"  # noqa: E501
#: Letters that scale a number instead of naming its unit; 1.2k and 900 must not become one column of numbers.
_SCALES = frozenset(["k", "m", "b", "bn", "mio", "mrd", "e"])

_DAYS = (
    "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%m.%d.%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%Y.%m.%d", "%d/%m/%y",
    "%m/%d/%y", "%d.%m.%y", "%d-%b-%Y", "%d-%b-%y", "%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%b %d %Y",
    "%Y%m%d", "%Y-%m", "%b %Y", "%B %Y", "%m/%Y", "%a %b %d %Y",
)  # fmt: skip
_MOMENTS = (
    "%Y-%m-%d %H.%M.%S", "%Y-%m-%d %H.%M",
    "%Y-%m-%d %H:%M:%S %Z", "%Y-%m-%d %H:%M:%S.%f %Z", "%Y-%m-%d %H:%M %Z", "%a, %d %b %Y %H:%M:%S %Z",
    "%a, %d %b %Y %H:%M:%S %z", "%d/%b/%Y:%H:%M:%S %z", "%a %b %d %H:%M:%S %Y", "%a %b %d %H:%M:%S %Z %Y",
    "%a %b %d %H:%M:%S %z %Y", "%Y-%m-%d %I:%M:%S %p", "%Y-%m-%d %I:%M %p", "%Y%m%d%H%M%S", "%Y%m%dT%H%M%S",
    "%Y%m%dT%H%M%SZ", "%d%b%Y", "%d-%B-%Y", "%Y-%b-%d", "%B %Y", "%Y %b", "%m-%Y", "%Y/%m", "%Y.%m",
)  # fmt: skip
_CLOCKS = ("", " %H.%M.%S", " %H.%M", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p", "T%H:%M:%S", " %H:%M:%S.%f")
_ISO = r"^\d{4}-\d{2}-\d{2}(?:[ T]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?\s?(?:Z|[+-]\d{2}:?\d{2})?)?$"
#: Pairs of forms that only a day above 12 tells apart.
_TWINS = {"%d/%m": "%m/%d", "%m/%d": "%d/%m", "%d-%m": "%m-%d", "%m-%d": "%d-%m", "%d.%m": "%m.%d", "%m.%d": "%d.%m"}


@dataclass(frozen=True)
class NumberLook:
    """How a column writes its numbers; ``fits`` holds every way of writing in which they may be read."""

    thousands: str | None
    decimal: str
    unit: str
    plain: bool
    fits: frozenset[tuple[str | None, str]] = frozenset(WRITINGS)


def plain_numbers(values: pd.Series) -> pd.Series | None:
    """The numbers that any reader of CSV would read; None where there are none, or texts and codes (``007``) too."""
    texts = pa.array(values, pa.large_string(), from_pandas=True)
    texts = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
    quick = _numbers_alone(texts)
    if quick is not None:
        return quick
    texts = texts.filter(pc.invert(pc.fill_null(pc.is_in(texts, pa.array(PLAIN_MISSING, pa.large_string())), True)))
    if not len(texts) or not pc.all(pc.match_substring_regex(texts, f"^(?:{_PLAIN}|{_ENDLESS})$")).as_py():
        return None
    if pc.any(pc.match_substring_regex(texts, r"^0\d")).as_py():
        return None
    whole = pc.all(pc.match_substring_regex(texts, r"^[+-]?\d{1,18}$")).as_py()
    plain = pc.replace_substring_regex(texts, r"^\+", "")
    return pd.Series(pc.cast(plain, pa.int64() if whole else pa.float64()).to_pandas())


def _numbers_alone(texts: pa.Array) -> pd.Series | None:
    """The numbers of a column that holds nothing else, as most do; None where a closer look is needed."""
    try:
        found = pc.cast(texts, pa.float64())
    except pa.ArrowInvalid:
        return None
    if texts.null_count or not len(texts) or pc.any(pc.is_nan(found)).as_py():
        return None
    if pc.any(pc.match_substring_regex(texts, r"^(?:0\d|\s)|\s$")).as_py():
        return None
    with suppress(pa.ArrowInvalid):
        found = pc.cast(texts, pa.int64())
    return pd.Series(found.to_pandas())


def ends_in_blanks(values: pd.Series) -> bool:
    """Whether some text has a blank behind it."""
    texts = pa.array(values, pa.large_string(), from_pandas=True)
    return bool(pc.any(pc.match_substring_regex(texts, r"\s$")).as_py())


def means_missing(text: str, among_texts: bool) -> bool:
    """Whether a person reads this text as a missing value."""
    word = text.strip().casefold()
    return not word or text.strip() in PLAIN_MISSING or word in _NOTHING or (not among_texts and word in _WORDS)


def number_look(counts: pd.Series, enough: float = 0.98, decimal_comma: bool = False) -> NumberLook | None:
    """How texts write numbers, or None where they are none.

    Args:
        counts: How often each text stands (texts as index), without the missing ones.
        enough: The share of values that must be numbers.
        decimal_comma: Prefer a decimal comma where both readings fit.
    """
    texts = pd.Series(counts.index.astype("str"), dtype="str").str.strip()
    parts = texts.str.extract(AFFIXED)
    weights = counts.to_numpy(dtype=float)
    total = weights.sum()
    if not total or weights[parts["number"].notna().to_numpy()].sum() < enough * total:
        return None
    units = {_singular(unit) for unit in parts["unit"].dropna().unique()} - {""}
    if len(units) > 1 or units & _SCALES:
        return None
    writings = list(WRITINGS)
    if decimal_comma and not texts.str.fullmatch(r"[+-]?\d+").all():
        writings.sort(key=lambda writing: writing[1] != ",")
    fits = []
    for writing in writings:
        fitting = parts["number"].str.fullmatch(WRITINGS[writing]).fillna(False).astype(bool)
        if weights[fitting.to_numpy()].sum() >= enough * total:
            fits.append(writing)
    if not fits:
        return None
    thousands, decimal = fits[0]
    plain = thousands is None and bool(texts.str.fullmatch(_PLAIN).all())
    return NumberLook(thousands, decimal, next(iter(units), ""), plain, frozenset(fits))


def several_units(counts: pd.Series, enough: float = 0.98) -> list[str]:
    """The units, or scales such as k and M, behind which numbers stand; empty where the texts are no numbers."""
    texts = pd.Series(counts.index.astype("str"), dtype="str").str.strip()
    parts = texts.str.extract(AFFIXED)
    weights = counts.to_numpy(dtype=float)
    held = parts["number"].notna().to_numpy()
    if not weights.sum() or weights[held].sum() < enough * weights.sum():
        return []
    units = sorted({_singular(unit) for unit in parts.loc[held, "unit"].fillna("").unique()})
    return units if len(units) > 1 and len(units) < 0.2 * len(texts) else []


def mixed_forms(counts: pd.Series, enough: float = 0.98) -> list[str]:
    """Up to four forms of which one fits each of nearly all texts; none where they are no times.

    Args:
        counts: How often each text stands (texts as index), without the missing ones.
        enough: The share of values that must fit.
    """
    texts = pd.Series(counts.index.astype("str"), dtype="str").str.strip()
    if texts.str.contains(r"\d.*(?:19|20)\d\d|(?:19|20)\d\d.*\d", regex=True).mean() < enough:
        return []
    total, found = len(texts), list[str]()
    while len(texts) > (1 - enough) * total and len(found) < 4:
        if texts.str.match(_ISO).mean() >= 0.05:
            found.append("iso")
            texts = texts[~texts.str.match(_ISO)]
            continue
        first = texts.iloc[:: max(len(texts) // 40, 1)]
        shares = {form: float(_fits(first, form).mean()) for form in _forms()}
        best = max(shares, key=lambda form: shares[form])
        if shares[best] < 0.05:
            return []
        found.append(best)
        texts = texts[~_fits(texts, best)]
    return found if len(texts) <= (1 - enough) * total else []


def time_forms(counts: pd.Series, enough: float = 0.98) -> list[str]:
    """The forms that fit nearly all texts: none where they are no times, two where day and month may be swapped.

    Args:
        counts: How often each text stands (texts as index), without the missing ones.
        enough: The share of values that must fit.
    """
    texts = pd.Series(counts.index.astype("str"), dtype="str").str.strip()
    weights = counts.to_numpy(dtype=float)
    if texts.empty or texts.str.contains(r"\d{2}", regex=True).mean() < enough:
        return []
    if weights[texts.str.match(_ISO).to_numpy()].sum() >= enough * weights.sum():
        return ["iso"]
    first = texts.iloc[:20]
    for form in _forms():
        if _fits(first, form).mean() >= 0.8 and weights[_fits(texts, form)].sum() >= enough * weights.sum():
            twin = next((form.replace(a, b, 1) for a, b in _TWINS.items() if form.startswith(a)), None)
            also = twin is not None and weights[_fits(texts, twin)].sum() >= enough * weights.sum()
            return [form, str(twin)] if also else [form]
    return []


def _fits(texts: pd.Series, form: str) -> NDArray[np.bool_]:
    return np.asarray(pd.to_datetime(texts, format=form, errors="coerce").notna(), dtype=bool)


def _forms() -> Iterator[str]:
    for day, clock in product(_DAYS, _CLOCKS):
        yield day + clock
    yield from _MOMENTS


def _singular(unit: str) -> str:
    word = unit.casefold()
    return word[:-1] if len(word) > 2 and word.endswith("s") else word


def looks_like_data(text: str) -> bool:
    """Whether a cell of the first line is more likely a value than a name: a number or a time."""
    text = text.strip()
    return any(re.fullmatch(writing, text) for writing in WRITINGS.values()) or bool(re.match(_ISO, text))
