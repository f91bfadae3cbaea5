"""The tables of the records, as the newest revision has them; ``revisions/`` says how each came to be."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sql

TABLES = sql.MetaData()


def _table(name: str, keys: dict[str, Any], **columns: Any) -> sql.Table:
    """A table of texts and numbers; optional columns are given as a tuple ``(type,)``."""
    return sql.Table(
        name,
        TABLES,
        *(sql.Column(key, kind, primary_key=True, autoincrement=False) for key, kind in keys.items()),
        *(
            sql.Column(column, kind[0]) if isinstance(kind, tuple) else sql.Column(column, kind, nullable=False)
            for column, kind in columns.items()
        ),
    )


_text, _number = sql.Text, sql.Integer

CHAMPIONS = _table(
    "champion_history", {"model": _text, "sequence": _number},
    version=_number, detail=_text, kind=_text, as_of=_text, who=_text, at=_text, why=_text, evidence=(_text,),
)  # fmt: skip
VERDICTS = _table(
    "verdicts", {"model": _text, "run_key": _text},
    sequence=_number, as_of=_text, cause=_text, at=_text, detail=_text, verdict=_text, evidence=(_text,),
)  # fmt: skip
MEASUREMENTS = _table(
    "measurements", {"model": _text, "version": _number, "run_key": _text}, evidence=_text, at=_text
)  # fmt: skip
QUARANTINE = _table("quarantine", {"model": _text, "snapshot": _text, "row_key": _text, "rule": _text}, at=_text)
RELEASES = _table("quarantine_releases", {"model": _text, "row_key": _text}, who=_text, why=_text, at=_text)
#: The index of the prediction ledger: one stored table covers the cut-offs in (since, until] of one role.
SCORINGS = _table(
    "scorings", {"model": _text, "role": _text, "until": _text},
    since=_text, uri=_text, features=_text, rows=_number, version=_number, as_of=_text, at=_text, seconds=sql.Float,
    peak_mb=sql.Float,
)  # fmt: skip
#: The index of the label ledger: one stored table holds the labels that became known in a run as of ``as_of``.
LABELS = _table(
    "label_batches", {"model": _text, "as_of": _text}, uri=_text, rows=_number, corrected=_number, at=_text
)  # fmt: skip
HEALTH = _table("health", {"model": _text, "start": _text, "as_of": _text}, version=_number, detail=_text, at=_text)
FIRINGS = _table(
    "retraining_decisions", {"model": _text, "as_of": _text}, cause=_text, fire=_number, detail=_text, at=_text
)
#: Causes whose training ended without a verdict, and why.
CLOSINGS = _table("closed_causes", {"model": _text, "cause": _text}, as_of=_text, why=_text, at=_text)
TRIALS = _table(
    "probations", {"model": _text, "sequence": _number},
    worse=_number, better=_number, why=_text, as_of=_text, at=_text,
)  # fmt: skip
#: Windows of event time that were read, without their run-up; texts that sort, empty for no bound.
SNAPSHOTS = _table(
    "snapshots", {"model": _text, "since": _text, "until": _text, "as_of": _text}, uri=_text, at=_text
)  # fmt: skip
FREEZES = _table("freezes", {"model": _text, "sequence": _number}, frozen=_number, who=_text, why=_text, at=_text)
