from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from evergreen.cli import main


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "evergreen"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | environment, check=False)


def test_help_names_every_command() -> None:
    shown = run("--help")
    assert shown.returncode == 0
    for command in ("check", "train", "evaluate", "models", "show", "quarantine", "ui", "doctor"):
        assert command in shown.stdout


def test_help_imports_none_of_the_giants() -> None:
    code = "import sys, evergreen.cli; print([m for m in ('prefect','mlflow','great_expectations','lightgbm','sklearn','pandas') if m in sys.modules])"  # noqa: E501
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_check_accepts_a_right_project_and_names_what_is_wrong(project: Path) -> None:
    assert run("check").returncode == 0
    spec = project / "deployments" / "churn.yaml"
    spec.write_text(spec.read_text().replace("floors", "flors"))
    broken = run("check")
    assert broken.returncode == 2
    assert "churn.yaml: promotion.flors: unknown key; did you mean floors?" in broken.stderr
    assert "Traceback" not in broken.stderr


def test_ctrl_c_is_one_sentence_that_says_what_is_kept(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("evergreen.cli.checking.settings", interrupted)
    monkeypatch.setattr(sys, "argv", ["evergreen", "check"])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 130
    assert capsys.readouterr().err.endswith("stopped; finished parts are kept, run the command again to go on\n")


def test_check_names_a_suite_that_is_not_there(project: Path) -> None:
    (project / "expectations" / "customers.yaml").rename(project / "expectations" / "costumers.yaml")
    broken = run("check")
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


def test_train_and_look_from_the_command_line(project: Path) -> None:
    trained = run("train", "churn", "--as-of", "2026-03-10", "--json")
    assert trained.returncode == 0, trained.stderr
    outcome = json.loads(trained.stdout)
    assert outcome["promoted"]
    listed = run("models", "churn")
    assert "champion" in listed.stdout
    assert "roc_auc" in listed.stdout
    shown = run("show", "churn", "1")
    assert "has seen" in shown.stdout
    aside = json.loads(run("quarantine", "churn", "--json").stdout)
    assert len(aside) == 3
    released = run("quarantine", "churn", "--release", "c000007", "--why", "a refund")
    assert released.returncode == 0
    assert run("quarantine", "churn", "--release", "c000008", "--why", "x").returncode == 2


def test_too_few_unseen_rows_have_an_exit_code_of_their_own(project: Path) -> None:
    spec = project / "deployments" / "churn.yaml"
    spec.write_text(spec.read_text().replace("slices: [plan]", "slices: [plan], min_rows: 100000"))
    kept = run("train", "churn", "--as-of", "2026-03-10")
    assert kept.returncode == 10, kept.stderr
    assert "KEPT" in kept.stdout


def test_a_refusal_is_one_message_without_a_traceback(project: Path) -> None:
    (project / "data" / "customers.csv").unlink()
    refused = run("train", "churn")
    assert refused.returncode == 3
    assert "error: " in refused.stderr
    assert "Traceback" not in refused.stderr
