from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from evergreen.private import write_private


def test_several_who_write_at_once_leave_one_whole_file_for_its_owner_alone(tmp_path: Path) -> None:
    """Two `evergreen deploy` at once do."""
    path, texts = tmp_path / "jobs.json", [str(number) * 10_000 for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: write_private(path, texts[number % 8]), range(400)))
    assert path.read_text() in texts
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "up.key"
    write_private(path, "before")
    with pytest.raises(UnicodeEncodeError):
        write_private(path, "\ud800")
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]
