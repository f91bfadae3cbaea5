"""What the pages say must be so: commands parse, the tutorial runs and prints what it shows, YAML is understood."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from evergreen.cli import app
from evergreen.spec import load_spec
from evergreen.spec.reference import reference
from evergreen.validation import load_suite

ROOT = Path(__file__).parents[1]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "infra/README.md")),
    *sorted(ROOT.glob("docs/**/*.md")),
]
TUTORIAL = ROOT / "docs" / "tutorial.md"
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]

#: Commands of other pages than the tutorial that need more than its project, and the tests that run them.
ELSEWHERE = {
    "serve": "evergreen/cli/test_serving.py",
    "init": "evergreen/cli/test_discovery.py", "train": "evergreen/cli/test_commands.py",
    "up": "evergreen/cli/test_up.py", "deploy": "evergreen/cli/test_up.py",
    "promote": "evergreen/cli/test_deciding.py", "rollback": "evergreen/cli/test_deciding.py",
    "quarantine --release": "evergreen/cli/test_commands.py",
}  # fmt: skip

#: Runs commands one after another in one process, which starts one Prefect for all of them. A few candidates are enough
#: for pages that show how it is done.
DRIVER = """
import contextlib, io, json, pathlib, sys
from evergreen.cli import app
said = []
for arguments in json.load(sys.stdin):
    with contextlib.redirect_stdout(io.StringIO()) as output:
        code = app(arguments, standalone_mode=False)
    assert not code, (arguments, code, output.getvalue())
    said.append(output.getvalue())
    if arguments[0] == "init":
        (spec,) = pathlib.Path("deployments").glob("*.yaml")
        spec.write_text(spec.read_text().replace("\\ntraining:\\n", "\\ntraining:\\n  max_candidates: 4\\n"))
        assert "max_candidates: 4" in spec.read_text()
json.dump(said, sys.stdout)
"""


def named(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path, *languages: str) -> list[str]:
    found = re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text(encoding="utf-8"), re.M | re.S)
    return [text for language, text in found if language in languages]


def steps(block: str) -> Iterator[tuple[str, list[str]]]:
    """The commands of a console block, each with the lines that it is said to print."""
    for part in re.split(r"^\$ ", block, flags=re.M)[1:]:
        command, *shown = part.rstrip("\n").split("\n")
        yield command, shown


def commands(page: Path) -> list[str]:
    """Every command of a page: in bash and console blocks, and in indented lines."""
    found = [line for block in blocks(page, "bash") for line in block.splitlines() if line.strip()]
    found += [command for block in blocks(page, "console") for command, _ in steps(block)]
    return found + re.findall(r"^ {4}((?:evergreen|make) .*)$", page.read_text(encoding="utf-8"), re.M)


def on_other_pages() -> list[list[str]]:
    """What the other pages tell one to run, about the tutorial's model and rows."""
    found = []
    for page in PAGES:
        for line in commands(page) if page != TUTORIAL else ():
            words = shlex.split(line, comments=True)
            kind = " ".join([words[1], *(word for word in words if word == "--release")]) if len(words) > 1 else ""
            if words[0] != "evergreen" or kind in ELSEWHERE:
                continue
            text = "\0".join(words[1:]).replace("flight-delay", "customers").replace("my-model", "customers")
            text = re.sub(r"2013-\d\d-\d\d/2013-\d\d-\d\d", "2025-03-01/2025-04-01", text)
            text = re.sub(r"2013-\d\d-\d\d-[A-Z][\w-]*", "C09000", text)
            if words[1] == "backtest":  # two weeks of it, however long the page's own past is
                text = "\0".join(["backtest", "customers", "--start", "2025-10-06", "--end", "2025-10-20"])
            if text.split("\0") not in found:
                found.append(text.split("\0"))
    return found


