"""Following the records: which version serves each model, swapped as one reference once it is ready."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from evergreen.errors import EvergreenError
from evergreen.handoffs import ModelVersion
from evergreen.serving.served import ServedVersion
from evergreen.spec import ModelSpec

logger = logging.getLogger(__name__)

#: Seconds between two looks at the records: a promotion serves within two.
_EVERY = 0.5


class Records(Protocol):
    """What the server asks the records for."""

    def champion(self, model: str) -> tuple[ModelVersion, datetime] | None:
        """The reigning champion and since when, or None before the first."""
        ...

    def load(self, version: ModelVersion) -> Any:
        """Its fitted Pipeline; its files are compared with their digest."""
        ...


@dataclass(frozen=True)
class State:
    """A model as it serves: its version, if there is one, and why it is degraded, if it is."""

    served: ServedVersion | None = None
    degraded: str = ""


class Champions:
    """The versions that serve.

    Args:
        specs: The models' files, by name.
        records: The records.
    """

    def __init__(self, specs: Mapping[str, ModelSpec], records: Records) -> None:
        self.specs = dict(specs)
        self._records = records
        self._states: dict[str, State] = {name: State() for name in specs}
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def __getitem__(self, model: str) -> State:
        """The state of a model.

        Raises:
            KeyError: it is not served here.
        """
        return self._states[model]

    def states(self) -> dict[str, State]:
        """All, by name."""
        return dict(self._states)

    def follow(self) -> None:
        """Look at the records again and again, in a thread of its own, until ``end``."""
        self._thread = threading.Thread(target=self._follow, name="champions", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Look no more."""
        self._ended.set()
        if self._thread:
            self._thread.join()

    def look(self) -> None:
        """Look at the records once; what has changed is loaded, tried and swapped in."""
        for name, spec in self.specs.items():
            state = self._states[name]
            try:
                self._states[name] = self._looked(name, spec, state)
            except Exception as error:  # a fault of one model must not end the others
                why = str(error) if isinstance(error, EvergreenError) else f"{type(error).__name__}: {error}"
                if why != state.degraded:
                    logger.error("%s: degraded: %s", name, why)
                self._states[name] = State(state.served, why)

    def _looked(self, name: str, spec: ModelSpec, state: State) -> State:
        found = self._records.champion(name)
        if found is None:
            return State(None, "there is no champion yet; run: evergreen train " + name)
        version, since = found
        served = state.served
        if served is not None and served.version == version:
            return state if not state.degraded else State(served)
        made = ServedVersion(spec, self._records.load(version), version, since)
        logger.info("%s: version %d serves", name, version.version)
        return State(made)

    def _follow(self) -> None:
        while not self._ended.wait(_EVERY):
            self.look()
