from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from evergreen.cli import app
from evergreen.cli.outlook import OutlookFacts, outlook
from evergreen.errors import UsageError
from evergreen.handoffs import ModelVersion, RetrainingDecision, Rule, Verdict
from evergreen.io.locks import ANSWER, APPROVAL
from evergreen.retraining import PastTraining, Situation, decide_retraining
from evergreen.settings import open_workspace
from evergreen.spec import Retraining

DAY = timedelta(days=1)
WEEK = 7 * DAY
JUNE = datetime(2013, 6, 1, tzinfo=UTC)
RULES = Retraining(budget=1, cool_down=28 * DAY, max_cool_down=112 * DAY, period=60 * DAY)


def version(number: int = 1, as_of: datetime = JUNE) -> ModelVersion:
    return ModelVersion("churn", number, f"m-{number}", "run", "abc", "{}", as_of, as_of)


def decided(fell: bool, past: OutlookFacts, **more: object) -> RetrainingDecision:
    rule = Rule("performance", fell, "roc_auc has fallen" if fell else "roc_auc holds")
    now = Situation(
        "churn", JUNE, 1, past.fitted_as_of, 1000, 0, 5000, rule, trainings=tuple(past.trainings), **more,
    )  # type: ignore[arg-type]  # fmt: skip
    return decide_retraining(now, RULES, WEEK, 100)


def said(fell: bool, past: OutlookFacts, **more: object) -> Sequence[str]:
    return outlook(decided(fell, past, **more), past, RULES, WEEK)


def run(*arguments: str) -> str:
    found = CliRunner().invoke(app, list(arguments))
    if found.exception and not isinstance(found.exception, SystemExit):
        raise found.exception
    assert found.exit_code == 0, found.output
    return found.stdout


def test_each_bar_says_when_it_ends() -> None:
    recent = PastTraining(JUNE - 10 * DAY, "churn-v1-0", False, True)
    past = OutlookFacts(JUNE - 100 * DAY, [recent], [JUNE - 2 * DAY])
    lines = said(
        True, past, under_way="churn-v1-1", frozen="a strike", refused=((JUNE - 2 * DAY, "the data failed"),),
    )  # fmt: skip
    assert lines == (
        "a person must end the freeze: evergreen freeze churn --off",
        "the training under way must end; if it died, the next monitor run starts it again",
        # Doubled, as the last training brought nothing: 22 May and 56 days.
        "the cool-down ends on 2013-07-17",
        "the budget has room again on 2013-07-21",
        "what refused the last attempt must be put right; the rules try again from 2013-06-06 on, "
        "`evergreen train churn` at once",
    )


def test_what_was_lifted_since_the_decision_is_said_to_be_lifted() -> None:
    spent = PastTraining(JUNE - 40 * DAY, "churn-v1-0", False, False)
    past = OutlookFacts(JUNE - 100 * DAY, [spent], [], frozen=False)
    firing = decided(True, past, frozen="a strike")
    generous = RULES.model_copy(update={"budget": 3})
    assert outlook(firing, past, generous, WEEK) == (
        "the freeze has ended: the next monitor run decides anew",
        "by the rules as they stand now the budget has room: the next monitor run decides anew",
    )


def test_the_named_end_of_the_cool_down_is_when_the_rules_let_a_training_through() -> None:
    recent = PastTraining(JUNE - 10 * DAY, "", False, True)
    past = OutlookFacts(JUNE - 50 * DAY, [recent], [])
    assert said(True, past) == ("the cool-down ends on 2013-07-17",)
    end = datetime(2013, 7, 17, tzinfo=UTC)
    for moment, free in ((end - timedelta(minutes=1), False), (end, True)):
        rule = Rule("performance", True, "fell")
        now = Situation("churn", moment, 1, past.fitted_as_of, 1000, 0, 5000, rule, trainings=(recent,))
        assert decide_retraining(now, RULES, WEEK, 100).fire is free


def test_where_nothing_calls_each_trigger_says_what_would_make_it() -> None:
    lines = said(False, OutlookFacts(JUNE - 50 * DAY, [], []))
    assert [line.split()[0] for line in lines] == ["performance", "drift", "volume", "age"]
    assert lines[-1] == "age calls on 2013-07-11"
    assert "2 of 3 windows" in lines[1]


def test_every_trigger_and_every_bar_of_the_rules_has_words() -> None:
    every = RULES.model_copy(update={"on": ("schedule", "performance", "estimated", "drift", "volume", "age")})
    now = Situation("churn", JUNE, 1, JUNE, 1000, 0, 5000, Rule("performance", False, "holds"))
    quiet = decide_retraining(now, every, WEEK, 100)
    assert len(outlook(quiet, OutlookFacts(JUNE, [], []), every, WEEK)) == 6
    barred = RetrainingDecision(
        "churn", JUNE, 1, False, (Rule("age", True, "old"),), tuple(Rule(b.name, False, "") for b in quiet.bars), "c"
    )
    trained = PastTraining(JUNE - DAY, "cause", False, True)
    assert len(outlook(barred, OutlookFacts(JUNE, [trained], [JUNE]), RULES, WEEK)) == len(quiet.bars)


