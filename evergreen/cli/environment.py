"""What the giants need to hear before they are imported: quiet, and everything under the workspace."""

from __future__ import annotations

import os

from evergreen.workspace import Workspace


def prepare(workspace: Workspace) -> None:
    """Point Prefect at the workspace and quiet it; what the environment already says wins."""
    home = workspace.folder / "prefect"
    home.mkdir(parents=True, exist_ok=True)
    for name, value in {
        "EVERGREEN_PROJECT": str(workspace.project),
        "EVERGREEN_WORKSPACE": str(workspace.folder),
        **({"EVERGREEN_STORE": workspace.store_url} if workspace.store_is_apart else {}),
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        "PREFECT_TELEMETRY_ENABLE_RESOURCE_METRICS": "false",
        "PREFECT_LOGGING_EXTRA_LOGGERS": "evergreen,tasks,flows",
        "PREFECT_LOGGING_LEVEL": "INFO",
        # The run's log goes to the UI in full; on the terminal our own lines say the same without tracebacks.
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
        # Commands start servers behind our door; one that Prefect started by itself would answer everybody.
        "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
        "DO_NOT_TRACK": "true",
        # Threads that wait for each other sleep: spinning, a fit beside other work takes many times as long.
        "OMP_WAIT_POLICY": "passive",
        "MPLCONFIGDIR": str(workspace.folder / "matplotlib"),
        "MPLBACKEND": "Agg",
    }.items():
        os.environ.setdefault(name, value)
