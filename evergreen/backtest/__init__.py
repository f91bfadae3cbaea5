"""A model played through time in memory: what each retraining policy would have brought and cost.

The pure stages are those of the real flows, and a test holds models, values and verdicts equal to theirs on the same
days. This is the one other place where the order of the stages is written.
"""

from evergreen.backtest.cost import Cost
from evergreen.backtest.life import Arm, Life, Trained, calendar, play
from evergreen.backtest.picture import picture, table
from evergreen.backtest.results import HINDSIGHT, NEVER, ArmResult, live_result, recommend, results
from evergreen.backtest.world import Contested, Fit, Replay, World

__all__ = [
    "HINDSIGHT",
    "NEVER",
    "Arm",
    "ArmResult",
    "Contested",
    "Cost",
    "Fit",
    "Life",
    "Replay",
    "Trained",
    "World",
    "calendar",
    "live_result",
    "picture",
    "play",
    "recommend",
    "results",
    "table",
]
