from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evergreen.cli import app
from evergreen.errors import DataError, EvergreenError, UsageError
from evergreen.io.sources import read
from evergreen.spec import ModelSpec, load_spec
from evergreen.validation import load_suite


def run(*arguments: str) -> None:
    app(list(arguments), standalone_mode=False)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder in which a person stands."""
    monkeypatch.delenv("EVERGREEN_PROJECT", raising=False)
    monkeypatch.setenv("EVERGREEN_WORKSPACE", str(tmp_path / "workspace"))
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def customers(rows: int = 400) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    churned = rng.random(rows) < 0.4
    return pd.DataFrame(
        {
            "customer_id": [f"C{number:05d}" for number in rng.permutation(rows)],
            "income": [f"{value:,.2f}" for value in rng.lognormal(10, 1, rows)],
            "zip": [f"{code:05d}" for code in rng.integers(100, 9999, rows)],
            "signed": (pd.Timestamp("2022-01-01") + pd.to_timedelta(rng.integers(0, 600, rows), unit="D")).strftime(
                "%d/%m/%Y"
            ),
            "country": "IT",
            "closed_at": np.where(churned, "x", "y"),
            "churned": np.where(churned, "Yes", "No"),
        }
    )


def spec_of(project: Path, name: str) -> ModelSpec:
    return load_spec(project / "deployments" / f"{name}.yaml")


def test_init_reads_a_dirty_table_as_a_person_would(project: Path) -> None:
    frame = customers()
    frame.loc[3:40, "income"] = "?"
    frame.to_csv("Customers 2024.csv", index=False)
    run("init", "Customers 2024.csv", "--target", "churned")
    spec = spec_of(project, "customers-2024")
    assert spec.data.source == "Customers 2024.csv"
    assert (spec.data.key, spec.data.time, spec.training.task) == ("customer_id", "signed", "binary")
    read = spec.data.read
    assert read is not None
    assert (read.missing, read.numbers, read.thousands) == (("?",), ("income",), ",")
    assert (read.dates, read.texts) == ({"signed": ("%d/%m/%Y",)}, ("zip",))
    assert spec.features.exclude == ("country",)


def test_init_names_a_leak_and_leaves_it_to_a_person_to_exclude_it(project: Path) -> None:
    customers().to_csv("customers.csv", index=False)
    run("init", "customers.csv", "--target", "churned")
    text = (project / "deployments/customers.yaml").read_text()
    assert "# check: closed_at: alone it predicts the target with ROC AUC 1.000" in text
    assert "# - closed_at" in text
    assert "closed_at" not in spec_of(project, "customers").features.exclude


def test_the_suite_that_init_writes_is_one_that_check_accepts(project: Path) -> None:
    customers().to_csv("customers.csv", index=False)
    run("init", "customers.csv", "--target", "churned")
    suite = load_suite(project / "expectations/customers.yaml")
    assert {"expect_table_columns_to_match_set", "expect_column_values_to_be_unique"} <= {
        rule.type for rule in suite.expectations
    }
    run("check")


@pytest.mark.parametrize("kept", ["deployments/customers.yaml", "expectations/customers.yaml"])
def test_init_never_overwrites(project: Path, kept: str) -> None:
    customers().to_csv("customers.csv", index=False)
    (project / kept).parent.mkdir()
    (project / kept).write_text("mine")
    with pytest.raises(UsageError, match="is not overwritten"):
        run("init", "customers.csv", "--target", "churned")
    assert (project / kept).read_text() == "mine"
    assert not any(path.suffix == ".yaml" and path != project / kept for path in project.rglob("*"))


def test_a_file_without_a_header_is_noticed_and_its_target_named_by_position(project: Path) -> None:
    frame = customers()[["income", "churned"]].assign(age=np.arange(400) % 70)
    frame.to_csv("plain.csv", index=False, header=False, sep=";")
    run("init", "plain.csv", "--target", "2")
    spec = spec_of(project, "plain")
    assert spec.data.read is not None
    assert spec.data.read.names == ("column_1", "column_2", "column_3")
    assert spec.data.target.column == "column_2"


def test_what_a_person_says_is_taken_as_it_is(project: Path) -> None:
    frame = customers().assign(year=np.arange(400) % 12 + 2000)
    frame.to_csv("customers.csv", index=False)
    run(
        *("init", "customers.csv", "--target", "churned", "--time", "year", "--key", "customer_id"),
        *("--lead", "2h", "--group", "zip", "--name", "mine"),
    )
    spec = spec_of(project, "mine")
    assert spec.data.read is not None
    assert (spec.data.time, spec.data.read.dates["year"]) == ("year", ("%Y",))
    assert spec.data.lead.total_seconds() == 7200
    assert spec.data.group == "zip"


@pytest.mark.parametrize(
    ("content", "target", "words"),
    [
        ("a,b\n1,2\n3,4\n", "bb", "no column bb; did you mean b?"),
        ("a,b\n1,2\n3,2\n", "b", "all 2 values are 2"),
        ("a,b,b\n1,2,3\n4,2,5\n", "b", "all 2 values are 2"),
        ("only one column\nhere\n", "b", "has one column"),
        ("a,b\n", "b", "has a header and no rows"),
        ("", "b", "the file is empty"),
        ("a,b\n1,x\n1,y\n1,x\n", "b", "no column is left to predict b from: a always 1"),
    ],
)
def test_a_table_that_cannot_be_learned_from_is_refused_in_words(
    project: Path, content: str, target: str, words: str
) -> None:
    Path("t.csv").write_text(content)
    with pytest.raises(EvergreenError, match=words.replace("?", r"\?")):
        run("init", "t.csv", "--target", target)
    assert not (project / "deployments").exists()


@pytest.mark.parametrize(
    ("encoding", "word"),
    [("cp1252", "München"), ("utf-16", "Łódź"), ("cp1251", "Москва"), ("shift_jis", "東京"), ("utf-16-le", "Tokyo")],
)
def test_another_encoding_is_found_named_in_the_spec_and_read_by_training_too(
    project: Path, encoding: str, word: str
) -> None:
    Path("t.csv").write_bytes(("town,b\n" + f"{word},1\nRom,0\n{word},0\n" * 10).encode(encoding))
    run("init", "t.csv", "--target", "b")
    spec = spec_of(project, "t")
    assert spec.data.read is not None
    assert spec.data.read.encoding == encoding
    assert set(read("t.csv", project, how=spec.data.read)["town"]) == {word, "Rom"}
    assert "# check:" in (project / "deployments/t.yaml").read_text().split("encoding:")[0].splitlines()[-2]


def test_files_of_one_source_in_two_encodings_are_refused_by_name(project: Path) -> None:
    (project / "in").mkdir()
    for name, encoding in (("a", "utf-8"), ("b", "cp1252")):
        (project / f"in/{name}.csv").write_bytes("town,b\nMünchen,1\nRom,0\n".encode(encoding))
    with pytest.raises(DataError, match=r"b\.csv: is written in cp1252, .*a\.csv in UTF-8"):
        run("init", "in", "--target", "b")


def test_a_password_in_a_url_is_neither_shown_nor_written(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError, match="holds a password, which would stand in the model's file") as refused:
        run("init", "https://me:s3cret@127.0.0.1:9/t.csv", "--target", "y")
    with pytest.raises(EvergreenError) as unread:
        run("profile", "https://me:s3cret@127.0.0.1:9/t.csv", "-o", "p.html")
    assert "s3cret" not in f"{refused.value} {unread.value} {capsys.readouterr()}"
    assert not list(project.rglob("*.yaml"))


def test_a_column_may_be_named_in_another_case_and_without_its_blanks(project: Path) -> None:
    Path("t.csv").write_text("Age , Churned \n" + "31,yes\n45,no\n" * 20)
    run("init", "t.csv", "--target", "churned")
    assert spec_of(project, "t").data.target.column == "Churned"


def test_a_parquet_file_needs_no_reading(project: Path) -> None:
    frame = customers().assign(score=np.linspace(0, 1, 400) ** 2)
    frame[["score", "zip", "churned"]].to_parquet("t.parquet")
    run("init", "t.parquet", "--target", "score")
    spec = spec_of(project, "t")
    assert spec.training.task == "regression"


def test_profile_writes_a_page_that_needs_nothing_else(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frame = customers().rename(columns={"country": "<script>alert(1)</script>"})
    frame.to_csv("customers.csv", index=False)
    run("profile", "customers.csv", "--target", "churned", "-o", "page.html")
    page = Path("page.html").read_text()
    assert "http" not in page
    assert "<script" not in page
    assert "closed_at" in page
    assert "closed_at: may know the target" in capsys.readouterr().out


def test_decimal_commas_between_semicolons_are_told_from_separators(project: Path) -> None:
    rng = np.random.default_rng(4)
    frame = pd.DataFrame({"x": rng.normal(size=200), "y": rng.normal(size=200)}).round(3)
    frame.to_csv("t.csv", index=False, header=False, sep=";", decimal=",")
    run("init", "t.csv", "--target", "-1")
    spec = spec_of(project, "t")
    assert spec.training.task == "regression"
    assert spec.data.read is not None
    assert (spec.data.read.numbers, spec.data.read.decimal) == (("column_1", "column_2"), ",")


def test_what_init_found_out_holds_when_the_rows_are_read_for_training(project: Path) -> None:
    from evergreen.io.sources import read

    frame = customers()
    frame.loc[3:40, "income"] = "?"
    frame.to_csv("customers.csv", index=False)
    run("init", "customers.csv", "--target", "churned")
    data = spec_of(project, "customers").data
    rows = read(data.source, project, time=data.time, timezone=data.timezone, how=data.read)
    assert rows["income"].dtype == "float64"
    assert rows["income"].isna().sum() == 38
    assert rows["zip"].str.len().eq(5).all()
    assert rows["signed"].min() == pd.to_datetime(frame["signed"], format="%d/%m/%Y", utc=True).min()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--lead", "soon"], "not a duration"),
        (["--lead", "2h", "--time", "x"], "x"),
        (["--lead", "2h"], "none was found; say which: --time"),
        (["--group", "y"], "is the target, and cannot be the group too"),
        (["--key", " Y "], "is the target, and cannot be the key too"),
    ],
)
def test_options_that_contradict_the_table_are_refused_in_words(project: Path, options: list[str], said: str) -> None:
    rng = np.random.default_rng(3)
    pd.DataFrame({"x": rng.normal(size=200), "y": rng.integers(0, 2, 200)}).to_csv("t.csv", index=False)
    with pytest.raises(EvergreenError, match=said):
        run("init", "t.csv", "--target", "y", *options)
    assert not (project / "deployments").exists()


def test_a_text_is_told_from_a_table(project: Path) -> None:
    Path("letter.csv").write_text("Dear Sir,\nthis is a letter.\nIt says nothing.\n" * 20, encoding="utf-8")
    with pytest.raises(DataError, match="this is a text, no table"):
        run("init", "letter.csv", "--target", "y")


def test_a_total_line_is_left_out_in_the_spec_and_marked(project: Path) -> None:
    frame = customers().drop(columns=["closed_at"])
    total = ["Grand Total", *([""] * (len(frame.columns) - 1))]
    pd.concat([frame, pd.DataFrame([total], columns=frame.columns)]).to_csv("t.csv", index=False)
    run("init", "t.csv", "--target", "churned")
    spec = spec_of(project, "t")
    assert spec.data.read is not None
    assert spec.data.read.drop == {"customer_id": ("Grand Total",)}
    assert (spec.data.key, spec.data.time) == ("customer_id", "signed")
    assert "# check: 'Grand Total' in line 401" in (project / "deployments" / "t.yaml").read_text()
