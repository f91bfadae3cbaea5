from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import pytest

from evergreen.cli import main
from evergreen.cli.training import _reports
from evergreen.handoffs import RuleResult, Snapshot, ValidationReport

#: A command in a process of its own, which a fixture forks.
Run = Callable[..., "subprocess.CompletedProcess[str]"]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "evergreen"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_help_names_every_command() -> None:
    shown = run("--help")
    assert shown.returncode == 0
    for command in ("check", "train", "evaluate", "models", "show", "quarantine", "ui", "doctor"):
        assert command in shown.stdout
    assert "..." not in shown.stdout.partition("\n")[2]  # no sentence is cut off
    assert "Exit codes: 0 done" in shown.stdout
    assert run("--version").stdout == f"evergreen {version('evergreen')}\n"


def test_help_imports_none_of_the_giants() -> None:
    code = "import sys, evergreen.cli; print([m for m in ('prefect','mlflow','great_expectations','lightgbm','sklearn','pandas') if m in sys.modules])"  # noqa: E501
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_check_accepts_a_right_project_and_names_what_is_wrong(project: Path, evergreen: Run) -> None:
    assert evergreen("check").returncode == 0
    spec = project / "deployments" / "churn.yaml"
    spec.write_text(spec.read_text().replace("floors", "flors"))
    broken = evergreen("check")
    assert broken.returncode == 2
    assert "churn.yaml: promotion.flors: unknown key; did you mean floors?" in broken.stderr
    assert "Traceback" not in broken.stderr


def test_check_tells_a_program_what_is_wrong(project: Path, evergreen: Run) -> None:
    right = {"models": ["churn"], "suites": ["customers"], "problems": [], "functions": []}
    assert json.loads(evergreen("check", "--json").stdout) == right
    spec = project / "deployments" / "churn.yaml"
    spec.write_text(spec.read_text().replace("floors", "flors"))
    broken = evergreen("check", "--json")
    assert broken.returncode == 2
    (problem,) = json.loads(broken.stdout)["problems"]
    assert problem.endswith("churn.yaml: promotion.flors: unknown key; did you mean floors?")


def test_doctor_says_what_cannot_be_written_and_what_to_do(project: Path, tmp_path: Path, evergreen: Run) -> None:
    well = evergreen("doctor", "--json")
    assert well.returncode == 0, well.stdout
    findings = json.loads(well.stdout)["findings"]
    assert [one["what"] for one in findings if not one["right"] and one["bars"]] == []
    (tmp_path / "file").write_text("in the way")
    ill = evergreen("doctor", EVERGREEN_WORKSPACE=str(tmp_path / "file"), EVERGREEN_STORE="nowhere://store")
    assert ill.returncode == 1
    assert f"LOOK workspace {tmp_path / 'file'}: it cannot be written; set EVERGREEN_WORKSPACE" in ill.stdout
    assert "LOOK store nowhere://store: cannot be written (Protocol not known: nowhere)" in ill.stdout


def test_a_window_that_ends_before_it_begins_is_refused_before_anything_is_read(project: Path, evergreen: Run) -> None:
    refused = evergreen("evaluate", "churn", "--start", "2026-03-02", "--end", "2026-03-01")
    assert refused.returncode == 2
    assert "--start 2026-03-02 00:00:00 is not before --end 2026-03-01 00:00:00" in refused.stderr


@pytest.mark.parametrize("command", [["models"], ["show"], ["quarantine"]])
def test_a_model_that_is_not_there_is_refused_with_the_names_of_those_that_are(
    command: list[str], project: Path, evergreen: Run
) -> None:
    refused = evergreen(*command, "chrun")
    assert refused.returncode == 2
    assert "chrun.yaml: no such model; did you mean churn?" in refused.stderr
    early = evergreen("show", "churn")
    assert (early.returncode, early.stderr) == (2, "error: churn: no versions yet; run: evergreen train churn\n")


def test_on_a_terminal_a_bar_fills_while_candidates_are_tried_and_lines_stand_above_it() -> None:
    code = """
import logging, time
from evergreen.cli.console import listen
listen()
log = logging.getLogger("tasks.training")
log.info("begun", extra={"budget": 30, "doing": "trying candidates"})
time.sleep(0.5)
log.info("one is fitted")
log.info("over", extra={"budget": 0})
"""
    ours, theirs = os.openpty()
    subprocess.run([sys.executable, "-c", code], stderr=theirs, check=True, env=os.environ | {"TERM": "xterm"})
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # a terminal whose other end is closed
        while part := os.read(ours, 4096):
            shown += part
    text = shown.decode()
    assert re.search(r"trying candidates .*\d of 30 s", text)
    lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text).replace("\r", "\n").splitlines()
    assert [line.split("s  ")[1] for line in lines if "s  " in line] == ["begun", "one is fitted", "over"]
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")  # the cursor is back
    piped = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert [line.split("s  ")[1] for line in piped.stderr.splitlines()] == ["begun", "one is fitted", "over"]


