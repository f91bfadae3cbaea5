from __future__ import annotations

import math

from evergreen.evaluation import summary
from evergreen.handoffs import Evidence, Interval, Rule, Verdict

GAIN = Interval(0.01, 0.02, 0.03)
VALUES = {"roc_auc": 0.8, "mcc": math.nan, "f1/red": 0.5, "f1/blue": math.nan, "recall/red": 0.4, "recall/blue": 0.3}
EVIDENCE = Evidence(
    "roc_auc", 100, 7, GAIN, GAIN, GAIN, "trivial", VALUES,
    undefined={"mcc": "all 100 rows are of class 1", "f1/blue": "no row is of class blue"},
)  # fmt: skip
VERDICT = Verdict(True, (Rule("gain", True, "it gains"),))


def test_an_undefined_value_stands_in_the_summary_with_its_reason() -> None:
    lines = summary("churn", EVIDENCE, VERDICT).splitlines()
    assert "| mcc | undefined: all 100 rows are of class 1 |" in lines
    assert not any("nan" in line for line in lines)


def test_each_class_has_a_line_of_its_own() -> None:
    lines = summary("churn", EVIDENCE, VERDICT).splitlines()
    assert "| class | f1 | recall |" in lines
    assert "| red | 0.5000 | 0.4000 |" in lines
    assert "| blue | undefined: no row is of class blue | 0.3000 |" in lines


def test_links_to_both_uis_stand_at_the_end() -> None:
    text = summary("churn", EVIDENCE, VERDICT, {"MLflow run": "http://here/#/runs/1"})
    assert text.endswith("- [MLflow run](http://here/#/runs/1)\n")
