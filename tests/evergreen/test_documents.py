from __future__ import annotations

import os
from pathlib import Path

import pytest

from evergreen.documents import load_yaml
from evergreen.errors import SpecError
from evergreen.spec import load_spec

GOOD = "model: m\ndata:\n  source: data/x.csv\n  target: {column: y}\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "deployments").mkdir()
    return tmp_path / "deployments" / "m.yaml"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("? {a: 1}\n: 2\n", "m.yaml:1:3: not readable as YAML: a key is a word, not a list or a mapping"),
        ("data:\n  ? [a, b]\n  : 1\n", "m.yaml:2:5: not readable as YAML: a key is a word"),
        (f"seed: {'9' * 5000}\n", "m.yaml:1:7: not readable as YAML: not a value: Exceeds the limit"),
        ("day: 2026-13-45\n", "m.yaml:1:6: not readable as YAML: not a value: month must be in 1..12"),
        ("floor: .nan\n", "m.yaml:1:8: not readable as YAML: not a finite number"),
        ("floor: [-.inf]\n", "m.yaml:1:9: not readable as YAML: not a finite number"),
        ("a: " + "[" * 3000 + "]" * 3000, "m.yaml:1:53: not readable as YAML: nested more than 50 levels deep"),
        ("".join(" " * depth + "a:\n" for depth in range(200)), "nested more than 50 levels deep"),
        ("".join(f"k{number}: 1\n" for number in range(200_000)), "m.yaml: larger than 1,000 kB"),
    ],
)
def test_what_no_file_should_hold_is_refused_by_its_place(file: Path, text: str, message: str) -> None:
    file.write_text(text)
    with pytest.raises(SpecError) as refusal:
        load_yaml(file)
    assert message in str(refusal.value)


@pytest.mark.parametrize("kind", ["folder", "pipe", "loop"])
def test_what_is_no_file_is_refused_at_once(file: Path, kind: str) -> None:
    {"folder": file.mkdir, "pipe": lambda: os.mkfifo(file), "loop": lambda: file.symlink_to(file.name)}[kind]()
    with pytest.raises(SpecError, match=r"m.yaml: (not a file|cannot be read)"):
        load_yaml(file)


def test_a_link_that_leaves_the_project_is_refused_without_its_content(file: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path.parent / f"{tmp_path.name}-secret.yaml"
    elsewhere.write_text("root: hunter2\n")
    file.symlink_to(elsewhere)
    with pytest.raises(SpecError, match="a link that leaves the project") as refusal:
        load_yaml(file)
    assert "hunter2" not in str(refusal.value)


def test_a_link_inside_the_project_is_followed(file: Path, tmp_path: Path) -> None:
    (tmp_path / "shared.yaml").write_text("a: 1\n")
    file.symlink_to(tmp_path / "shared.yaml")
    assert load_yaml(file) == {"a": 1}


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ("training: {seed: -1}", "training.seed: input should be greater than or equal to 0"),
        ("monitoring: {window: 99999999999999d}", "monitoring.window: '99999999999999d' is longer than 36,500 days"),
        ("monitoring: {window: 0d}", "monitoring.window: must be at least one second"),
        ("training: {budget: 0.1s}", "training.budget: must be at least one second"),
        ("schedule: {score: 0.5s}", "schedule.score: '0.5s' is no schedule"),
        ("schedule: {timezone: Mars/Olympus}", "schedule.timezone: 'Mars/Olympus' is no time zone"),
        ("schedule: {timezone: ../../etc/passwd}", "schedule.timezone: '../../etc/passwd' is no time zone"),
    ],
)
def test_a_value_that_no_run_could_use_is_refused_by_its_key(file: Path, extra: str, message: str) -> None:
    file.write_text(f"{GOOD}{extra}\n")
    with pytest.raises(SpecError) as refusal:
        load_spec(file)
    assert message in str(refusal.value)
