"""Records that are never rewritten, in one small database of the workspace."""

from evergreen.io.records.champion_history import ChampionHistory
from evergreen.io.records.database import local_records, migrate
from evergreen.io.records.entries import Kind, Reign, TrainingOutcome, TrialRecord
from evergreen.io.records.ledger import LabelBatch, Ledger, Role, Scoring
from evergreen.io.records.monitoring import Freeze, MonitoringRecords
from evergreen.io.records.windows import ReadWindow, Windows

__all__ = [
    "ChampionHistory",
    "Freeze",
    "Kind",
    "LabelBatch",
    "Ledger",
    "MonitoringRecords",
    "ReadWindow",
    "Reign",
    "Role",
    "Scoring",
    "TrainingOutcome",
    "TrialRecord",
    "Windows",
    "local_records",
    "migrate",
]
