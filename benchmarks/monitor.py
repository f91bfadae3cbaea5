"""What monitoring a large window costs beside one pandas pass and beside Evidently, and how far estimates are off.

Run with ``python -m benchmarks.monitor``. A million rows of 20 numbers and 10 categories, some missing, lie in Parquet;
every side reads them. Ours and pandas alternate in one process; Evidently runs in an environment of its own that is
made with uv in a temporary folder, with a reference of as many rows, and its import is not counted.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evergreen.metrics import find_metric
from evergreen.monitoring import build_profile, count, estimate, find_drift, fit_estimator, from_json, to_json

Floats = NDArray[np.float64]

NUMBERS, CATEGORIES, WINDOWS = 20, 10, 26
#: The newest Evidently, and the pandas and numpy that it imports with.
EVIDENTLY = ("evidently==0.7.23", "pandas<3", "numpy<2.3", "pyarrow")
_EVIDENTLY_RUN = """
import json, resource, sys, time
import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset

started, cpu = time.perf_counter(), time.process_time()
frames = [pd.read_parquet(path) for path in sys.argv[1:3]]
names = list(frames[0])
kinds = DataDefinition(
    numerical_columns=[name for name in names if name[0] == "n"],
    categorical_columns=[name for name in names if name[0] == "c"],
)
reference, live = (Dataset.from_pandas(frame, data_definition=kinds) for frame in frames)
Report([DataDriftPreset()]).run(live, reference).dict()
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"cpu": time.process_time() - cpu, "wall": time.perf_counter() - started, "peak": peak}))
"""


def draw_rows(seed: int, rows: int) -> pd.DataFrame:
    """Numbers of several shapes and text of 3 to 200 levels; a third of the columns have 5 % missing."""
    rng = np.random.default_rng(seed)
    shapes: list[Callable[[], Floats]] = [
        lambda: rng.normal(size=rows),
        lambda: rng.lognormal(size=rows),
        lambda: np.maximum(rng.normal(size=rows), 0),
        lambda: rng.poisson(4, rows).astype(np.float64),
    ]
    columns: dict[str, object] = {f"n{j}": shapes[j % len(shapes)]() for j in range(NUMBERS)}
    for j, levels in enumerate(np.geomspace(3, 200, CATEGORIES).astype(int)):
        names = np.array([f"level {k}" for k in range(levels)], dtype=object)
        columns[f"c{j}"] = names[np.minimum(rng.geometric(2 / levels, rows) - 1, levels - 1)]
    frame = pd.DataFrame(columns)
    for name in frame.columns[::3]:
        frame.loc[rng.random(rows) < 0.05, name] = None
    return frame


def monitor(live: Path, profile: Path) -> int:
    """Ours: read, count, find drift; the number of columns that drifted."""
    reference = from_json(profile.read_text(encoding="utf-8"))
    counts = count(pd.read_parquet(live), reference)
    return sum(column.drifted for column in find_drift(reference, counts))


def pass_of_pandas(live: Path, profile: Path) -> int:
    """The same counts as one would write them by hand: histograms on the stored edges, levels, missing values."""
    reference = from_json(profile.read_text(encoding="utf-8"))
    frame = pd.read_parquet(live)
    missing = frame.isna().sum()
    for column in reference.columns:
        if column.kind == "number":
            np.histogram(frame[column.name].dropna(), [-np.inf, *column.edges, np.inf])
        else:
            frame[column.name].value_counts()
    return int(missing.sum())


def clock(work: Callable[[], int]) -> tuple[float, float]:
    """CPU seconds (all threads) and wall seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.process_time() - cpu, time.perf_counter() - wall


def spread(values: list[float]) -> str:
    """``1.20 (1.10 to 1.35)``: median, least and greatest."""
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def compare_with_pandas(live: Path, profile: Path, repeats: int) -> float:
    """Print the ratios of alternating runs; the median of our CPU seconds."""
    pairs = []
    monitor(live, profile), pass_of_pandas(live, profile)  # the file is in the page cache for both
    for _ in range(repeats):
        pairs.append((clock(lambda: monitor(live, profile)), clock(lambda: pass_of_pandas(live, profile))))
    ours = [ours[0] for ours, _ in pairs]
    print(f"ours:            CPU s {spread(ours)}, wall s {spread([ours[1] for ours, _ in pairs])}")
    print(f"pandas pass:     CPU s {spread([p[0] for _, p in pairs])}, wall s {spread([p[1] for _, p in pairs])}")
    ratios = [a[0] / b[0] for a, b in pairs], [a[1] / b[1] for a, b in pairs]
    print(f"ours / pandas:   CPU {spread(ratios[0])}, wall {spread(ratios[1])}   target <= 3")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory of this process, the making of the rows included: {peak:,.0f} MB")
    return statistics.median(ours)


