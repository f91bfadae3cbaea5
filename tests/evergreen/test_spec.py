from __future__ import annotations

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from evergreen.errors import SpecError
from evergreen.spec import json_schema, load_spec, load_specs, parse_duration

ROOT = Path(__file__).parents[2]
MINIMAL = "model: churn\ndata: {source: a.csv, target: {column: y}}\n"


def write(folder: Path, text: str) -> Path:
    path = folder / "churn.yaml"
    path.write_text(text)
    return path


def test_three_keys_are_enough(tmp_path: Path) -> None:
    spec = load_spec(write(tmp_path, MINIMAL))
    assert spec.promotion.rule == "superior"
    assert spec.training.budget == timedelta(minutes=2)


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ("promotion: {flors: {roc_auc: 1}}", "promotion.flors: unknown key; did you mean floors?"),
        ("trainig: {}", "trainig: unknown key; did you mean training?"),
        ("features: {history: [{ovr: 3h, of: x}]}", "features.history.0.ovr: unknown key; did you mean over?"),
        ("training: {budget: soon}", "training.budget: 'soon' is not a duration"),
        ("training: {families: [xgboost]}", "training.families.0"),
        ("training: {task: binry}", "training.task: 'binry' is no task; did you mean binary?"),
        ("training: {metric: roc_acu}", "training.metric: metric 'roc_acu': unknown; did you mean roc_auc?"),
        ("training: {task: binary, metric: rmse}", "training: metric: rmse does not fit a binary model"),
        ("training: {task: quantile, metric: pinball_wide}", "training.metric: metric 'pinball_wide': unknown"),
        ("promotion: {floors: {roc_acu: 1}}", "promotion.floors: metric 'roc_acu': unknown; did you mean roc_auc?"),
    ],
)
def test_what_is_not_understood_is_named_with_file_and_key(tmp_path: Path, extra: str, message: str) -> None:
    path = write(tmp_path, MINIMAL + extra)
    with pytest.raises(SpecError) as caught:
        load_spec(path)
    assert f"{path}: {message}" in str(caught.value)


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"data\.target: missing"):
        load_spec(write(tmp_path, "model: churn\ndata: {source: a.csv}\n"))


def test_a_missing_file_suggests_the_nearest_model(tmp_path: Path) -> None:
    write(tmp_path, MINIMAL)
    with pytest.raises(SpecError, match="did you mean churn"):
        load_spec(tmp_path / "chrun.yaml")


def test_a_model_is_called_like_its_file(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="differs from the file's name"):
        load_spec(write(tmp_path, MINIMAL.replace("churn", "demand")))


def test_on_is_a_word_and_a_repeated_key_is_refused(tmp_path: Path) -> None:
    joined = MINIMAL.replace("y}}", "y}, join: [{source: b.csv, on: [id]}]}")
    assert load_spec(write(tmp_path, joined)).data.join[0].on == ("id",)
    with pytest.raises(SpecError, match=r"churn\.yaml:3:1: .*'model' stands twice"):
        load_spec(write(tmp_path, MINIMAL + "model: again\n"))


def test_a_spec_cannot_be_changed(tmp_path: Path) -> None:
    spec = load_spec(write(tmp_path, MINIMAL))
    with pytest.raises(ValueError, match="frozen"):
        spec.training.seed = 1  # type: ignore[misc]


def test_comments_and_order_do_not_change_the_digest(tmp_path: Path) -> None:
    one = load_spec(write(tmp_path, MINIMAL + "training: {seed: 1, budget: 60s}\n")).digest
    same = load_spec(write(tmp_path, "# why\n" + MINIMAL + "training: {budget: 1min, seed: 1}\n")).digest
    other = load_spec(write(tmp_path, MINIMAL + "training: {seed: 2}\n")).digest
    assert one == same != other


def test_durations_are_read_as_people_write_them() -> None:
    assert parse_duration("90s") == timedelta(seconds=90)
    assert parse_duration("1.5h") == timedelta(minutes=90)
    assert parse_duration("2w") == timedelta(days=14)


def test_the_projects_own_models_are_right_and_short() -> None:
    specs = load_specs(ROOT / "deployments")
    assert {spec.model for spec in specs} >= {"flight-delay", "arrival-delay"}
    assert len((ROOT / "deployments" / "flight-delay.yaml").read_text().splitlines()) <= 40


def test_the_committed_schema_is_the_generated_one() -> None:
    committed = json.loads((ROOT / "deployments" / "model.schema.json").read_text())
    assert committed == json_schema(), "run: make schema"


def test_the_command_line_starts_without_what_metrics_and_tasks_need() -> None:
    code = "import sys, evergreen.spec; print({'numpy', 'pandas', 'sklearn', 'evergreen.metrics'} & set(sys.modules))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert said.stdout.strip() == "set()"
