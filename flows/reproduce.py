"""The reproduction flow: is a model what its run says that it is?"""

from __future__ import annotations

from prefect import flow

from evergreen.orchestration.runs import find_spec, logged_run
from tasks.data import take_snapshot
from tasks.features import build_features
from tasks.reproduction import Reproduced, find_training, fit_again
from tasks.validation import validate


@flow(name="reproduce", flow_run_name="reproduce {model} like {like}")
def reproduce(model: str, like: str) -> Reproduced:
    """Read the rows of an earlier training as they were known then, fit its recipe again, and compare the predictions.

    Nothing is registered, judged or promoted.

    Args:
        model: The model's name.
        like: The training: its MLflow run, the beginning of that, or the number of the version that it left.
    """
    spec = find_spec(model)
    past = find_training(model, like)
    as_of = past.version.fitted_as_of
    with logged_run(spec, "reproduce", as_of, f"like run {past.version.run_id}") as run_id:
        checked = validate(spec, take_snapshot(spec, as_of), run_id)
        return fit_again(spec, build_features(spec, checked.snapshot), past, run_id)
