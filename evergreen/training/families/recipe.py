"""What a candidate is before it sees a row."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from evergreen.training.families.calibration import EVEN
from evergreen.training.rows.recency import ALL

#: The family of a recipe that mixes others.
ENSEMBLE = "ensemble"


@dataclass(frozen=True)
class Recipe:
    """Everything that is fixed about a candidate before it sees a row.

    ``params_json`` is canonical JSON text of the estimator's parameters: hashable, comparable, storable. Those of an
    ensemble are its members' recipes and their weights. ``recency`` says how far back a fit looks (see
    ``training.rows.recency``), ``shifts`` by how much quantiles are moved, ``view`` which inputs are used (see
    ``training.search.input_selection``), ``calibration`` how probabilities are bent, ``threshold`` from which
    probability class 1 is decided (see ``calibration``), and ``bag`` which random weights rows have (see ``bagging``),
    0 for none.
    """

    name: str
    family: str
    params_json: str
    class_weight: str = "none"
    recency: str = ALL
    shifts: tuple[float, ...] = ()
    view: str = ""
    calibration: tuple[float, ...] = ()
    threshold: float = EVEN
    bag: int = 0

    @property
    def params(self) -> dict[str, Any]:
        """The estimator's parameters."""
        return dict(json.loads(self.params_json))

    @property
    def members(self) -> tuple[Recipe, ...]:
        """The recipes that an ensemble mixes; none of a single model."""
        if self.family != ENSEMBLE:
            return ()
        return tuple(Recipe.from_json(json.dumps(member)) for member in self.params["members"])

    @property
    def shares(self) -> tuple[float, ...]:
        """What each member counts; of a single model 1."""
        return tuple(self.params["weights"]) if self.family == ENSEMBLE else (1.0,)

    def with_params(self, **changed: Any) -> Recipe:
        """The same recipe with other parameters."""
        return replace(self, params_json=canonical(self.params | changed))

    def to_json(self) -> str:
        """Canonical JSON text, equal for equal recipes."""
        rest: dict[str, Any] = {"recency": self.recency} if self.recency != ALL else {}
        rest |= {"shifts": list(self.shifts)} if self.shifts else {}
        rest |= {"view": self.view} if self.view else {}
        rest |= {"calibration": list(self.calibration)} if self.calibration else {}
        rest |= {"threshold": self.threshold} if self.threshold != EVEN else {}
        rest |= {"bag": self.bag} if self.bag else {}
        return canonical(
            {"name": self.name, "family": self.family, "class_weight": self.class_weight, "params": self.params} | rest
        )

    @classmethod
    def from_json(cls, text: str) -> Recipe:
        """The recipe that ``to_json`` wrote."""
        content = json.loads(text)
        return cls(
            content["name"], content["family"], canonical(content["params"]), content["class_weight"],
            content.get("recency", ALL), tuple(content.get("shifts", ())), content.get("view", ""),
            tuple(content.get("calibration", ())), content.get("threshold", EVEN), content.get("bag", 0),
        )  # fmt: skip

    @classmethod
    def mixing(cls, members: Sequence[Recipe], weights: Sequence[float]) -> Recipe:
        """The recipe of an ensemble; of one that is mixed in, the members."""
        parts = [
            (part, weight * share)
            for member, weight in zip(members, weights, strict=True)
            for part, share in zip(member.members or [member], member.shares, strict=True)
        ]
        content = {"members": [json.loads(one.to_json()) for one, _ in parts], "weights": [share for _, share in parts]}
        return cls(ENSEMBLE, ENSEMBLE, canonical(content), members[0].class_weight, view=members[0].view)


def canonical(content: Mapping[str, Any]) -> str:
    """JSON text that is equal for equal content."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"))
