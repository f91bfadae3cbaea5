"""How a file of text is laid out: its encoding, what separates its fields, and where its table begins."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import pandas as pd
from charset_normalizer import from_bytes

from evergreen.discovery.values import looks_like_data

_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_SEPARATORS = ",;\t|^~"
#: Lines that are looked at, and lines that may stand before the table.
_LINES, _MOST_BEFORE = 200, 30
_HIGH = re.compile(rb"[\x80-\xff]+")
#: The share of odd neighbours among the letters up to which charset-normalizer takes a text for one: names are odd.
_MESS = 0.5
#: Encodings of other alphabets than the Western one that files of tables come in.
_ALPHABETS = (
    "cp1251", "koi8_r", "iso8859_5", "cp1253", "cp1255", "cp1256", "shift_jis", "euc_jp", "gb18030", "big5", "euc_kr",
)  # fmt: skip


@dataclass(frozen=True)
class Layout:
    """How a file of text is laid out, where that differs from UTF-8 whose first line names the columns.

    Attributes:
        encoding: As Python calls it; None for UTF-8.
        separator: None where the header's most frequent of comma, semicolon, tab and bar is it; a blank for blanks.
        skip: Lines before the table.
        names: The columns' names where the header lacks that of the first one, as R writes it.
        reasons: Why, by the attribute's name.
    """

    encoding: str | None = None
    separator: str | None = None
    skip: int = 0
    names: tuple[str, ...] = ()
    reasons: dict[str, str] = field(default_factory=dict)


def find_encoding(data: bytes) -> tuple[str | None, str]:
    """The encoding of some whole lines of a file, and why it is thought to be; None for UTF-8.

    Other alphabets are told apart by charset-normalizer; what nobody can tell apart (the languages of one code page) is
    left to a person.
    """
    if data.startswith(_UTF_16):
        return "utf-16", "the file says so in its first two bytes"
    if data.count(b"\0") > len(data) // 5:
        big = data[0::2].count(b"\0") > data[1::2].count(b"\0")
        return ("utf-16-be" if big else "utf-16-le"), "every other byte is zero"
    try:
        data.decode("utf-8")
        return None, ""
    except UnicodeDecodeError as error:
        at = error.start
    name = _code_page(data)
    shown = data[max(data.rfind(b"\n", 0, at) + 1, at - 20) : at + 12].split(b"\n")[0].decode(name, "replace")
    return name, f"byte {at} is no UTF-8; read so it is {shown!r}: does that look right?"


def _code_page(data: bytes) -> str:
    runs = [run for run in _HIGH.findall(data) if not _decodes(run, "utf-8")]
    if sum(map(len, runs)) >= 1.7 * len(runs):  # in Western texts, which are the likeliest, an accent stands alone
        best = from_bytes(data, cp_isolation=list(_ALPHABETS), threshold=_MESS).best()
        if best is not None:
            return str(best.encoding)
    return "cp1252" if _decodes(data, "cp1252") else "latin-1"


def _decodes(data: bytes, name: str) -> bool:
    try:
        data.decode(name)
        return True
    except UnicodeDecodeError:
        return False


def find_layout(lines: Sequence[str], usual: str, encoding: tuple[str | None, str] = (None, "")) -> Layout:
    """How a table stands in its first lines.

    Args:
        lines: The file's first lines.
        usual: What the reader takes for the separator by the first line alone.
        encoding: From :func:`find_encoding`.
    """
    lines = [line.rstrip("\r\n") for line in lines[:_LINES]]
    reasons = {"encoding": encoding[1]} if encoding[0] else {}
    separator, fields = _separator(lines, usual)
    if fields < 2:
        return Layout(encoding[0], None, 0, (), reasons)
    rows = [_fields([line], separator)[0] if line.strip() else [] for line in lines]
    each = [len(row) for row in rows]
    first = _below_titles(rows, fields, next((at for at, count in enumerate(each) if count == fields), 0))
    names: tuple[str, ...] = ()
    skip = first if first <= _MOST_BEFORE else 0
    if first == 1 and each[0] == fields - 1 >= 1:
        closed = sum(line.rstrip().endswith(separator) for line in lines[1:] if line.strip())
        if closed > 0.9 * (len(lines) - 1):
            skip = 0  # each line of data ends with a separator that says nothing
        else:
            names = ("row", *(name.strip() for name in _fields([lines[0]], separator)[0]))
            reasons["names"] = "the first line has one name less than the others have values, as R writes it"
    if skip and not names:
        reasons["skip"] = f"before the table stands {lines[0][:60]!r}"
    if separator != usual:
        reasons["separator"] = f"splits the lines into {fields} fields each"
    return Layout(encoding[0], separator if separator != usual or skip else None, skip, names, reasons)


def _below_titles(rows: Sequence[Sequence[str]], fields: int, first: int) -> int:
    """The first line that is full of names, where above it stand titles that a spreadsheet has padded to all fields."""
    filled = [sum(bool(cell.strip()) for cell in row) for row in rows]
    usual = sorted(count for row, count in zip(rows, filled, strict=True) if len(row) == fields)
    most = usual[len(usual) // 2] if usual else 0
    at = first
    while at < min(len(rows), _MOST_BEFORE) and 2 * filled[at] <= most:
        at += 1
    names = [cell.strip() for cell in rows[at]] if at < len(rows) else []
    full = len(names) == fields and len(set(names)) == fields and all(names)
    return at if full and not any(map(looks_like_data, names)) else first


def _separator(lines: Sequence[str], usual: str) -> tuple[str, int]:
    """What splits most lines into the same number of fields, and that number; the usual one where it does."""
    found = {}
    for separator in _SEPARATORS:
        counts = Counter(len(row) for row in _fields(lines, separator) if row)
        fields, often = max(counts.items(), key=lambda one: (one[1], one[0]), default=(1, 0))
        found[separator] = (fields, often / max(counts.total(), 1))
    fields, share = found[usual]
    # Decimal commas split each line of data alike, but not the line of names: what splits that too is meant.
    better = any(split >= 2 and often > max(share, 0.9) for one, (split, often) in found.items() if one in "\t;|")
    if fields >= 2 and share >= 0.5 and not better:
        return usual, fields
    best = max(found, key=lambda one: (found[one][0] >= 2 and found[one][1] >= 0.8, found[one][1], found[one][0]))
    if found[best][0] >= 2 and found[best][1] >= 0.8:
        return best, found[best][0]
    return (" ", _blanks(lines)) if _blanks(lines) else (usual, fields)


def _blanks(lines: Sequence[str]) -> int:
    """How many fields blanks split the lines into; 0 for prose."""
    rows = [line.split() for line in lines if line.strip()]
    counts = Counter(map(len, rows))
    fields, often = counts.most_common(1)[0] if counts else (0, 0)
    numbers = sum(bool(re.fullmatch(r"[+-]?[\d.,]+(?:[eE][+-]?\d+)?", cell)) for row in rows for cell in row)
    told = fields >= 2 and often >= 0.9 * len(rows) and numbers >= 0.3 * fields * len(rows)
    return fields if told else 0


def _fields(lines: Sequence[str], separator: str) -> list[list[str]]:
    if separator == " ":
        return [line.split() for line in lines]
    try:
        return list(csv.reader(lines, delimiter=separator, skipinitialspace=True)) or [[]]
    except csv.Error:
        return [line.split(separator) for line in lines]


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


def _share_of_data(values: pd.Series) -> float:
    present = values.dropna().astype("str").str.strip()
    present = present[present != ""].head(200)
    return float(present.map(looks_like_data).mean()) if len(present) else 0.0
