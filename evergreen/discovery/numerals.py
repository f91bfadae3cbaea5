"""One way of writing numbers for a whole file: what parts thousands, and what parts decimals."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from evergreen.discovery.reading import Reading
from evergreen.discovery.values import PLAIN_MISSING, NumberLook, plain_numbers

#: A number in which a dot may part thousands as well as decimals.
_DOTTED = r"[+-]?[1-9]\d{0,2}(?:\.\d{3})+"


def settle(found: Reading, looks: Mapping[str, NumberLook]) -> None:
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


def look_at_dots(found: Reading, rows: pd.DataFrame, decimal_comma: bool) -> None:
    """Numbers such as 617.333, which any reader takes for decimals, where a dot parts thousands in the file.

    Where some other column has decimals behind a dot, both may be meant, and the numbers are left as they are.
    """
    european = found.decimal == "," and found.thousands == "."
    if not european and not decimal_comma:
        return
    european = european and not any(_has_dot_decimals(rows[name]) for name in rows.columns)
    known = {*found.numbers, *found.dates, *found.texts}
    for name in map(str, rows.columns):
        if name in known or not isinstance(rows[name].dtype, pd.StringDtype):
            continue
        texts = rows[name].dropna().str.strip()
        texts = texts[~texts.isin(PLAIN_MISSING)]
        dotted = texts.str.fullmatch(_DOTTED)
        if dotted.sum() < 3 or not (dotted | texts.str.fullmatch(r"[+-]?\d{1,3}")).all():
            continue
        example = texts[dotted].iloc[0]
        doubt = f"{name}: is {example} a decimal, or are its dots thousands?"
        if european:
            found.numbers[name] = f"numbers, written like {example!r}: with decimal commas a dot parts thousands"
            found.checks.append(f"{doubt} Read as thousands; if they are decimals, take it out of numbers")
        else:
            found.checks.append(f'{doubt} If so: numbers: [{name}], thousands: ".", decimal: ","')


def _has_dot_decimals(values: pd.Series) -> bool:
    """Whether a column's numbers are plain ones, with a dot that cannot part thousands."""
    if not isinstance(values.dtype, pd.StringDtype) or plain_numbers(values) is None:
        return False
    texts = values.dropna().str.strip()
    return bool((texts.str.contains(".", regex=False) & ~texts.str.fullmatch(_DOTTED)).any())
