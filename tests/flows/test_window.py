"""How far back a training looks, chosen in a real run and kept with it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from evergreen.settings import open_workspace
from evergreen.training import Recipe
from flows.train import train

MARCH = datetime(2026, 3, 10, tzinfo=UTC)


def test_a_run_says_what_it_compared_and_whether_more_rows_help(project: Path) -> None:
    place = project / "deployments" / "churn.yaml"
    text = place.read_text().replace("[lightgbm, linear]", "[linear], window: weighted, ensemble: never")
    place.write_text(text.replace("max_candidates: 4", "max_candidates: 1"))
    version = train("churn", MARCH).version
    recipe = Recipe.from_json(version.recipe)
    assert recipe.recency.startswith("half-life ")
    said = json.loads(open_workspace().registry.read_text(version.run_id, "window.json") or "{}")
    assert said["recipe"]["recency"] == recipe.recency
    assert said["tried"][0]["recency"] == "all"
    rows = [point["rows"] for point in said["curve"]]
    assert rows == sorted(rows)
    assert len(rows) == 3
    (run,) = [
        one for one in open_workspace().registry.tagged("churn", "evergreen.window") if one["run_id"] == version.run_id
    ]
    assert "learning curve" in run["evergreen.window"]
