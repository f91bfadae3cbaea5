"""The tables of 0.1: what a workspace of that version holds already, and a new database begins with."""

import sqlalchemy as sql
from alembic import op

revision = "0001"
down_revision = None

_text, _number, _real = sql.Text, sql.Integer, sql.Float
#: Name, key, further columns; a question mark after a name: it may be empty.
_TABLES: dict[str, tuple[dict[str, type], dict[str, type]]] = {
    "champion_history": (
        {"model": _text, "sequence": _number},
        {"version": _number, "detail": _text, "kind": _text, "as_of": _text, "who": _text, "at": _text, "why": _text,
         "evidence?": _text},
    ),
    "verdicts": (
        {"model": _text, "run_key": _text},
        {"as_of": _text, "cause": _text, "at": _text, "detail": _text, "verdict": _text, "evidence?": _text},
    ),
    "measurements": ({"model": _text, "version": _number, "run_key": _text}, {"evidence": _text, "at": _text}),
    "quarantine": ({"model": _text, "snapshot": _text, "row_key": _text, "rule": _text}, {"at": _text}),
    "quarantine_releases": ({"model": _text, "row_key": _text}, {"who": _text, "why": _text, "at": _text}),
    "scorings": (
        {"model": _text, "role": _text, "until": _text},
        {"since": _text, "uri": _text, "features": _text, "rows": _number, "version": _number, "as_of": _text,
         "at": _text, "seconds": _real, "peak_mb": _real},
    ),
    "label_batches": (
        {"model": _text, "as_of": _text}, {"uri": _text, "rows": _number, "corrected": _number, "at": _text},
    ),
    "health": ({"model": _text, "start": _text, "as_of": _text}, {"version": _number, "detail": _text, "at": _text}),
    "retraining_decisions": (
        {"model": _text, "as_of": _text}, {"cause": _text, "fire": _number, "detail": _text, "at": _text},
    ),
    "closed_causes": ({"model": _text, "cause": _text}, {"as_of": _text, "why": _text, "at": _text}),
    "probations": (
        {"model": _text, "sequence": _number},
        {"worse": _number, "better": _number, "why": _text, "as_of": _text, "at": _text},
    ),
    "snapshots": (
        {"model": _text, "since": _text, "until": _text, "as_of": _text}, {"uri": _text, "at": _text},
    ),
    "freezes": (
        {"model": _text, "sequence": _number}, {"frozen": _number, "who": _text, "why": _text, "at": _text},
    ),
}  # fmt: skip


def upgrade() -> None:
    """Make the tables."""
    for table, (keys, columns) in _TABLES.items():
        op.create_table(
            table,
            *(sql.Column(name, kind, primary_key=True, autoincrement=False) for name, kind in keys.items()),
            *(sql.Column(name.rstrip("?"), kind, nullable=name.endswith("?")) for name, kind in columns.items()),
        )
