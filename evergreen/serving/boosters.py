"""LightGBM one row at a time, by its C interface: the same sums by steps as ``boosting.predicted``, without arrays.

LightGBM keeps in a booster from which round on it predicts (microsoft/LightGBM#6142), so that each range of rounds is a
booster of its own here. A configuration must not be used once its booster is gone: ``_Range`` owns both.
"""

from __future__ import annotations

import ctypes
import weakref
from threading import Lock
from typing import Any

import numpy as np

from evergreen.arrays import Floats, Matrix
from evergreen.training.families.boosting import LINKS, steps_of

#: Of LightGBM's ``c_api.h``.
_FLOAT32, _RAW_SCORE = 0, 1


class BoosterRow:
    """What a fitted estimator of LightGBM predicts for one row.

    Args:
        model: A fitted estimator whose objective is one of ``LINKS``.
        columns: Of the matrix.
    """

    def __init__(self, model: Any, columns: int) -> None:
        booster = model.booster_
        self._outputs = booster.num_model_per_iteration()
        self._link = LINKS[model.objective_]
        self._ranges = [_Range(booster, first, count, columns, self._outputs) for first, count in steps_of(model)]
        self._lock = Lock()

    def __call__(self, matrix: Matrix) -> Floats:
        """Probabilities (1, k) or the quantity (1,), for a matrix (1, columns) of float32."""
        row = np.ascontiguousarray(matrix, dtype=np.float32)
        scores = np.zeros((1, self._outputs))
        with self._lock:  # ranges share nothing but each its own buffer
            for part in self._ranges:
                scores += part.scores(row)
        return self._link(scores if self._outputs > 1 else scores[:, 0])


class _Range:
    """Some rounds of a booster, as a booster of their own with its configuration for single rows."""

    def __init__(self, booster: Any, first: int, count: int, columns: int, outputs: int) -> None:
        import lightgbm

        library: Any = vars(lightgbm.basic)["_LIB"]  # its C interface, which the package has no other name for
        self._booster = lightgbm.Booster(model_str=booster.model_to_string(start_iteration=first, num_iteration=count))
        self._config = ctypes.c_void_p()
        self._result = (ctypes.c_double * outputs)()
        self._scores = np.ctypeslib.as_array(self._result).reshape(1, outputs)
        self._length = ctypes.c_int64()
        self._predict = library.LGBM_BoosterPredictForMatSingleRowFast
        status = library.LGBM_BoosterPredictForMatSingleRowFastInit(
            self._booster._handle, ctypes.c_int(_RAW_SCORE), ctypes.c_int(0), ctypes.c_int(count),
            ctypes.c_int(_FLOAT32), ctypes.c_int32(columns), b"num_threads=1", ctypes.byref(self._config),
        )  # fmt: skip
        if status:
            raise RuntimeError(library.LGBM_GetLastError().decode())
        self._last_error = library.LGBM_GetLastError
        weakref.finalize(self, _free, library, self._config, self._booster)

    def scores(self, row: Matrix) -> Floats:
        """The raw scores, (1, outputs), in a buffer that the next call writes anew."""
        if self._predict(self._config, ctypes.c_void_p(row.ctypes.data), ctypes.byref(self._length), self._result):
            raise RuntimeError(self._last_error().decode())
        return self._scores


def _free(library: Any, config: Any, booster: Any) -> None:
    """End a configuration while its booster, which is held here, is still there."""
    library.LGBM_FastConfigFree(config)
    del booster
