"""Everything that Evergreen refuses, as one tree.

EvergreenError
├── SpecError           a YAML (model or suite) that cannot be understood
├── DataError           rows that cannot be read, joined or used
│   ├── EmptyWindow     a window without a single row
│   └── LeakError       a value that was not known at a row's cut-off
├── ValidationFailed    a critical rule broke; nothing was trained or scored
├── TrainingError       no candidate could be fitted
├── StoreError          the workspace cannot be read or written
├── RegistryError       a run or model cannot be logged or found
│   ├── TamperedModel   stored files differ from what was logged
│   ├── FunctionChanged a function of the project is not what a model was trained with
│   └── ChampionMoved   the champion changed while a challenger was judged
└── UsageError          a command that cannot be carried out as it was given
    ├── AnswerAwaited   a training of the model waits for a person's answer
    └── NotRegistered   a run asks for something that `evergreen deploy` has not registered

Each takes one finished message (so that it survives pickling) that says where, what, and what to do. ``exit_code`` is
what the command line ends with.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from evergreen.masking import masked


class EvergreenError(Exception):
    """Any refusal of Evergreen; secrets are masked in its message."""

    exit_code = 1

    def __init__(self, message: str = "") -> None:
        super().__init__(masked(message))


class SpecError(EvergreenError):
    """A YAML file that cannot be understood."""

    exit_code = 2


class DataError(EvergreenError):
    """Rows that cannot be read, joined or used."""

    exit_code = 3


class EmptyWindow(DataError):
    """A window that holds no rows."""


class LeakError(DataError):
    """A value that was not known at a row's cut-off."""


class ValidationFailed(EvergreenError):
    """A critical rule broke."""

    exit_code = 4


class TrainingError(EvergreenError):
    """No candidate could be fitted."""

    exit_code = 5


class StoreError(EvergreenError):
    """The workspace cannot be read or written."""

    exit_code = 6


class RegistryError(EvergreenError):
    """A run or a model that cannot be logged or found."""

    exit_code = 7


class TamperedModel(RegistryError):
    """Stored files differ from what was logged; they were not loaded."""


class FunctionChanged(RegistryError):
    """A function of the project is not what a model was trained with; the model was not loaded."""


class ChampionMoved(RegistryError):
    """The champion changed while a challenger was being judged."""


class UsageError(EvergreenError):
    """A command that cannot be carried out as given."""

    exit_code = 2


class AnswerAwaited(UsageError):
    """A training of the model waits for a person's answer; another one does not begin."""


class NotRegistered(UsageError):
    """A run on a server that asks for something that ``evergreen deploy`` has not registered."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``"; did you mean floors?"`` for a near miss, else the known names, if there are any."""
    names = sorted(set(known))
    near = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    if near:
        return f"; did you mean {near[0]}?"
    return f"; known: {', '.join(names[:20])}" if names else ""
