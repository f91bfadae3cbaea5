"""MLflow's server behind the door; ``mlflow server --app-name evergreen`` finds it by its entry point."""

from __future__ import annotations

from evergreen.web.door import Door
from evergreen.web.policy import OTHERS_PAGES, Policy


def application() -> Door:
    """What uvicorn serves."""
    from evergreen.io.registry.server import application as mlflow

    policy = Policy.from_environment(
        "mlflow",
        content_types=None,  # artifacts come as what they are
        body_limit=None,  # and as large as they are
        csrf=False,  # its page knows none
        closed=("/ajax-api/3.0/mlflow/assistant",),  # it runs commands on this machine
        csp=OTHERS_PAGES,
    )
    return Door(mlflow(), policy)
