"""A run that is forked from the warm process is, to who started it, a process like any other."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from evergreen import runtime
from evergreen.runtime.fork_client import SOCKET, connect

#: The program of a run; HEAVY stands for what takes long to import.
PROGRAM = """
import os, sys, time

print("heavy" in sys.modules, os.environ["WHAT"], os.environ.get("ADDED"), os.getcwd(), os.getpid(), flush=True)
if os.environ["WHAT"] == "wait":
    time.sleep(300)
sys.exit(int(os.environ["WHAT"]))
"""
HEAVY = "import os; os.environ['ADDED'] = 'by an import'"
CLIENT = Path(runtime.__path__[0]) / "fork_client.py"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # Longer than the path of a socket may be.
    folder = tmp_path_factory.mktemp("x" * 120)
    (folder / "program.py").write_text(PROGRAM)
    (folder / "heavy.py").write_text(HEAVY)
    return folder


@pytest.fixture(scope="module")
def warm(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    paths = os.pathsep.join([str(Path(__file__).parents[2]), str(folder)])
    process = subprocess.Popen(
        [sys.executable, "-m", "evergreen.runtime.fork_server", str(folder), "program", "heavy"],
        env=os.environ | {"PYTHONPATH": paths},
    )
    until(lambda: listens(folder))
    yield process
    process.kill()
    process.wait()


def listens(folder: Path) -> bool:
    try:
        connect(folder).close()
    except OSError:  # its socket is there a moment before it listens
        return False
    return True


def until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 300
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def run(folder: Path, what: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-I", "-S", str(CLIENT), str(folder), "program"],
        env=os.environ | {"WHAT": what, "PYTHONPATH": str(folder)}, cwd=folder, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def said(process: subprocess.Popen[str]) -> list[str]:
    assert process.stdout
    return process.stdout.readline().split()


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_run_has_the_imports_and_its_own_environment_folder_output_and_exit_code(
    folder: Path, warm: subprocess.Popen[bytes]
) -> None:
    first, second = run(folder, "0"), run(folder, "7")
    heavy, what, *added, cwd, pid = said(second)
    assert (heavy, what, " ".join(added), cwd) == ("True", "7", "by an import", str(folder))
    assert int(pid) != second.pid
    assert (first.wait(timeout=300), second.wait(timeout=300)) == (0, 7)
    assert warm.poll() is None
    assert (folder / SOCKET).stat().st_mode & 0o077 == 0


def test_a_signal_goes_on_to_the_run_and_its_end_is_the_commands_end(
    folder: Path, warm: subprocess.Popen[bytes]
) -> None:
    process = run(folder, "wait")
    pid = int(said(process)[-1])
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=300) == -signal.SIGTERM
    until(lambda: not lives(pid))


def test_a_run_whose_command_is_killed_ends_with_it(folder: Path, warm: subprocess.Popen[bytes]) -> None:
    process = run(folder, "wait")
    pid = int(said(process)[-1])
    process.kill()
    until(lambda: not lives(pid))


def test_where_nobody_listens_the_command_becomes_the_program(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        connect(tmp_path)
    (tmp_path / "program.py").write_text(PROGRAM)
    process = run(tmp_path, "5")
    heavy, _, _, _, pid = said(process)
    assert (heavy, int(pid)) == ("False", process.pid)
    assert process.wait(timeout=300) == 5
