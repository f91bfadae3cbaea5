"""What the arrays of numbers are called that travel between functions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
#: Inputs of a model, (n, j).
Matrix = NDArray[np.float32]
