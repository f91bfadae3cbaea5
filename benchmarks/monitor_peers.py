"""The default rules of NannyML and Evidently on simulated windows, in an environment of their own.

``run_peers`` makes that environment in a temporary folder with uv (neither imports beside pandas 3), and runs this file
in it: ``python monitor_peers.py IN OUT``. IN holds the AUC of each window of each year; the rows are drawn here, since
these tools judge rows. Nothing here may import Evergreen.
"""

from __future__ import annotations

import importlib
import logging
import os
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

REQUIREMENTS = ("nannyml==0.13.1", "evidently==0.7.23", "pandas<2.3", "numpy<2")
POSITIVE = 0.3


def run_peers(
    actual: NDArray[np.float64], rows: int, reference: int, evidently_years: int
) -> dict[str, NDArray[np.bool_]]:
    """Whether each tool fires, (years, live) by its name; a tool that cannot be installed or run is missing.

    Args:
        actual: (years, reference + live) the AUC that each window's rows are drawn from.
        rows: Rows of a window.
        reference: Windows of the reference.
        evidently_years: Evidently takes the first so many years: a report a window is slow.
    """
    folder = Path(tempfile.gettempdir()) / "evergreen-monitor-peers"
    python = folder / "env" / "bin" / "python"
    quiet = {**os.environ, "NML_DISABLE_USAGE_LOGGING": "1", "DO_NOT_TRACK": "1"}
    uv = Path(sys.executable).with_name("uv")
    if not (folder / "installed").exists():
        folder.mkdir(exist_ok=True)
        subprocess.run([uv, "venv", "--quiet", "--clear", "--python", "3.11", folder / "env"], check=True)
        subprocess.run([uv, "pip", "install", "--quiet", "--python", python, *REQUIREMENTS], check=True)
        (folder / "installed").touch()
    with tempfile.TemporaryDirectory(dir=folder) as work:
        given, found = Path(work) / "given.npz", Path(work) / "found.npz"
        np.savez(given, actual=actual, rows=rows, reference=reference, evidently_years=evidently_years)
        subprocess.run([python, __file__, given, found], check=True, env=quiet, stderr=subprocess.DEVNULL)
        with np.load(found) as fired:
            return dict(fired)


def draw_rows(rng: np.random.Generator, actual: NDArray[np.float64], rows: int) -> Any:
    """Target, score and decision of ``rows`` rows for each window, binormal: AUC = Phi(d / sqrt 2)."""
    pandas, stats = importlib.import_module("pandas"), importlib.import_module("scipy.stats")
    distance = np.repeat(np.sqrt(2) * stats.norm.ppf(actual), rows)
    target = (rng.random(len(distance)) < POSITIVE).astype(int)
    score = stats.norm.cdf((rng.standard_normal(len(distance)) + target * distance - 1) / 1.5)
    return pandas.DataFrame({"target": target, "score": score, "decision": (score > 0.5).astype(int)})


def nannyml_fires(reference: Any, live: Any, rows: int) -> NDArray[np.bool_]:
    """Realised ROC AUC with its default threshold: the reference chunks' mean less three standard deviations."""
    nannyml = importlib.import_module("nannyml")
    calculator = nannyml.PerformanceCalculator(
        y_pred_proba="score",
        y_pred="decision",
        y_true="target",
        problem_type="classification_binary",
        metrics=["roc_auc"],
        chunk_size=rows,
    )
    result = calculator.fit(reference).calculate(live).filter(period="analysis").to_df()["roc_auc"]
    return np.asarray(result["value"] < result["lower_threshold"])


def evidently_fires(reference: Any, live: Any, rows: int) -> NDArray[np.bool_]:
    """The test that its report makes of the reference by default: within a share of the reference's figure."""
    evidently, metrics = importlib.import_module("evidently"), importlib.import_module("evidently.metrics")
    columns = evidently.BinaryClassification(target="target", prediction_labels="decision", prediction_probas="score")
    definition = evidently.DataDefinition(classification=[columns])
    past = evidently.Dataset.from_pandas(reference, data_definition=definition)
    fired = []
    for start in range(0, len(live), rows):
        now = evidently.Dataset.from_pandas(live[start : start + rows], data_definition=definition)
        report = evidently.Report([metrics.RocAuc()], include_tests=True).run(now, past).dict()
        fired.append(any("FAIL" in str(test["status"]) for test in report["tests"]))
    return np.array(fired)


def main() -> None:
    """Draw the rows, ask both, and write what they said."""
    warnings.filterwarnings("ignore")
    logging.disable(logging.CRITICAL)
    with np.load(sys.argv[1]) as given:
        actual, rows, reference = given["actual"], int(given["rows"]), int(given["reference"])
        limits = {"NannyML": len(actual), "Evidently": int(given["evidently_years"])}
    rng = np.random.default_rng(0)
    fired: dict[str, list[NDArray[np.bool_]]] = {name: [] for name in limits}
    for year, aucs in enumerate(actual):
        past, live = draw_rows(rng, aucs[:reference], rows), draw_rows(rng, aucs[reference:], rows)
        for name, fires in (("NannyML", nannyml_fires), ("Evidently", evidently_fires)):
            if year < limits[name]:
                fired[name].append(fires(past, live, rows))
    # No further argument: an older numpy takes every one for an array.
    found: dict[str, Any] = {name: np.stack(each) for name, each in fired.items() if each}
    np.savez(sys.argv[2], **found)


if __name__ == "__main__":
    main()
