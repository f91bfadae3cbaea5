"""The systems that ``benchmarks.quality`` compares; run as a file, in an environment that may lack this project.

Arguments: the system, a folder with train.parquet, test.parquet and meta.json, the budget in seconds, the seed.
"""

from __future__ import annotations

import importlib
import json
import logging
import resource
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

Predict = Callable[[Any], Any]
Fit = Callable[[Any, Any, dict[str, Any], float], Predict]

#: The share of the budget for searching, where the best is fitted once more on all rows afterwards.
_SEARCH = 0.75


def tidy(frame: Any, meta: dict[str, Any]) -> Any:
    """Numbers and categories, which every system takes: dates become numbers, levels are those of the training rows.

    Most refuse infinities, which are missing then.
    """
    columns: dict[str, Any] = {}
    for at, name in enumerate(meta["inputs"]):
        values = frame[name]
        if pd.api.types.is_datetime64_any_dtype(values.dtype):
            columns[f"f{at}"] = values.astype("int64").where(values.notna()).astype("float64") / 1e15
        elif pd.api.types.is_numeric_dtype(values.dtype):
            columns[f"f{at}"] = values.astype("float64").replace([np.inf, -np.inf], np.nan)
        else:
            texts = values.astype("str").where(values.notna())
            columns[f"f{at}"] = pd.Categorical(texts, categories=meta["levels"][name])
    return pd.DataFrame(columns)


def tuning_rows(meta: dict[str, Any], n: int) -> tuple[Any, Any]:
    """Positions to fit on and to tune by: the newest fifth where there is a time, else a random one."""
    order = np.arange(n) if meta["time"] else np.random.default_rng(0).permutation(n)
    cut = n - n // 5
    return np.sort(order[:cut]), np.sort(order[cut:])


def output(model: Any, task: str, classes: int) -> Predict:
    """Predictions as all systems hand them in: P(class 1), (n, k) probabilities, or numbers."""

    def predict(frame: Any) -> Any:
        if task == "regression":
            return np.asarray(model.predict(frame), dtype=float)
        full = np.zeros((len(frame), max(classes, 2)))
        full[:, np.asarray(model.classes_, dtype=int)] = model.predict_proba(frame)
        return full[:, 1] if task == "binary" else full

    return predict


def _lightgbm(task: str, **settings: Any) -> Any:
    lightgbm = importlib.import_module("lightgbm")
    kind = lightgbm.LGBMRegressor if task == "regression" else lightgbm.LGBMClassifier
    return kind(**{"n_jobs": 2, "verbosity": -1, "random_state": 0} | settings)


def _stopped(
    x: Any, y: Any, meta: dict[str, Any], settings: dict[str, Any], until: float = float("inf")
) -> tuple[int, float]:
    """Rounds at which early stopping or the time ends, and the loss there (smaller is better)."""
    lightgbm = importlib.import_module("lightgbm")
    past, newest = tuning_rows(meta, len(y))
    metric = {"binary": "auc", "multiclass": "multi_logloss", "regression": "rmse"}[meta["task"]]
    model = _lightgbm(meta["task"], n_estimators=2000, **settings)
    stop = lightgbm.early_stopping(50, first_metric_only=True, verbose=False)
    watch = [(x.iloc[newest], y[newest])]
    best: list[Any] = []

    def out_of_time(env: Any) -> None:
        (_, _, value, higher, *_), *_ = env.evaluation_result_list
        value = value if higher else -value
        if not best or value > best[0]:
            best[:] = value, env.iteration, env.evaluation_result_list
        if time.monotonic() > until:
            raise lightgbm.callback.EarlyStopException(*best[1:])

    model.fit(x.iloc[past], y[past], eval_set=watch, eval_metric=metric, callbacks=[stop, out_of_time])
    reached = model.best_score_["valid_0"][metric]
    return int(model.best_iteration_), -reached if metric == "auc" else reached


def lightgbm_default(x: Any, y: Any, meta: dict[str, Any], budget: float) -> Predict:
    """LightGBM as it comes."""
    return output(_lightgbm(meta["task"]).fit(x, y), meta["task"], meta["classes"])


