from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from evergreen.errors import DataError, EmptyWindow
from evergreen.io.sources import read

FIRST, SECOND = datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 2, tzinfo=UTC)
SOURCE = """
import pandas as pd
import pyarrow as pa

HOURS = pd.date_range("2023-12-31", "2024-01-03", freq="12h", tz="UTC")

def trips(start, end, *, as_of=None):
    asked.append((start, end, as_of))
    return pd.DataFrame({"id": range(len(HOURS)), "at": HOURS}, index=range(100, 100 + len(HOURS)))

asked = []

def everything():
    return pa.table({"id": [1, 2], "ok": [True, None], "town": ["Ulm", None]})

def any_of(**window):
    return pd.DataFrame({"name": sorted(window)})

def broken(as_of):
    raise ValueError("no postgresql://me:s3cr@host/db today")

def needy(start, password):
    return None

def text():
    return "id,at"

def twins():
    return pd.DataFrame([[1, 2]], columns=["x", "x"])

def nothing():
    return pd.DataFrame({"id": [], "at": []})
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "feed.py").write_text(SOURCE)
    return tmp_path


def test_a_function_is_given_the_window_and_what_it_returns_is_cut_to_it(root: Path) -> None:
    rows = read("feed:trips", root, time="at", start=FIRST, end=SECOND, as_of=SECOND)
    assert rows["id"].tolist() == [2, 3]
    assert rows.index.tolist() == [0, 1]
    import feed  # type: ignore[import-not-found]

    assert feed.asked == [(FIRST, SECOND, SECOND)]


def test_a_function_takes_only_what_it_accepts(root: Path) -> None:
    assert read("feed:everything", root, columns=("ok", "town")).columns.tolist() == ["ok", "town"]
    assert str(read("feed:everything", root)["ok"].dtype) == "boolean"
    assert read("feed:any_of", root)["name"].tolist() == ["as_of", "end", "start"]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("feed:trps", r"feed has no function trps; did you mean trips\?"),
        ("fed:trips", r"no module fed in .*; did you mean feed\?"),
        ("feed:broken", r"raised ValueError at feed\.py line 20: no postgresql://me:\*\*\*@host/db today"),
        ("feed:needy", "needs password; a source is given start, end and as_of"),
        ("feed:text", "returned str; return a pandas DataFrame or a pyarrow Table"),
        ("feed:twins", "column x stands twice"),
        ("wrong:trips", "wrong cannot be imported: SyntaxError"),
        ("hungry:trips", "hungry needs nowhere_to_be_found, which is not installed"),
    ],
)
def test_a_function_that_gives_no_table_says_why(root: Path, source: str, said: str) -> None:
    (root / "wrong.py").write_text("def trips(:")
    (root / "hungry.py").write_text("import nowhere_to_be_found")
    with pytest.raises(DataError, match=f"^{source}: {said}"):
        read(source, root)


def test_a_missing_column_and_an_empty_table_are_told(root: Path) -> None:
    with pytest.raises(DataError, match=r"feed:trips: no column idd; did you mean id\?"):
        read("feed:trips", root, columns=("idd",), time="at")
    with pytest.raises(EmptyWindow, match="feed:nothing: no rows; write some first"):
        read("feed:nothing", root)
    assert str(read("feed:nothing", root, time="at", may_be_empty=True)["at"].dtype) == "datetime64[us, UTC]"


def test_two_projects_may_call_their_modules_alike(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    (other / "feed.py").write_text("import pandas as pd\ndef trips():\n    return pd.DataFrame({'id': [7]})\n")
    assert len(read("feed:trips", root)) == 7
    assert read("feed:trips", other)["id"].tolist() == [7]


def test_a_file_of_such_a_name_is_a_file(root: Path) -> None:
    pd.DataFrame({"id": [1]}).to_csv(root / "feed.csv", index=False)
    assert read("feed.csv", root)["id"].tolist() == [1]
