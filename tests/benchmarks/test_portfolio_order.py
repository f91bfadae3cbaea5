from __future__ import annotations

import pandas as pd

from benchmarks.portfolio_order import ORDER, RESULTS, learned


def results(losses: dict[str, dict[str, float]]) -> pd.DataFrame:
    return pd.DataFrame(
        {"table": table, "task": "binary", "recipe": recipe, "tuning": loss, "unseen": loss, "cpu_seconds": 1.0}
        for table, row in losses.items()
        for recipe, loss in row.items()
    )


def test_what_complements_the_first_comes_before_what_is_much_like_it() -> None:
    found = learned(
        results(
            {
                "a": {"trees": 0.10, "more trees": 0.11, "line": 0.50},
                "b": {"trees": 0.20, "more trees": 0.21, "line": 0.60},
                "c": {"trees": 0.50, "more trees": 0.49, "line": 0.10},
            }
        )
    )
    assert found == ["trees", "line", "more trees"]


def test_what_was_measured_speaks_of_recipes_that_are_in_use() -> None:
    measured = pd.read_csv(RESULTS)
    assert set(measured["recipe"]) <= set(ORDER)
    assert sorted(learned(measured)) == sorted(set(measured["recipe"]))
    assert measured[["tuning", "unseen"]].notna().all().all()