def lightgbm_stopped(x: Any, y: Any, meta: dict[str, Any], budget: float) -> Predict:
    """LightGBM stopped early on a fifth of the rows, fitted again on all of them."""
    settings = {"learning_rate": 0.05}
    rounds, _ = _stopped(x, y, meta, settings)
    return output(_lightgbm(meta["task"], n_estimators=rounds, **settings).fit(x, y), meta["task"], meta["classes"])


def optuna_lightgbm(x: Any, y: Any, meta: dict[str, Any], budget: float) -> Predict:
    """LightGBM tuned by Optuna on one tuning split, fitted again on all rows."""
    optuna = importlib.import_module("optuna")
    optuna.logging.set_verbosity(optuna.logging.ERROR)

    until = time.monotonic() + _SEARCH * budget

    def objective(trial: Any) -> float:
        settings = {
            "num_leaves": trial.suggest_int("num_leaves", 4, 256, log=True),
            "learning_rate": trial.suggest_float("learning_rate", 0.01, 0.3, log=True),
            "min_child_samples": trial.suggest_int("min_child_samples", 2, 200, log=True),
            "colsample_bytree": trial.suggest_float("colsample_bytree", 0.3, 1.0),
            "subsample": trial.suggest_float("subsample", 0.5, 1.0),
            "subsample_freq": 1,
            "reg_lambda": trial.suggest_float("reg_lambda", 1e-3, 100.0, log=True),
            "random_state": meta["seed"],
        }
        rounds, loss = _stopped(x, y, meta, settings, until)
        trial.set_user_attr("settings", settings | {"n_estimators": rounds})
        return loss

    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=meta["seed"]))
    study.optimize(objective, timeout=_SEARCH * budget)
    model = _lightgbm(meta["task"], **study.best_trial.user_attrs["settings"])
    return output(model.fit(x, y), meta["task"], meta["classes"])


def hist_gradient_boosting(x: Any, y: Any, meta: dict[str, Any], budget: float) -> Predict:
    """scikit-learn's boosting with its defaults; columns of more than 255 levels are read as numbers."""
    ensemble = importlib.import_module("sklearn.ensemble")
    kind = "Regressor" if meta["task"] == "regression" else "Classifier"
    large = [name for name in x if x[name].dtype == "category" and len(x[name].cat.categories) > 255]

    def narrowed(frame: Any) -> Any:
        return frame.assign(**{name: frame[name].cat.codes.astype(float) for name in large})

    model = getattr(ensemble, f"HistGradientBoosting{kind}")(random_state=0, categorical_features="from_dtype")
    predict = output(model.fit(narrowed(x), y), meta["task"], meta["classes"])
    return lambda frame: predict(narrowed(frame))


def random_forest(x: Any, y: Any, meta: dict[str, Any], budget: float) -> Predict:
    """scikit-learn's forest of 300 trees on codes."""
    ensemble = importlib.import_module("sklearn.ensemble")
    kind = "Regressor" if meta["task"] == "regression" else "Classifier"

    def coded(frame: Any) -> Any:
        plain = {name: v.cat.codes if v.dtype == "category" else v.fillna(-999) for name, v in frame.items()}
        return pd.DataFrame(plain)

    model = getattr(ensemble, f"RandomForest{kind}")(300, n_jobs=2, random_state=0).fit(coded(x), y)
    predict = output(model, meta["task"], meta["classes"])
    return lambda frame: predict(coded(frame))


def flaml(x: Any, y: Any, meta: dict[str, Any], budget: float) -> Predict:
    """FLAML's AutoML, told the metric and the budget."""
    automl = importlib.import_module("flaml").AutoML()
    metric = {"binary": "roc_auc", "multiclass": "log_loss", "regression": "rmse"}[meta["task"]]
    task = "regression" if meta["task"] == "regression" else "classification"
    split = {"split_type": "time"} if meta["time"] and task == "classification" else {}
    automl.fit(x, y, task=task, metric=metric, time_budget=budget, n_jobs=2, verbose=0, seed=0, **split)
    return output(automl, meta["task"], meta["classes"])


