"""``status``: every model on one screen."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import typer

from evergreen.cli import access
from evergreen.cli.training import Json
from evergreen.settings import open_workspace
from evergreen.workspace import Workspace

if TYPE_CHECKING:
    from evergreen.handoffs import Health, RetrainingDecision
    from evergreen.io.records import Reign

_MIB = 2**20


@dataclass(frozen=True)
class FlowTimes:
    """When a flow of a model last ran, how that ended, and when it runs next; None where it does not."""

    last: str | None
    state: str | None
    next: str | None


@dataclass(frozen=True)
class Status:
    """What one wants to know of a model at a glance; texts are sentences for people, None means there is none."""

    model: str
    champion: int | None
    crowned_as_of: str | None
    age_days: float | None
    metric: str
    window: str | None
    fallen: bool
    drifted: bool
    estimated_low: bool
    health: tuple[str, ...]
    drift: str | None
    decision: str | None
    cool_down: str | None
    budget: str | None
    pending: tuple[str, ...]
    frozen: str | None
    quarantined: int
    scored_until: str | None
    flows: dict[str, FlowTimes] = field(default_factory=dict)


def status(as_json: Json = False) -> None:
    """Show every model: champion, age, health, runs, what the retraining rules say, quarantine, disk used."""
    from evergreen.housekeeping import disk_used
    from evergreen.spec import load_specs

    here = open_workspace()
    flows = _flow_times(here)
    found = [_status(here, spec.model, (flows or {}).get(spec.model, {})) for spec in load_specs(here.deployments)]
    disk = disk_used(here.folder)
    if as_json:
        content = {
            "models": [asdict(one) for one in found], "server": flows is not None,
            "workspace": str(here.folder), "disk_bytes": disk,
        }  # fmt: skip
        typer.echo(json.dumps(content))
        return
    for one in found:
        _print(one)
    if flows is None:
        typer.echo("no Prefect server runs: nothing is scheduled; start one with `evergreen up`")
    typer.echo(f"disk      {disk / _MIB:,.0f} MiB in {here.folder}; see `evergreen clean --dry-run`")


def _status(here: Workspace, model: str, flows: dict[str, FlowTimes]) -> Status:

    records, watching = here.champions, here.monitoring
    reign = records.champion(model)
    healths, firings = watching.healths(model), watching.firings(model)
    health, firing = (healths[-1] if healths else None), (firings[-1] if firings else None)
    freeze, scored = watching.frozen(model), here.ledger.last_cut_off(model)
    return Status(
        model=model,
        champion=reign.version.version if reign else None,
        crowned_as_of=f"{reign.as_of:%Y-%m-%d %H:%M}" if reign else None,
        age_days=_age(reign),
        metric=_metric(reign, health),
        window=f"{health.start:%Y-%m-%d} to {health.end:%Y-%m-%d}" if health else None,
        fallen=bool(firing and any(rule.name == "performance" and rule.held for rule in firing.triggers)),
        drifted=bool(health and health.drifted),
        estimated_low=bool(health and health.estimated_low),
        health=health.reasons if health else (),
        drift=_drift(health),
        decision=_decision(firing),
        cool_down=_bar(firing, "cool_down"),
        budget=_bar(firing, "budget"),
        pending=tuple(one.cause for one in watching.pending(model)),
        frozen=f"by {freeze.who}: {freeze.why}" if freeze else None,
        quarantined=sum(not row["released"] for row in records.quarantined(model)),
        scored_until=f"{scored:%Y-%m-%d %H:%M}" if scored else None,
        flows=flows,
    )


def _age(reign: Reign | None) -> float | None:
    if reign is None:
        return None
    return round((datetime.now(UTC) - reign.version.fitted_as_of).total_seconds() / 86_400, 1)


def _metric(reign: Reign | None, health: Health | None) -> str:
    parts = []
    if reign and reign.evidence:
        parts.append(f"{reign.evidence.metric} {reign.evidence.ours.value:.3f} when it was judged")
    if health and health.realised:
        parts.append(f"{health.realised.value:.3f} in the last window")
    elif health and health.estimated:
        parts.append(f"{health.estimated.value:.3f} in the last window as estimated without labels")
    return ", ".join(parts)


def _drift(health: Health | None) -> str | None:
    if health is None or not health.drift:
        return None
    return f"{sum(column.drifted for column in health.drift)} of {len(health.drift)} columns have drifted"


def _decision(firing: RetrainingDecision | None) -> str | None:
    if firing is None:
        return None
    if not firing.called:
        return f"{firing.as_of:%Y-%m-%d}: do not train; nothing calls for it"
    return f"{firing.as_of:%Y-%m-%d}: {'train' if firing.fire else 'do not train'}; {'; '.join(firing.reasons)}"


def _bar(firing: RetrainingDecision | None, name: str) -> str | None:
    return next((rule.reason for rule in firing.bars if rule.name == name), None) if firing else None


def _print(one: Status) -> None:
    typer.secho(one.model, bold=True)
    if one.champion is None:
        _row("champion", f"none yet; run: evergreen train {one.model}")
    else:
        age = f"knows the world of {one.age_days:,.0f} days ago"
        _row("champion", f"version {one.champion} since {one.crowned_as_of} UTC, {age}")
    # The first reason is what was realised, or why that is not known; the rest is in the report, and in JSON.
    health = f"{_condition(one)}, {one.window}: {next(iter(one.health), '')}"
    for title, text in (
        ("metric", one.metric),
        ("health", health if one.window else "no window was looked at yet"),
        ("drift", one.drift),
        ("decision", one.decision and f"{one.decision}; see: evergreen why {one.model}"),
        ("cool-down", one.cool_down),
        ("budget", one.budget),
        ("waiting", ", ".join(one.pending)),
        ("frozen", one.frozen),
        ("scored", one.scored_until and f"cut-offs up to {one.scored_until} UTC"),
        ("aside", one.quarantined and f"{one.quarantined:,} rows in quarantine; see: evergreen quarantine {one.model}"),
    ):
        if text:
            _row(title, str(text))
    for flow, times in one.flows.items():
        last = f"last {times.last} {(times.state or '').lower()}" if times.last else "never ran"
        _row(flow, last + (f", next {times.next}" if times.next else ""))


def _row(title: str, text: str) -> None:
    """A line, folded where a person's terminal is narrower."""
    line, width = f"  {title:9} {text}", shutil.get_terminal_size().columns
    folds = sys.stdout.isatty() and width > 40
    typer.echo(textwrap.fill(line, width, subsequent_indent=" " * 12, break_on_hyphens=False) if folds else line)


