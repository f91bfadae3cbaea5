"""How many threads there are to work with, and where there must be one."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from functools import cache
from typing import Any


def usable_threads() -> int:
    """The processors that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def one_thread(of: str | None = None) -> AbstractContextManager[Any]:
    """Let sums be added up by one thread: several end in other bits, as many as a machine has.

    Args:
        of: ``blas`` for products of matrices alone; None for OpenMP too.
    """
    limited: AbstractContextManager[Any] = _controller().limit(limits=1, user_api=of)
    return limited


@cache
def _controller() -> Any:
    """Looking for the libraries takes milliseconds."""
    import scipy.linalg  # noqa: F401  its library is one of them
    import sklearn.utils._openmp_helpers  # noqa: F401
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