def test_why_says_what_calls_what_bars_and_what_is_next(project: Path) -> None:
    watching = open_workspace().monitoring
    open_workspace().champions.settle("key", version(), Verdict(True, (Rule("gain", True, "gains"),)), None, None)
    assert "nothing was decided yet" in run("why", "churn")
    recent = PastTraining(JUNE, "", True, None)
    quiet = decided(False, OutlookFacts(JUNE, [recent], []))
    rule = Rule("performance", True, "roc_auc has fallen")
    later = Situation("churn", JUNE + WEEK, 1, JUNE, 1000, 0, 5000, rule, trainings=(recent,))
    held = decide_retraining(later, RULES, WEEK, 100)
    watching.keep_firing(quiet)
    watching.keep_firing(held)
    text = run("why", "churn")
    assert "A training is called for, and held back (as of 2013-06-08" in text
    assert "CALLS  performance   roc_auc has fallen" in text
    assert "BARS   cool_down     the last training was 7 days ago: cool-down 28 days" in text
    assert "next   the cool-down ends on 2013-06-29" in text
    assert "2013-06-01 00:00" not in text
    assert "2013-06-01 00:00  Nothing calls for a training: roc_auc holds" in run("why", "churn", "--all")
    told = json.loads(run("why", "churn", "--all", "--json"))
    assert told["next"] == ["the cool-down ends on 2013-06-29"]
    assert [one["fire"] for one in told["decisions"]] == [False, False]
    assert told["decision"]["reasons"][0] == "roc_auc has fallen"


def test_why_says_what_became_of_a_decision_to_train(project: Path) -> None:
    watching, records = open_workspace().monitoring, open_workspace().champions
    fired = decided(True, OutlookFacts(JUNE - WEEK, [], []))
    assert fired.fire
    watching.keep_firing(fired)
    assert "has not ended yet" in run("why", "churn")
    with open_workspace().locks.alone(ANSWER, "churn"):
        assert "under way, or waits for a person's word" in run("why", "churn")
    with open_workspace().locks.alone(APPROVAL, "churn", "http://page"):
        assert "after the one that waits for a person's word in the Prefect UI (process" in run("why", "churn")
    with open_workspace().locks.alone("training", "churn"):
        assert "after one that was begun by hand (process" in run("why", "churn")
    watching.close("churn", fired.cause, JUNE, "the data failed validation")
    assert "without a verdict: the data failed validation" in run("why", "churn")
    verdict = Verdict(True, (Rule("gain", True, "gains"),))
    records.settle("key", version(2), verdict, None, None, fired.cause)
    assert "version 2, promoted" in run("why", "churn")


def test_why_is_told_without_the_giants(project: Path) -> None:
    open_workspace().monitoring.keep_firing(decided(True, OutlookFacts(JUNE - WEEK, [], [])))
    code = (
        "import sys; from evergreen.cli import app; app(['why', 'churn'], standalone_mode=False); "
        "print([m for m in ('prefect','mlflow','great_expectations','lightgbm','sklearn') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=dict(os.environ), check=True
    )
    assert done.stdout.endswith("[]\n")
    assert "A training is started" in done.stdout


def test_a_freeze_needs_a_reason_holds_until_it_is_ended_and_is_shown(project: Path) -> None:
    watching = open_workspace().monitoring
    with pytest.raises(UsageError, match="--why"):
        run("freeze", "churn", "--why", " ")
    assert watching.frozen("churn") is None
    run("freeze", "churn", "--why", "a strike of the airlines")
    held = watching.frozen("churn")
    assert held is not None
    assert held.why == "a strike of the airlines"
    assert "a strike of the airlines" in run("why", "churn")
    assert json.loads(run("why", "churn", "--json"))["frozen"]["why"] == held.why
    assert "has ended" in run("freeze", "churn", "--off")
    assert watching.frozen("churn") is None
    assert "was not frozen" in run("freeze", "churn", "--off")


@pytest.mark.parametrize("command", [("why",), ("freeze", "--why", "x"), ("freeze", "--off")])
def test_a_misspelt_model_is_refused(command: tuple[str, ...], project: Path) -> None:
    refused = CliRunner().invoke(app, [command[0], "chrun", *command[1:]])
    assert "did you mean churn?" in str(refused.exception)


def test_without_a_champion_before_there_is_nothing_to_go_back_to(project: Path) -> None:
    with pytest.raises(UsageError, match="has no champion"):
        run("rollback", "churn", "--why", "x")
    open_workspace().champions.settle("key", version(), Verdict(True, (Rule("gain", True, "gains"),)), None, None)
    with pytest.raises(UsageError, match="version 1 is its first champion"):
        run("rollback", "churn", "--why", "x")


@pytest.mark.timeout(600)
def test_a_person_promotes_rolls_back_and_is_stopped_by_a_freeze(
    project: Path, evergreen: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    """Through the real flow, as commands in processes of their own."""
    from flows.promote import promote
    from flows.train import train

    spec = project / "deployments" / "churn.yaml"
    spec.write_text(spec.read_text().replace("[lightgbm, linear]", "[linear]"))
    first = train("churn", datetime(2026, 3, 10, tzinfo=UTC)).version
    here = open_workspace()
    records, registry = here.champions, here.registry
    second = registry.register(first, {})
    records.settle("other", second, Verdict(False, (Rule("gain", False, "does not gain"),)), None, None)

    for words in (
        ("promote", "churn", "2", "--why", "a person knows better"),
        ("rollback", "churn", "--why", "no, it was worse"),
    ):
        done = evergreen(*words)
        assert done.returncode == 0, done.stderr
    reigns = records.champions("churn")
    assert [(reign.version.version, reign.kind) for reign in reigns[1:]] == [(2, "by hand"), (1, "by hand")]
    assert reigns[-1].why == "rollback from version 2: no, it was worse"
    assert registry.alias("churn", "champion") == 1
    assert registry.alias("churn", "previous") == 2

    run("freeze", "churn", "--why", "an audit")
    with pytest.raises(UsageError, match="an audit"):
        promote("churn", 2, "x")
    assert len(records.champions("churn")) == 3