def test_the_bar_is_gone_before_an_error_is_said() -> None:
    code = """
import logging, sys
import evergreen.cli
from evergreen.cli.console import listen
from evergreen.errors import TrainingError
def refused():
    listen()
    logging.getLogger("tasks.training").info("begun", extra={"budget": 30, "doing": "trying candidates"})
    raise TrainingError("no candidate could be fitted")
evergreen.cli.app = refused
evergreen.cli.main()
"""
    ours, theirs = os.openpty()
    ended = subprocess.run([sys.executable, "-c", code], stderr=theirs, check=False, env=os.environ | {"TERM": "xterm"})
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # a terminal whose other end is closed
        while part := os.read(ours, 4096):
            shown += part
    assert ended.returncode == 5
    text = shown.decode()
    assert text.rindex("\x1b[?25h") < text.index("error: no candidate could be fitted")


@pytest.mark.parametrize(
    ("results", "said"),
    [
        (None, ""),
        ((), ": summary.md, plots/"),
        ((RuleResult("r", "warning", True, ""),), ": summary.md, validation/rules.html, plots/"),
    ],
)
def test_only_reports_that_there_are_are_named(results: tuple[RuleResult, ...] | None, said: str) -> None:
    snapshot = Snapshot("u", 1, "d", datetime(2026, 1, 1, tzinfo=UTC))
    assert _reports(None if results is None else ValidationReport("s", snapshot, results, 1, 0)) == said


def test_ctrl_c_is_one_sentence_that_says_what_is_kept(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("evergreen.cli.checking.open_workspace", interrupted)
    monkeypatch.setattr(sys, "argv", ["evergreen", "check"])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 130
    assert capsys.readouterr().err.endswith("stopped; finished parts are kept, run the command again to go on\n")


@pytest.mark.parametrize("kind", [ValueError, OSError])
def test_what_nobody_foresaw_ends_in_two_lines_and_a_report(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], kind: type[Exception]
) -> None:
    def broken() -> None:
        raise kind("postgresql://ann:hunter2@db/x\nis odd")

    monkeypatch.setattr("evergreen.cli.app", broken)
    with pytest.raises(SystemExit) as end:
        main()
    what, where = capsys.readouterr().err.splitlines()
    report = Path(where.rpartition(" ")[2])
    text = report.read_text()
    report.unlink()
    assert end.value.code == 1
    assert what == f"error: this should not have happened: {kind.__name__}: postgresql://ann:***@db/x is odd"
    assert "Traceback" in text
    assert "hunter2" not in text


def test_check_names_a_suite_that_is_not_there(project: Path, evergreen: Run) -> None:
    (project / "expectations" / "customers.yaml").rename(project / "expectations" / "costumers.yaml")
    broken = evergreen("check")
    assert broken.returncode == 2
    assert "no expectations/customers.yaml; did you mean costumers?" in broken.stderr


def test_outside_a_project_a_command_says_so(tmp_path: Path) -> None:
    refused = subprocess.run(
        [str(Path(sys.executable).parent / "evergreen"), "check"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={k: v for k, v in os.environ.items() if not k.startswith("EVERGREEN_")},
        check=False,
    )
    assert refused.returncode == 2
    assert "no deployments/" in refused.stderr


def test_train_and_look_from_the_command_line(project: Path, evergreen: Run) -> None:
    trained = evergreen("train", "churn", "--as-of", "2026-03-10", "--json")
    assert trained.returncode == 0, trained.stderr
    outcome = json.loads(trained.stdout)
    assert outcome["promoted"]
    assert {one["name"] for one in outcome["candidates"]} >= {"linear"}
    values = [one["value"] for one in outcome["candidates"]]
    assert values == sorted(values, reverse=True)
    assert (Path(outcome["reports"]) / "summary.md").read_text().startswith("## churn: promoted")
    assert "churn: promoted: held: roc_auc gains" in trained.stderr
    again = evergreen("train", "churn", "--as-of", "2026-03-10").stdout
    assert re.search(r"^candidates .* by roc_auc on the tuning rows$", again, re.M)
    assert f"reports    {outcome['reports']}\n" in again
    listed = evergreen("models", "churn")
    assert "champion" in listed.stdout
    assert "roc_auc" in listed.stdout
    shown = evergreen("show", "churn", "1")
    assert "has seen" in shown.stdout
    aside = json.loads(evergreen("quarantine", "churn", "--json").stdout)
    assert len(aside) == 3
    released = evergreen("quarantine", "churn", "--release", "c000007", "--why", "a refund")
    assert released.returncode == 0
    assert evergreen("quarantine", "churn", "--release", "c000008", "--why", "x").returncode == 2


def test_too_few_unseen_rows_have_an_exit_code_of_their_own(project: Path, evergreen: Run) -> None:
    spec = project / "deployments" / "churn.yaml"
    spec.write_text(spec.read_text().replace("slices: [plan]", "slices: [plan], min_rows: 100000"))
    kept = evergreen("train", "churn", "--as-of", "2026-03-10")
    assert kept.returncode == 10, kept.stderr
    assert "NOT PROMOTED: version 1 of churn" in kept.stdout


def test_a_refusal_is_one_message_without_a_traceback(project: Path) -> None:
    (project / "data" / "customers.csv").unlink()
    refused = run("train", "churn")
    assert refused.returncode == 3
    assert "error: " in refused.stderr
    assert "Traceback" not in refused.stderr
