from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

CHILD = "import signal; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"


def test_what_a_test_starts_can_be_interrupted() -> None:
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    said = subprocess.run([sys.executable, "-c", CHILD], capture_output=True, text=True, check=True)
    assert said.stdout == "True\n"


def test_what_a_test_starts_can_be_interrupted_although_the_suite_was_started_with_ctrl_c_ignored() -> None:
    """As every job that a script puts in the background is."""
    one = f"{Path(__file__)}::test_what_a_test_starts_can_be_interrupted"
    suite = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist", one]
    ours = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    ignoring = ["sh", "-c", 'trap "" INT; exec "$@"', "sh", *suite]
    done = subprocess.run(
        ignoring, capture_output=True, text=True, env=ours, cwd=Path(__file__).parents[1], check=False
    )
    assert done.returncode == 0, done.stdout
