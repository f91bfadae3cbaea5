"""``serve``: real-time predictions of the champions over HTTP, until Ctrl-C."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import socket
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evergreen.cli.environment import prepare
from evergreen.cli.servers import interruptible
from evergreen.errors import UsageError
from evergreen.settings import open_workspace, serving_token
from evergreen.web.keys import new_key

if TYPE_CHECKING:
    from evergreen.handoffs import ModelVersion
    from evergreen.spec import ModelSpec
    from evergreen.workspace import Workspace


def serve(
    model: Annotated[
        list[str] | None, typer.Option(help="A model; again for more. By default each with a `serving:` part.")
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port on 127.0.0.1; 0 for any that is free.")] = 8080,
    token_file: Annotated[
        Path | None,
        typer.Option(help="Holds the bearer token; else EVERGREEN_SERVE_TOKEN, else a new one."),
    ] = None,
    no_token: Annotated[bool, typer.Option("--no-token", help="Answer to whoever reaches the port.")] = False,
) -> None:
    """Answer over HTTP for the champion of each model, following promotions and rollbacks, until Ctrl-C.

    It listens on 127.0.0.1; a proxy with TLS before it is named by EVERGREEN_HOSTS. Needs the extra `serve`.
    """
    _check_extra()
    here = open_workspace()
    prepare(here)
    specs = _specs(here, model or [])
    key, shown = _token(token_file, no_token)
    listening = _bound(port)
    from evergreen.serving.server import application, policy_of, run

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    policy = policy_of("serving", key, here.hosts, open_to_all=no_token)
    typer.echo(f"serving {', '.join(sorted(specs))} on http://127.0.0.1:{listening.getsockname()[1]}; Ctrl-C stops it")
    if shown:
        typer.echo(f"token, for as long as this runs: {key}")
    interruptible()
    with contextlib.suppress(KeyboardInterrupt):
        run(application(specs, _Records(here), policy), listening)
    typer.echo("stopped")


class _Records:
    """The workspace's records and registry as a server asks them."""

    def __init__(self, here: Workspace) -> None:
        self._history, self._registry = here.champions, here.registry

    def champion(self, model: str) -> tuple[ModelVersion, datetime] | None:
        """The reigning champion and since when."""
        reign = self._history.champion(model)
        return None if reign is None else (reign.version, reign.as_of)

    def load(self, version: ModelVersion) -> Any:
        """Its Pipeline, after its digest was compared."""
        return self._registry.load(version)


def _check_extra() -> None:
    missing = [name for name in ("uvloop", "httptools") if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError(f"serve needs {' and '.join(missing)}; install the extra: pip install 'evergreen[serve]'")


def _specs(here: Workspace, names: list[str]) -> dict[str, ModelSpec]:
    from evergreen.errors import did_you_mean
    from evergreen.spec import load_specs

    known = {spec.model: spec for spec in load_specs(here.deployments)}
    for name in names:
        if name not in known:
            raise UsageError(f"{name}: there is no deployments/{name}.yaml{did_you_mean(name, known)}")
    chosen = names or [name for name, spec in known.items() if spec.serving is not None]
    if not chosen:
        raise UsageError("no model has a `serving:` part; write `serving: {}` into its file, or name one: --model NAME")
    return {name: known[name] for name in chosen}


def _token(file: Path | None, none: bool) -> tuple[str, bool]:
    """The token, and whether it has to be shown, as nobody else knows it."""
    if none:
        return new_key(), False
    told = file.read_text(encoding="utf-8").strip() if file else serving_token()
    if file and not told:
        raise UsageError(f"{file}: holds no token; write one line of it")
    return (told, False) if told else (new_key(), True)


def _bound(port: int) -> socket.socket:
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(("127.0.0.1", port))
        listening.listen(2048)  # who asks before the models are loaded waits
    except OSError as error:
        listening.close()
        raise UsageError(f"port {port} cannot be taken ({error.strerror}); choose another: --port") from None
    return listening
