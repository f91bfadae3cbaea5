"""Commands in processes of their own that share their imports."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def _driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    program, folder = Path(__file__).parents[2] / "driver.py", tmp_path_factory.mktemp("commands")
    out, err = folder / "out", folder / "err"
    with subprocess.Popen(
        [sys.executable, "-P", str(program), str(out)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as driver:
        assert driver.stdin
        assert driver.stdout

        def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
            order = {
                "number": 0,
                "known": None,
                "times": 1,
                "command": arguments,
                "folder": os.getcwd(),
                "environment": os.environ | environment,
                "errors": str(err),
            }
            driver.stdin.write(json.dumps(order) + "\n")
            driver.stdin.flush()
            driver.stdout.readline()  # which process it is
            code = int(driver.stdout.readline().split()[1])
            return subprocess.CompletedProcess(["evergreen", *arguments], code, out.read_text(), err.read_text())

        yield run
        driver.communicate()


@pytest.fixture
def evergreen(_driver: Run) -> Run:
    """Run a command as a person does, with more variables where any are given; what it printed, and its exit code."""
    return _driver
