"""Which champions an edit of the project's own functions stops; ``check``, ``deploy`` and ``up`` say so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evergreen.spec import ModelSpec
from evergreen.workspace import Workspace


@dataclass(frozen=True)
class Edited:
    """What is to be said of one champion: it is stopped, or, of one from before 0.2.0, it cannot be compared."""

    model: str
    stopped: bool
    message: str


def edited(here: Workspace, specs: Sequence[ModelSpec]) -> list[Edited]:
    """The champions that do not predict any more, and those of which nobody can tell; nothing is written.

    Args:
        here: The project and its workspace.
        specs: The models.
    """
    if not here.has_records:
        return []
    from evergreen.io.program import functions_of, not_comparable, stopped

    history, results = here.champions, []
    for spec in specs:
        if not (reign := history.champion(spec.model)):
            continue
        why = stopped(reign.version, here.project)
        message = why or not_comparable(reign.version, tuple(functions_of(spec, here.project)))
        if message:
            results.append(Edited(spec.model, bool(why), message))
    return results
