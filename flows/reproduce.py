"""The reproduction flow: is a model what its run says that it is?"""

from __future__ import annotations

from prefect import flow

from evergreen.orchestration.runs import find_spec, logged_run
from evergreen.settings import open_workspace
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
    workspace = open_workspace()
    spec = find_spec(workspace, model)
    past = find_training(workspace, model, like)
    as_of = past.version.fitted_as_of
    with logged_run(workspace, spec, "reproduce", as_of, f"like run {past.version.run_id}") as run_id:
        checked = validate(workspace, spec, take_snapshot(workspace, spec, as_of), run_id)
        return fit_again(workspace, spec, build_features(workspace, spec, checked.snapshot), past, run_id)