def run_evidently(folder: Path, reference: Path, live: Path, repeats: int) -> list[dict[str, float]]:
    """Evidently's drift preset on the same files, in an environment of its own."""
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    if uv is None:
        print("evidently: not measured, because there is no uv to make its environment with")
        return []
    python, script = folder / "evidently" / "bin" / "python", folder / "run_evidently.py"
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(folder / "evidently")], check=True)
    subprocess.run([uv, "pip", "install", "--quiet", "--python", str(python), *EVIDENTLY], check=True)
    script.write_text(_EVIDENTLY_RUN, encoding="utf-8")
    runs = []
    for _ in range(repeats):
        done = subprocess.run(
            [str(python), "-W", "ignore", str(script), str(reference), str(live)],
            check=True,
            capture_output=True,
            text=True,
            env={"DO_NOT_TRACK": "1", "HOME": str(folder)},
        )
        runs.append(json.loads(done.stdout.splitlines()[-1]))
    return runs


def draw_scored(rng: np.random.Generator, rows: int, shift: float, slope: float) -> tuple[Floats, Floats]:
    """Target and an over-confident model's probabilities; ``slope`` is the true relation, 1 in the reference."""
    x = rng.normal(shift, 1, rows)
    return (rng.random(rows) < 1 / (1 + np.exp(0.5 - slope * x))).astype(np.float64), 1 / (1 + np.exp(0.4 - 1.8 * x))


def draw_valued(rng: np.random.Generator, rows: int, shift: float, slope: float) -> tuple[Floats, Floats]:
    """Quantities whose error grows with the prediction, and by 2 - ``slope``."""
    x = rng.uniform(1 + shift, 5, rows)
    return x + rng.normal(0, 0.15 * (2 - slope) * x), x


def measure_estimate(metric: str, shift: float, slope: float, references: int = 10, windows: int = 6) -> Floats:
    """Mean absolute error over windows of 2,000 rows: of the estimate, and of saying that nothing changed; (2,)."""
    rng = np.random.default_rng(5)
    number = metric in ("rmse", "mae")
    draw, errors = (draw_valued if number else draw_scored), []
    for _ in range(references):
        reference = draw(rng, 20_000, 0.0, 1.0)
        estimator = fit_estimator("regression" if number else "binary", metric, *reference)
        kept = find_metric(metric).value(*reference)
        for _ in range(windows):
            target, scores = draw(rng, 2_000, shift, slope)
            real = find_metric(metric).value(target, scores)
            errors.append((abs(estimate(estimator, scores).value - real), abs(kept - real)))
    return np.asarray(np.mean(errors, axis=0))


def show_estimates() -> None:
    """The error of the estimate without labels where nothing, the inputs, or the relation to the target changed."""
    print("\nestimate without labels, mean absolute error over windows: estimate | reference value kept")
    print(f"{'metric':<10}{'no change':>20}{'covariate change':>20}{'concept change':>20}")
    for metric in ("roc_auc", "log_loss", "brier", "accuracy", "f1", "rmse", "mae"):
        pairs = [measure_estimate(metric, shift, slope) for shift, slope in ((0.0, 1.0), (1.0, 1.0), (0.0, 0.3))]
        cells = [f"{ours:.3f} | {kept:.3f}" for ours, kept in pairs]
        print(f"{metric:<10}" + "".join(f"{cell:>20}" for cell in cells))
    print("The rest under no change is the chance of 2,000 rows. Under concept change the target depends on the")
    print("prediction in another way: without labels the estimate cannot know, and says so.")


def main() -> None:
    """Print ratios with their spread over the repeats, and the errors of the estimates."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--evidently-repeats", type=int, default=1, help="0 leaves it out")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        reference, live, stored = folder / "reference.parquet", folder / "live.parquet", folder / "profile.json"
        frame = draw_rows(1, options.rows)
        frame.to_parquet(reference)
        draw_rows(2, options.rows).to_parquet(live)
        start = datetime(2026, 1, 5, tzinfo=UTC)
        bounds = [(start + timedelta(days=7 * k), start + timedelta(days=7 * (k + 1))) for k in range(WINDOWS)]
        windows = np.arange(options.rows) * WINDOWS // options.rows
        began = time.process_time()
        stored.write_text(
            to_json(build_profile(frame, frame.columns.tolist(), [], windows, bounds, None)), encoding="utf-8"
        )
        print(f"{options.rows:,} rows by {NUMBERS + CATEGORIES} columns, {WINDOWS} reference windows")
        print(
            f"profile, once:   CPU s {time.process_time() - began:.2f}, {stored.stat().st_size / 1024:,.0f} KB stored"
        )
        del frame
        ours = compare_with_pandas(live, stored, options.repeats)
        runs = run_evidently(folder, reference, live, options.evidently_repeats)
        if runs:
            seconds = [run["cpu"] for run in runs]
            print(f"evidently:       CPU s {spread(seconds)}, peak {max(run['peak'] for run in runs):,.0f} MB")
            print(f"evidently / ours: CPU {spread([second / ours for second in seconds])}   target >= 30")
    show_estimates()


if __name__ == "__main__":
    main()
