"""Texts among numbers: what makes a column text, what nobody can read, several currencies, and a line of units."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from evergreen.discovery.values import AFFIXED, WRITINGS, NumberLook, means_missing, plain_numbers

#: Different whole numbers up to which words beside them are levels too.
_FEW_LEVELS = 20
_CODE = r"[A-Za-z]{1,4}[-_ ]?\d+|\d+[-_ ]?[A-Za-z]{1,4}"
_UNIT = r"(?i)[(\[{]?[^\W\d]{0,12}[^\d\"']{0,8}(?:[²³]|[/^*·.-]?[a-z]{1,6}-?\d?)?[)\]}]?"


def texts_among(counts: pd.Series, look: NumberLook) -> pd.Series:
    """How often each text stands that is no number.

    Args:
        counts: How often each text stands (texts as index), without the missing ones.
        look: How the numbers are written.
    """
    texts = pd.Series(counts.index.astype("str"), dtype="str").str.strip()
    numbers = texts.str.extract(AFFIXED)["number"]
    readable = pd.Series(False, index=texts.index)
    for writing in look.fits:
        readable |= numbers.str.fullmatch(WRITINGS[writing]).fillna(False).astype(bool)
    return counts[~readable.to_numpy()]


def why_text(counts: pd.Series, odd: pd.Series) -> str:
    """Why a column that is mostly digits is text all the same; empty where it holds numbers.

    Args:
        counts: How often each text stands, without the missing ones.
        odd: Those that are no numbers.
    """
    digits = pd.Series(counts.index.drop(odd.index).astype("str"), dtype="str").str.strip()
    whole = bool(digits.str.fullmatch(r"\d+").all())
    coded = odd.index.astype("str").str.fullmatch(_CODE)
    if len(odd) and whole and odd[coded].sum() > 0.5 * odd.sum():
        return f"codes such as {digits.iloc[0]} and {odd.index[coded][0]}"
    trailing = pd.Series(counts.index.astype("str"), dtype="str").str.fullmatch(r"\d{3,}[A-Za-z]").to_numpy(bool)
    plain = pd.Series(counts.index.astype("str"), dtype="str").str.fullmatch(r"\d{3,}").to_numpy(bool)
    if trailing.any() and plain.any() and (trailing | plain).sum() == len(counts):
        return f"codes such as {counts.index[plain][0]} and {counts.index[trailing][0]}"
    if odd.empty:
        return ""
    levels = f"levels such as {digits.iloc[0]} and {odd.index[0]}"
    if len(digits) == 1:
        return levels
    return levels if whole and len(digits) <= _FEW_LEVELS and odd.max() > 1 else ""


def doubt_of(name: str, odd: pd.Series) -> str:
    """What a person should know of texts that count as missing among a column's numbers; empty where there are none."""
    if odd.empty:
        return ""
    few = ", ".join(f"{text!r} ({count:,})" for text, count in odd.head(3).items())
    more = f" and {len(odd) - 3:,} others" if len(odd) > 3 else ""
    return f"{name}: {int(odd.sum()):,} values are no number and count as missing: {few}{more}; to keep them: texts"


def several_currencies(name: str, counts: pd.Series) -> str:
    """A doubt where a column's numbers carry different currencies or some a percent sign; empty where they do not."""
    texts = pd.Series(counts.index.astype("str"), dtype="str")
    signs = texts.str.extract(r"([$€£¥₹%])")[0].fillna("")
    held = pd.Series(counts.to_numpy()).groupby(signs.to_numpy()).sum().sort_values(ascending=False)
    if len(held) < 2 or held.iloc[1] < 0.005 * held.sum():
        return ""
    said = " and ".join(f"{sign or 'no sign'} in {count:,} rows" for sign, count in held.items())
    kind = "units" if "%" in held.index else "currencies"
    return f"{name}: numbers with {said}: several {kind}, read as one; make one of them in the source, or exclude it"


def find_units(raw: pd.DataFrame) -> dict[str, str]:
    """The cells of a first line that holds units (or other words) under the names, by column; none where it is a row.

    Each column of numbers has something there that is none: in two of them and more, or in all.
    """
    if len(raw) < 20:
        return {}
    first = {str(name): str(value).strip() for name, value in raw.iloc[0].items() if isinstance(value, str)}
    numbers = {name for name in first if _is_number_below(raw[name])}
    units = {name for name in numbers if first[name] and not plain_or_missing(first[name])}
    told = {name for name in units if re.fullmatch(_UNIT, first[name])}
    if not told or len(told) < min(2, len(numbers)) or any(looks_read(first[name]) for name in numbers):
        return {}
    return {name: first[name] for name in first if name in told}


def plain_or_missing(text: str) -> bool:
    """Whether a cell is a number, or a word that every column has for a missing value; a lone dash may be a unit."""
    return text != "-" and means_missing(text, among_texts=False)


def looks_read(text: str) -> bool:
    """Whether a cell is a number in some writing."""
    return any(re.fullmatch(writing, text) for writing in WRITINGS.values())


def _is_number_below(values: pd.Series) -> bool:
    """Whether a column holds numbers alone but for its first cell."""
    if not isinstance(values.dtype, pd.StringDtype):
        return False
    below = values.iloc[1:]
    if plain_numbers(below) is not None:
        return True
    texts = below.iloc[np.linspace(0, len(below) - 1, min(len(below), 500)).astype(int)].dropna().str.strip()
    texts = texts[~texts.map(lambda text: means_missing(text, among_texts=False)).astype(bool)]
    return len(texts) > 0 and bool(texts.map(looks_read).mean() > 0.98)
