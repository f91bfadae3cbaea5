"""Figures of predicted classes: ROC, precision and recall, calibration, confusion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from sklearn.metrics import confusion_matrix, precision_recall_curve, roc_curve

from evergreen.arrays import Floats
from evergreen.figures.canvas import GREY, LINE, new_panel
from evergreen.metrics import decide_class, find_metric

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Beyond, the names of classes, or the numbers in a table of them, cannot be read.
_MOST_LABELLED = 12
_MOST_CURVES = 6


def two_classes(truth: Floats, scores: Floats) -> dict[str, Figure]:
    """ROC, precision and recall, and calibration of probabilities of class 1; without both classes the last alone."""
    both = len(np.unique(truth)) == 2
    ranked = {"roc": _roc(truth, scores), "precision_recall": _precision_recall(truth, scores)} if both else {}
    return {**ranked, "calibration": _calibration(truth, scores)}


def _roc(truth: Floats, scores: Floats) -> Figure:
    figure, axes = new_panel(
        f"ROC: AUC {find_metric('roc_auc').value(truth, scores):.3f}", "False positive rate", "True positive rate"
    )
    false, true, _ = roc_curve(truth, scores)
    axes.plot([0, 1], [0, 1], "--", color=GREY, label="chance")
    axes.plot(false, true, color=LINE, label="model")
    axes.legend(frameon=False, loc="lower right")
    return figure


def _precision_recall(truth: Floats, scores: Floats) -> Figure:
    area = find_metric("pr_auc").value(truth, scores)
    figure, axes = new_panel(f"Precision and recall: AUC {area:.3f}", "Recall", "Precision")
    precision, recall, _ = precision_recall_curve(truth, scores)
    axes.axhline(truth.mean(), linestyle="--", color=GREY, label=f"chance {truth.mean():.3f}")
    axes.step(recall, precision, where="post", color=LINE, label="model")
    axes.set_ylim(0, 1.02)
    axes.legend(frameon=False)
    return figure


def _calibration(truth: Floats, scores: Floats) -> Figure:
    """Observed against predicted shares in tenths of the rows."""
    figure, axes = new_panel("Calibration", "Predicted probability", "Observed share")
    predicted, observed, reach = _tenths_of(truth, scores)
    axes.plot([0, 1], [0, 1], "--", color=GREY, label="perfect")
    axes.errorbar(predicted, observed, reach, marker="o", color=LINE, capsize=2, label="model, tenths of the rows")
    top = min(1.0, 1.1 * max(float((observed + reach).max(initial=0)), float(predicted.max(initial=0)), 0.05))
    axes.set(xlim=(0, top), ylim=(0, top))
    axes.legend(frameon=False, loc="upper left")
    return figure


def _tenths_of(truth: Floats, scores: Floats) -> tuple[Floats, Floats, Floats]:
    """Predicted and observed shares in tenths of the rows, with the reach of 95 % bars (normal approximation)."""
    parts = [part for part in np.array_split(np.argsort(scores, kind="stable"), 10) if len(part)]
    predicted = np.array([scores[part].mean() for part in parts])
    observed = np.array([truth[part].mean() for part in parts])
    size = np.array([len(part) for part in parts])
    return predicted, observed, 1.96 * np.sqrt(observed * (1 - observed) / size)


def each_class(truth: Floats, scores: Floats, names: Sequence[str]) -> dict[str, Figure]:
    """ROC, precision and recall, and calibration of the largest classes, each against the rest."""
    sizes = np.bincount(truth.astype(np.intp), minlength=len(names))
    largest = [int(code) for code in np.argsort(-sizes, kind="stable")[:_MOST_CURVES] if 0 < sizes[code] < len(truth)]
    if not largest:
        return {}
    few = "" if len(largest) == len(names) else f", the {len(largest)} largest classes"
    roc, ranks = new_panel(f"ROC, each class against the rest{few}", "False positive rate", "True positive rate")
    recalled, steps = new_panel(f"Precision and recall, each class{few}", "Recall", "Precision")
    calibration, points = new_panel(f"Calibration, each class{few}", "Predicted probability", "Observed share")
    for axes in (ranks, points):
        axes.plot([0, 1], [0, 1], "--", color=GREY)
    for place, code in enumerate(largest):
        mine, said, colour = (truth == code).astype(float), scores[:, code], f"C{place}"
        false, true, _ = roc_curve(mine, said)
        ranks.plot(false, true, color=colour, label=f"{names[code]}: {find_metric('roc_auc').value(mine, said):.3f}")
        precision, recall, _ = precision_recall_curve(mine, said)
        area = find_metric("pr_auc").value(mine, said)
        steps.step(recall, precision, where="post", color=colour, label=f"{names[code]}: {area:.3f}")
        points.errorbar(*_tenths_of(mine, said), marker="o", color=colour, capsize=2, label=names[code])
    steps.set_ylim(0, 1.02)
    for axes in (ranks, steps, points):
        axes.legend(frameon=False, fontsize=8)
    return {"roc": roc, "precision_recall": recalled, "calibration": calibration}


def confusion(truth: Floats, scores: Floats, names: Sequence[str]) -> Figure:
    """How often each class is taken for each other one."""
    count = scores.shape[1]
    table = confusion_matrix(truth.astype(np.intp), decide_class(scores), labels=range(count))
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    side = min(4 + 0.5 * count, 14)
    figure, axes = new_panel("Confusion: rows by predicted class", "Predicted", "Actual", (side + 1, side))
    axes.grid(False)
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    figure.colorbar(image, label="Share of the actual class", shrink=0.8)
    if count <= 3 * _MOST_LABELLED:
        axes.set_xticks(range(count), names, rotation=45, ha="right")
        axes.set_yticks(range(count), names)
    if count <= _MOST_LABELLED:
        for (row, column), rows in np.ndenumerate(table):
            shade = "white" if shares[row, column] > 0.5 else "black"
            axes.text(column, row, f"{rows:,}", ha="center", va="center", color=shade, fontsize=9)
    return figure