def _condition(one: Status) -> str:
    found = (("fallen", one.fallen), ("drifted", one.drifted), ("estimated to be low", one.estimated_low))
    return " and ".join(word for word, true in found if true) or "well"


def _flow_times(here: Workspace) -> dict[str, dict[str, FlowTimes]] | None:
    """The runs of each model's flows, by model and flow; None where no server answers."""
    url = access.join(here)
    try:
        found = _ask(url, "deployments/filter", {"deployments": {"tags": {"all_": ["evergreen"]}}}) if url else None
        if found is None:
            return None
        names = {one["id"]: one["name"] for one in _ask(url, "flows/filter", {})}
        times: dict[str, dict[str, FlowTimes]] = {}
        for one in sorted(found, key=lambda one: str(names[one["flow_id"]])):
            times.setdefault(one["name"], {})[names[one["flow_id"]]] = _times(url, one["id"])
    except OSError:
        return None
    return times


def _times(url: str, deployment: str) -> FlowTimes:
    def newest(order: str, states: list[str], **more: Any) -> dict[str, Any]:
        where = {"id": {"any_": [deployment]}}
        chosen = {"state": {"type": {"any_": states}}, **more}
        found = _ask(url, "flow_runs/filter", {"deployments": where, "flow_runs": chosen, "sort": order, "limit": 1})
        return dict(found[0]) if found else {}

    ended = ["RUNNING", "PENDING", "COMPLETED", "FAILED", "CRASHED", "PAUSED", "CANCELLING"]
    # A run that is about to start, and has no time of its own yet, would stand before all that have started.
    last = newest("START_TIME_DESC", ended, start_time={"is_null_": False})
    coming = newest("EXPECTED_START_TIME_ASC", ["SCHEDULED"])
    return FlowTimes(
        _minute(last.get("start_time")), last.get("state_type"), _minute(coming.get("expected_start_time"))
    )


def _minute(text: str | None) -> str | None:
    return f"{datetime.fromisoformat(text).astimezone(UTC):%Y-%m-%d %H:%M} UTC" if text else None


def _ask(url: str, path: str, question: dict[str, Any]) -> Any:
    return access.ask(f"{url}/{path}", question, access.authorization())
