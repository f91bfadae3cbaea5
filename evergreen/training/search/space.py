"""What is searched beyond the portfolio, and in which order: by Optuna's TPE, at random, or by a grid."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from evergreen.errors import TrainingError, did_you_mean
from evergreen.training.families.catalogue import family
from evergreen.training.families.family import Space, Values
from evergreen.training.families.recipe import Recipe, canonical

logger = logging.getLogger(__name__)

#: Points of a range in a grid, and the ratio of a range's ends from which steps are equal in the logarithm.
_POINTS, _WIDE = 4, 10.0
#: Random trials before TPE models what was found.
_STARTUP = 6


def proposals(
    kind: str, base: Recipe, space: Space, known: Sequence[tuple[Recipe, float]], greater: bool, seed: int
) -> Generator[Recipe, float, None]:
    """Recipes to try next; each is answered by ``send`` with its value before the next one is asked for.

    What is proposed depends on the answers alone, never on time.

    Args:
        kind: ``bayes``, ``random`` or ``grid``.
        base: Gives all parameters that are not searched.
        space: What is searched.
        known: Finished candidates of the same family, with their values: ``bayes`` learns from them.
        greater: Whether larger values are better.
        seed: Of the choices.

    Raises:
        TrainingError: the family has no such parameter.
    """
    for name in space:
        if name not in base.params:
            known_names = sorted(base.params)
            raise TrainingError(
                f"training.space.{base.family}.{name}: no such parameter{did_you_mean(name, known_names)}; there are "
                f"{', '.join(known_names)}"
            )
    if kind == "bayes":
        yield from _bayes(base, space, known, greater, seed)
    elif kind == "random":
        rng = np.random.default_rng(seed)
        for number in itertools.count(1):
            yield _changed(base, {name: _drawn(values, rng) for name, values in space.items()}, number)
    else:
        grid = itertools.product(*(_points(values) for values in space.values()))
        for number, point in enumerate(grid, start=1):
            yield _changed(base, dict(zip(space, point, strict=True)), number)


def _bayes(
    base: Recipe, space: Space, known: Sequence[tuple[Recipe, float]], greater: bool, seed: int
) -> Generator[Recipe, float, None]:
    """Tree-structured Parzen estimator (Bergstra et al. 2011, Algorithms for hyper-parameter optimization)."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=_STARTUP)
    study = optuna.create_study(sampler=sampler, direction="maximize" if greater else "minimize")
    spread = {name: _distribution(values) for name, values in space.items()}
    for recipe, value in known:
        point = {name: _inside(recipe.params[name], values) for name, values in space.items()}
        study.add_trial(optuna.trial.create_trial(params=point, distributions=spread, value=value))
    for number in itertools.count(1):
        trial = study.ask(spread)
        value = yield _changed(base, trial.params, number)
        study.tell(trial, value)


def _changed(base: Recipe, point: Mapping[str, Any], number: int) -> Recipe:
    params = family(base.family).proposed(base.params, point)
    return replace(base, params_json=canonical(params), name=f"{base.family.replace('_', '-')}-{number}")


def _is_range(values: Values) -> bool:
    return len(values) == 2 and not any(isinstance(value, str) for value in values) and values[0] < values[1]  # type: ignore[operator]


def _is_log(low: float, high: float) -> bool:
    return low > 0 and high / low >= _WIDE


def _distribution(values: Values) -> Any:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if not _is_range(values):
        return CategoricalDistribution(tuple(values))
    low, high = values
    if isinstance(low, int) and isinstance(high, int):
        return IntDistribution(low, high, log=_is_log(low, high))
    return FloatDistribution(float(low), float(high), log=_is_log(float(low), float(high)))


def _inside(value: Any, values: Values) -> Any:
    """The nearest value that a search could have proposed."""
    if not _is_range(values):
        return value if value in values else values[0]
    low, high = values
    return min(max(value, low), high)


def _drawn(values: Values, rng: np.random.Generator) -> Any:
    if not _is_range(values):
        return values[int(rng.integers(len(values)))]
    return _at(values, float(rng.random()))


def _points(values: Values) -> list[Any]:
    if not _is_range(values):
        return list(values)
    return list(dict.fromkeys(_at(values, share) for share in np.linspace(0, 1, _POINTS).tolist()))


def _at(values: Values, share: float) -> Any:
    """The value at a share of a range."""
    low, high = (float(value) for value in values)
    found = low * (high / low) ** share if _is_log(low, high) else low + share * (high - low)
    found = min(max(found, low), high)
    return round(found) if all(isinstance(value, int) for value in values) else float(f"{found:.6g}")
