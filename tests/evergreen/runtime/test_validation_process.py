import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from evergreen.data import with_measures
from evergreen.errors import EmptyWindow, SpecError
from evergreen.handoffs import DAY, KEY, TIME
from evergreen.io import suites
from evergreen.io.store import Store
from evergreen.runtime import validation_process
from evergreen.runtime.validation_process import ValidationProcess
from evergreen.validation import Suite

#: What Great Expectations draws anew for each page.
UNIQUE = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
UNTIL = datetime(2026, 1, 20, tzinfo=UTC)
RULES: list[dict[str, Any]] = [
    {"type": "expect_column_values_to_be_between", "kwargs": {"column": "x", "min_value": 0}, "severity": "quarantine"},
    {"type": "expect_column_mean_to_be_between", "kwargs": {"column": "x", "min_value": 0}, "severity": "warning"},
    {"type": "expect_column_max_to_be_between", "kwargs": {"column": "__age_days", "max_value": 30}},
    {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "nope"}},
]


def table(rows: int = 400) -> pd.DataFrame:
    times = pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(np.arange(rows), unit="h")
    numbers = np.random.default_rng(0).normal(2, 1, rows)
    return pd.DataFrame({KEY: np.arange(rows), TIME: times, DAY: np.arange(rows) // 24, "x": numbers})


def ordered(folder: Path, frame: pd.DataFrame, *rules: dict[str, Any]) -> suites.ValidationRequest:
    store = Store(str(folder / "store"))
    suite = Suite.model_validate({"name": "made-up", "expectations": list(rules or RULES)})
    return suites.ValidationRequest(store.uri, store.write(frame, "snapshots").uri, suite, "Europe/Berlin", UNTIL)


def nothing() -> None:
    """There is nothing to do meanwhile."""


@pytest.fixture
def beside(monkeypatch: pytest.MonkeyPatch) -> Iterator[ValidationProcess]:
    """A validation process as a command has it, though this process has imported all that it could spare it."""
    found = ValidationProcess()
    monkeypatch.setattr(validation_process, "_waiting", found)
    yield found
    found.end()


def test_the_validation_process_finds_to_the_bit_what_this_process_finds(
    tmp_path: Path, beside: ValidationProcess
) -> None:
    frame = table()
    order = ordered(tmp_path, frame)
    done: list[str] = []
    theirs, page = suites.judge_table(
        frame.head(0), order, lambda: done.append("meanwhile")
    )  # no rows here: they were judged there
    measured = with_measures(frame, order.timezone, order.until)
    ours = suites.validate(measured, order.suite)
    assert UNIQUE.sub("", page) == UNIQUE.sub("", suites.docs_page(ours, order.suite))
    for one, other in zip(theirs, ours, strict=True):
        assert (one.rule, one.success, one.observed, one.error) == (
            other.rule, other.success, other.observed, other.error,
        )  # fmt: skip
        np.testing.assert_array_equal(one.broken, other.broken)
        assert one.result is None
    assert theirs[0].broken.size
    assert not theirs[3].success
    assert done == ["meanwhile"]
    assert not validation_process.is_waiting()


def test_what_the_validation_process_refuses_comes_back_as_itself(tmp_path: Path, beside: ValidationProcess) -> None:
    odd = {"type": "expect_column_values_to_be_between", "kwargs": {"column": TIME, "min_value": "someday"}}
    order = ordered(tmp_path, table(), odd)
    with pytest.raises(SpecError) as here:
        suites.validate(table(), order.suite)
    with pytest.raises(SpecError) as there:
        suites.judge_table(table(), order, nothing)
    assert str(there.value) == str(here.value)


def test_an_empty_table_is_refused_by_the_validation_process_too(tmp_path: Path, beside: ValidationProcess) -> None:
    with pytest.raises(EmptyWindow, match="no rows to check"):
        suites.judge_table(table(), ordered(tmp_path, table(0)), nothing)


def test_the_rows_are_judged_here_where_the_validation_process_was_killed(
    tmp_path: Path, beside: ValidationProcess, caplog: pytest.LogCaptureFixture
) -> None:
    beside.process.kill()
    beside.process.wait()
    frame = table()
    with caplog.at_level("INFO", logger="evergreen"):
        outcomes, _ = suites.judge_table(frame, ordered(tmp_path, frame), nothing)
    assert outcomes[0].broken.tolist() == np.flatnonzero(frame["x"] < 0).tolist()
    assert "the rows are judged here" in caplog.text


def test_what_is_printed_beside_an_answer_is_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text("print('welcome to this machine', flush=True)")
    monkeypatch.setenv("PYTHONPATH", str(folder))
    found = ValidationProcess()
    answer = found.ask(ordered(tmp_path, table()), nothing)
    found.end()
    assert [outcome.success for outcome in answer[0]] == [False, True, True, False]


def test_a_validation_process_that_fails_ends_by_itself(tmp_path: Path) -> None:
    found = ValidationProcess()
    assert found.ask(replace(ordered(tmp_path, table()), uri="nowhere.parquet"), nothing) is None
    assert found.process.wait(timeout=300) == 0
    found.end()


def test_a_large_table_is_judged_here_and_the_validation_process_makes_room(
    tmp_path: Path, beside: ValidationProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validation_process, "_LARGE", 1)
    frame = table()
    outcomes, _ = suites.judge_table(frame, ordered(tmp_path, frame), nothing)
    assert beside.process.returncode is not None
    assert outcomes[0].broken.tolist() == np.flatnonzero(frame["x"] < 0).tolist()


def test_none_is_started_where_great_expectations_is_imported_already() -> None:
    suites.warm_up()
    with validation_process.beside():
        assert not validation_process.is_waiting()


WAITING = """
import sys
from evergreen.runtime import validation_process
with validation_process.beside():
    print(validation_process._waiting.process.pid, flush=True)
    sys.stdin.read()
"""


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="with one core there is no validation process")
@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, None])
def test_the_validation_process_ends_with_its_command_however_that_ends(sign: signal.Signals | None) -> None:
    command = subprocess.Popen(
        [sys.executable, "-c", WAITING], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert command.stdout is not None
    number = int(command.stdout.readline())
    if sign:
        command.send_signal(sign)
    _, errors = command.communicate(timeout=300)
    assert errors.count(b"Traceback") == (sign == signal.SIGINT)  # the program's own
    assert is_gone(number)


def is_gone(number: int) -> bool:
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        try:
            os.kill(number, 0)
            ended = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        except (ProcessLookupError, FileNotFoundError):
            return True
        if ended:
            return True
        time.sleep(0.05)
    return False
