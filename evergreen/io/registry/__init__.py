"""The only door to MLflow: runs, models in a safe format, versions and aliases."""

from evergreen.io.registry.mlflow_client import warm_up
from evergreen.io.registry.models import Models, trusted_types
from evergreen.io.registry.runs import Runs

__all__ = ["Registry", "trusted_types", "warm_up"]


class Registry(Runs, Models):
    """Runs and models of one workspace: ``mlflow.db`` and ``artifacts/`` in it."""
