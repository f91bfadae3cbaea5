"""Records that are never rewritten, in one small database of the workspace."""

from evergreen.io.records.champions import Records
from evergreen.io.records.history import Decision, Kind, Reign, TrialRecord
from evergreen.io.records.ledger import LabelBatch, Ledger, Role, Scoring
from evergreen.io.records.watching import Freeze, Watching
from evergreen.io.records.windows import Seen, Windows

__all__ = [
    "Decision",
    "Freeze",
    "Kind",
    "LabelBatch",
    "Ledger",
    "Records",
    "Reign",
    "Role",
    "Scoring",
    "Seen",
    "TrialRecord",
    "Watching",
    "Windows",
]
