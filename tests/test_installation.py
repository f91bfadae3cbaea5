"""Installed as a tool, Evergreen works in any folder, and not by way of the clone that it was built from."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def run(command: list[str], cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    ours = ("EVERGREEN_", "PYTHONPATH", "PREFECT_API_URL", "PREFECT_CLIENT_CUSTOM_HEADERS")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return subprocess.run(command, cwd=cwd, env=kept | environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of a copy of the clone, so that nothing is left in the clone itself."""
    source, built = tmp_path_factory.mktemp("clone"), tmp_path_factory.mktemp("dist")
    for name in ("evergreen", "tasks", "flows"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, source / name)
    offline = ["--no-build-isolation", "--offline"] if importlib.util.find_spec("hatchling") else []
    uv = [sys.executable, "-m", "uv"]
    done = run([*uv, "build", "--wheel", "--python", sys.executable, *offline, "--out-dir", str(built)], source)
    assert done.returncode == 0, done.stderr
    return next(built.glob("*.whl"))


@pytest.fixture(scope="module")
def tool(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of commands of an environment that holds the wheel, and this one's dependencies."""
    home = tmp_path_factory.mktemp("tool") / "venv"
    uv = [sys.executable, "-m", "uv"]
    done = run([*uv, "venv", "--offline", "--python", sys.executable, str(home)], home.parent)
    assert done.returncode == 0, done.stderr
    python = str(home / "bin" / "python")
    done = run([*uv, "pip", "install", "--offline", "--no-deps", "--python", python, str(wheel)], home.parent)
    assert done.returncode == 0, done.stderr
    # A path file only adds folders; the editable install's own path file in there is not read.
    site = Path(run([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], home).stdout.strip())
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return home / "bin"


@pytest.fixture
def elsewhere(tmp_path: Path, content: dict[str, object]) -> Path:
    """A user's own project, far from the clone."""
    from typing import Any

    values: dict[str, Any] = content
    for folder in ("deployments", "expectations", "data", "src"):
        (tmp_path / folder).mkdir(exist_ok=True)
    spec = values["spec"].replace("[lightgbm, linear]", "[linear]")
    (tmp_path / "deployments" / "churn.yaml").write_text(spec)
    (tmp_path / "expectations" / "customers.yaml").write_text(values["suite"])
    values["rows"].to_csv(tmp_path / "data" / "customers.csv", index=False)
    return tmp_path


def test_the_wheel_holds_the_program_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"evergreen", "tasks", "flows"}
    assert "evergreen/validation/catalogue.json" in names
    assert "evergreen/monitoring/report.html.j2" in names


def test_the_installed_program_is_not_the_clone(tool: Path, elsewhere: Path) -> None:
    code = "import evergreen, flows, tasks; print(*(one.__file__ for one in (evergreen, flows, tasks)))"
    shown = run([str(tool / "python"), "-c", code], elsewhere)
    assert shown.returncode == 0, shown.stderr
    assert all(Path(file).is_relative_to(tool.parent) for file in shown.stdout.split())


def test_help_and_check_work_in_another_folder(tool: Path, elsewhere: Path) -> None:
    shown = run([str(tool / "evergreen"), "--help"], elsewhere)
    assert shown.returncode == 0, shown.stderr
    assert "train" in shown.stdout
    checked = run([str(tool / "evergreen"), "check"], elsewhere)
    assert checked.returncode == 0, checked.stderr
    assert "churn" in checked.stdout
    assert not (elsewhere / ".evergreen").exists()


@pytest.mark.timeout(600)
def test_a_model_is_trained_in_a_project_of_ones_own(tool: Path, elsewhere: Path) -> None:
    home = elsewhere / "home"
    home.mkdir()
    unset = {"HOME": str(home), "PREFECT_HOME": str(elsewhere / ".evergreen" / "prefect")}
    trained = run([str(tool / "evergreen"), "train", "churn", "--as-of", "2026-03-10"], elsewhere / "src", **unset)
    assert trained.returncode == 0, trained.stderr
    assert "PROMOTED" in trained.stdout
    listed = run([str(tool / "evergreen"), "models", "churn"], elsewhere, **unset)
    assert "champion" in listed.stdout
    assert (elsewhere / ".evergreen" / "records.db").is_file()
    assert [path.name for path in home.rglob("*") if path.is_file()] == []
