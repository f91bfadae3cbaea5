"""One expectation with its remark, and limits that are rounded so that they only get wider."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Rule:
    """One expectation with the remark that stands above it."""

    type: str
    kwargs: dict[str, Any]
    severity: str
    remark: str


def floor(value: float) -> float:
    """A lower limit in four digits, never above the value."""
    return _rounded(value, np.floor)


def ceil(value: float) -> float:
    """An upper limit in four digits, never below the value."""
    return _rounded(value, np.ceil)


def _rounded(value: float, towards: Any) -> float:
    """Four digits, rounded so that the limit only gets wider."""
    if value == 0 or not np.isfinite(value):
        return 0.0
    digits = 3 - int(np.floor(np.log10(abs(value))))
    if digits >= 0:
        return float(round(float(towards(value * 10.0**digits)) / 10.0**digits, digits))
    return float(towards(value / 10.0**-digits) * 10.0**-digits)
