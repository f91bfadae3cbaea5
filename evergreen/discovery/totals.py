"""Lines of a table that are no rows: totals and means that a report or a spreadsheet has under its columns."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

_WORDS = frozenset(
    ["total", "totals", "grand total", "subtotal", "sum", "overall", "average", "mean", "summe", "gesamt",
     "gesamtsumme", "insgesamt", "gesamtergebnis", "mittelwert", "durchschnitt", "total general", "totale", "somme",
     "suma", "totaal", "totalt", "summa", "razem"]
)  # fmt: skip
#: Such words as a share of the rows: a level that is called total stands more often.
_MOST = 0.002


def find_totals(raw: pd.DataFrame, complete: bool = True) -> dict[str, dict[str, str]]:
    """Texts by column that mark lines of totals, each with the figures that say so.

    Such a text is a line's first value, stands in next to no other line, and at least a third of the cells beside it
    are empty although hardly any other row lacks them. A text that some full row has too marks none: every line with it
    would be left out.

    Args:
        raw: Values as they stand in the source.
        complete: Whether these are all rows, so that a line's number is that of the source.
    """
    names = [str(name) for name in raw.columns]
    empty: pd.DataFrame | None = None
    of = "data" if complete else "sample"
    found: dict[str, dict[str, str]] = {}
    for place, name in enumerate(names):
        told = _places(raw[name])
        if not 0 < len(told) <= max(2, _MOST * len(raw)):
            continue
        empty = _empty(raw) if empty is None else empty
        usual = [other for other in names if other != name and empty[other].mean() < 0.05]
        lines: dict[str, list[str]] = {}
        for at in told:
            lacks = int(empty[usual].iloc[at].sum())
            none = usual and 3 * lacks >= len(usual) and bool(empty[names[:place]].iloc[at].all())
            said = f"line {at + 1} of the {of}: {lacks} of {len(usual)} cells that other rows fill are empty"
            lines.setdefault(str(raw[name].iloc[at]).strip(), []).append(said if none else "")
        marks = {text: said[-1] for text, said in lines.items() if all(said)}
        if marks:
            found[name] = marks
    return found


def without_totals(raw: pd.DataFrame, totals: dict[str, dict[str, str]]) -> pd.DataFrame:
    """The rows that are no totals."""
    for name, texts in totals.items():
        raw = raw[~raw[name].astype("str").str.strip().isin(list(texts)).to_numpy()]
    return raw


def _places(values: pd.Series) -> list[int]:
    """Where a column holds such a word."""
    if not isinstance(values.dtype, pd.StringDtype):
        return []
    texts = pa.chunked_array([pa.array(values, pa.large_string(), from_pandas=True)])
    plain = pc.utf8_lower(pc.utf8_rtrim(pc.utf8_trim_whitespace(texts), ": "))
    told = pc.fill_null(pc.is_in(plain, pa.array(sorted(_WORDS), pa.large_string())), False)
    return [int(at) for at in np.flatnonzero(told.to_numpy())]


def _empty(raw: pd.DataFrame) -> pd.DataFrame:
    """Cells without a value, and with blanks alone."""

    def of(values: pd.Series) -> pd.Series:
        blank = values.str.strip() == "" if isinstance(values.dtype, pd.StringDtype) else False
        return values.isna() | blank

    return raw.apply(of)