def autogluon(x: Any, y: Any, meta: dict[str, Any], budget: float) -> Predict:
    """AutoGluon's medium quality."""
    tabular = importlib.import_module("autogluon.tabular")
    metric = {"binary": "roc_auc", "multiclass": "log_loss", "regression": "root_mean_squared_error"}[meta["task"]]
    predictor = tabular.TabularPredictor("y", problem_type=meta["task"], eval_metric=metric, verbosity=0)
    predictor.fit(x.assign(y=y), time_limit=budget, presets="medium_quality", num_cpus=2)

    def predict(frame: Any) -> Any:
        if meta["task"] == "regression":
            return predictor.predict(frame).to_numpy(dtype=float)
        found = predictor.predict_proba(frame)
        full = np.zeros((len(frame), max(meta["classes"], 2)))
        full[:, [int(name) for name in found.columns]] = found.to_numpy()
        return full[:, 1] if meta["task"] == "binary" else full

    return predict


def ours(frame: Any, y: Any, meta: dict[str, Any], budget: float) -> Predict:
    """The search of ``evergreen train``, which the other systems' environments lack."""
    parts = tuning_rows(meta, len(y))
    predict: Predict = importlib.import_module("benchmarks.quality_ours").ours(frame, y, meta, budget, *parts)
    return predict


SYSTEMS: dict[str, Fit] = {
    "ours": ours, "optuna-lightgbm": optuna_lightgbm, "lightgbm-stopped": lightgbm_stopped,
    "lightgbm-default": lightgbm_default, "hist-gradient-boosting": hist_gradient_boosting,
    "random-forest": random_forest, "flaml": flaml, "autogluon": autogluon,
}  # fmt: skip
#: Those that make use of more time.
SEARCHING = ("ours", "optuna-lightgbm", "flaml", "autogluon")
#: Those that are run with several seeds.
SEEDED = ("ours", "optuna-lightgbm")
#: Imported before the clock starts, for every system alike.
IMPORTS = {
    "ours": ("benchmarks.quality_ours", "evergreen.features", "evergreen.training", "lightgbm", "optuna",
             "sklearn.ensemble", "sklearn.linear_model", "sklearn.neural_network", "sklearn.neighbors",
             "sklearn.calibration"),
    "optuna-lightgbm": ("optuna", "lightgbm"), "lightgbm-stopped": ("lightgbm",), "lightgbm-default": ("lightgbm",),
    "hist-gradient-boosting": ("sklearn.ensemble",), "random-forest": ("sklearn.ensemble",), "flaml": ("flaml",),
    "autogluon": ("autogluon.tabular",),
}  # fmt: skip


def main() -> None:
    """Fit, predict, and write what came out with what it cost."""
    warnings.filterwarnings("ignore")
    logging.disable(logging.CRITICAL)
    system, folder, budget = sys.argv[1], Path(sys.argv[2]), float(sys.argv[3])
    meta = json.loads((folder / "meta.json").read_text()) | {"seed": int(sys.argv[4])}
    train, test = (pd.read_parquet(folder / f"{part}.parquet") for part in ("train", "test"))
    y = train.pop("__y").to_numpy(dtype=float if meta["task"] == "regression" else int)
    x, unseen = (train, test) if system == "ours" else (tidy(train, meta), tidy(test, meta))
    for module in IMPORTS[system]:
        importlib.import_module(module)
    began = time.perf_counter()
    predict = SYSTEMS[system](x, y, meta, budget)
    seconds = time.perf_counter() - began
    told = getattr(predict, "told", np.nan)
    many = pd.concat([unseen] * max(1, 20_000 // len(unseen)), ignore_index=True)
    prediction = predict(unseen)
    predict(many)  # what a system makes ready when it first predicts is no part of its speed
    began = time.perf_counter()
    predict(many)
    speed = len(many) / (time.perf_counter() - began)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    np.savez(folder / f"{system}.npz", prediction=prediction, costs=np.array([seconds, peak, speed, told]))


if __name__ == "__main__":
    main()