def masked(line: str) -> str:
    """A line without what differs from one machine or day to the next: its numbers and its spacing."""
    return " ".join(re.sub(r"\d[\d,.]*", "#", line).split())


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_command_of_a_page_is_one_that_there_is(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    for line in commands(page):
        words = shlex.split(line, comments=True)
        if words[0] == "evergreen":
            # Parses as the command line would: unknown commands and options, missing arguments and wrong types raise.
            COMMANDS[words[1]].make_context(words[1], words[2:])
        elif words[0] == "make":
            assert {word for word in words[1:] if "=" not in word} <= targets, line
        else:
            assert words[0] in ("export", "python3"), f"{line}: a command that no test looks at"


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_commands_and_variables_in_running_text_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert set(re.findall(r"`evergreen ([a-z]+)", text)) <= set(COMMANDS)
    known = "".join(
        (ROOT / name).read_text() for name in ("evergreen/settings.py", "evergreen/orchestration/worker.py")
    )
    assert [name for name in set(re.findall(r"EVERGREEN_[A-Z_]+", text)) if name not in known] == []


def test_the_readme_names_every_command() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [name for name in COMMANDS if f"`{name}`" not in text] == []


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_yaml_of_a_page_is_understood(page: Path, tmp_path: Path) -> None:
    for block in blocks(page, "yaml"):
        path = tmp_path / "page.yaml"
        if block.startswith("expectations:"):
            path.write_text(block, encoding="utf-8")
            load_suite(path)
            continue
        head = "" if re.search(r"^model:", block, re.M) else "model: page\n"
        head += "" if re.search(r"^data:", block, re.M) else "data: {source: a.csv, target: {column: y}}\n"
        text = re.sub(r"^model: .*$", "model: page", head + block, flags=re.M)
        path.write_text(text, encoding="utf-8")
        load_spec(path)


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        place, _, anchor = target.partition("#")
        there = (page.parent / place).resolve() if place else page
        assert there.exists(), target
        if anchor:
            titles = re.findall(r"^#+ (.*)$", there.read_text(encoding="utf-8"), re.M)
            assert anchor in {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}, target


def test_the_committed_reference_is_the_generated_one() -> None:
    assert (ROOT / "docs" / "spec.md").read_text(encoding="utf-8") == reference(), "run: make docs"


def test_every_key_of_the_reference_has_a_meaning() -> None:
    assert [line for line in reference().splitlines() if re.search(r"\| *\|", line)] == []


def test_commands_that_the_tutorials_project_cannot_run_are_run_by_tests_of_their_own() -> None:
    for kind, place in ELSEWHERE.items():
        text = (ROOT / "tests" / place).read_text(encoding="utf-8")
        assert all(f'"{word}"' in text for word in kind.split()), (kind, place)


def test_the_tutorial_runs_and_prints_what_it_shows_and_other_pages_commands_run_after_it(tmp_path: Path) -> None:
    (program,) = blocks(TUTORIAL, "python")
    (tmp_path / "table.py").write_text(program, encoding="utf-8")
    everything = [step for block in blocks(TUTORIAL, "console") for step in steps(block)]
    assert everything[0][0] == "python3 table.py"
    subprocess.run([sys.executable, "table.py"], cwd=tmp_path, check=True)
    ours = [(shlex.split(command), shown) for command, shown in everything[1:]]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("EVERGREEN_", "PREFECT_"))}
    done = subprocess.run(
        [sys.executable, "-c", DRIVER],
        input=json.dumps([*(words[1:] for words, _ in ours), *on_other_pages()]),
        cwd=tmp_path, env=kept, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for (words, shown), said in zip(ours, json.loads(done.stdout)[: len(ours)], strict=True):
        lines = iter([masked(line) for line in said.splitlines()])
        for line in shown:
            if line != "...":
                # `in` takes lines off the iterator: what the page shows must come, and in this order.
                assert masked(line) in lines, f"{' '.join(words)} does not print {line!r}:\n{said}"
