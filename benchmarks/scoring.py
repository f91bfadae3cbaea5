"""Predicting a Parquet file of 1,000,000 rows beside the bare booster, reading and writing included on both sides.

What is judged is our rows per second divided by the bare side's: 1 is as fast, and above 1 is faster, which batches
that are read, scored and written in turn can be. The target of 0.9 leaves a tenth for types, checks and keys.

The model is a LightGBM that the flow ``train`` found on 20,000 rows of the same table; the bare side takes its booster,
reads the file with pyarrow, predicts all rows at once, and writes key and probabilities as Parquet.
"""

from __future__ import annotations

import os
import statistics
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.runs import isolated, seconds
from evergreen.settings import open_workspace
from evergreen.workspace import Workspace

_ROWS, _FITTED, _COLUMNS, _ROUNDS = 1_000_000, 20_000, 20, 3
_WANTED = 0.9
_SPEC = """
model: wide
data: {{source: {file}, key: id, target: {{column: y}}}}
training: {{families: [lightgbm], search: portfolio, ensemble: never, budget: 20s}}
"""


def main() -> None:
    """Print the rows per second of both sides, in turns, and the ratio with its spread."""
    with tempfile.TemporaryDirectory(prefix="evergreen-scoring-") as folder:
        root = Path(folder)
        os.environ |= isolated(Workspace.local(root, root / "workspace"))
        frame = _frame()
        (root / "deployments").mkdir()
        frame.head(_FITTED).to_parquet(root / "small.parquet")
        frame.drop(columns="y").to_parquet(root / "large.parquet")
        (root / "deployments" / "wide.yaml").write_text(_SPEC.format(file="small.parquet"), encoding="utf-8")
        _compare(root)


def _compare(root: Path) -> None:
    from evergreen.cli import temporary
    from evergreen.predictions import predict_file

    here = open_workspace()
    with temporary.prefect(here):
        from flows.train import train
    version, spec, now = train("wide").version, open_workspace().spec("wide"), datetime.now(UTC)
    model = here.registry.load(version).named_steps["model"]
    booster, large = model.booster_, root / "large.parquet"
    names = [f"number_{at}" for at in range(_COLUMNS)]

    def bare() -> None:
        table = pq.read_table(large)
        rows = np.column_stack([table.column(name).to_numpy() for name in names])
        chance = booster.predict(rows, num_threads=os.cpu_count())
        pq.write_table(pa.table({"id": table.column("id"), "p_1": chance}), root / "bare.parquet", compression="zstd")

    ours, theirs = [], []
    for _ in range(_ROUNDS):
        theirs.append(_ROWS / seconds(bare))
        ours.append(_ROWS / seconds(lambda: predict_file(here, spec, version, str(large), root / "o.parquet", now)))
    ratio = [mine / other for mine, other in zip(ours, theirs, strict=True)]
    value = statistics.median(ratio)
    word = "kept" if value >= _WANTED else "MISSED"
    print(f"{_ROWS:,} rows by {_COLUMNS}, {booster.num_trees()} trees, rows per second")
    print(f"  predict {statistics.median(ours):,.0f}   bare booster {statistics.median(theirs):,.0f}")
    print(f"  predict's rows per second are {value:.2f} of the bare booster's ({min(ratio):.2f} to {max(ratio):.2f})")
    print(f"  target at least {_WANTED:g}: {word}")


def _frame() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(rng.normal(size=(_ROWS, _COLUMNS)), columns=[f"number_{at}" for at in range(_COLUMNS)])
    chance = 1 / (1 + np.exp(-(rows["number_0"] * rows["number_1"] + np.sin(2 * rows["number_2"]))))
    return rows.assign(id=np.arange(_ROWS), y=(rng.random(_ROWS) < chance).astype(int))


if __name__ == "__main__":
    main()
