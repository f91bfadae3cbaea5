"""Memory that a process has freed, handed back to the system: allocators keep it for what comes next."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable
from functools import lru_cache

import pyarrow as pa


def give_back() -> None:
    """Hand back what was freed, so that the next large table does not come on top of the last one.

    What only refers to itself is found first: Great Expectations leaves its rows behind in such a ring.
    """
    gc.collect()
    pa.default_memory_pool().release_unused()
    _trim()(0)


@lru_cache(maxsize=1)
def _trim() -> Callable[[int], object]:
    """Arrays of up to 32 MB are kept by glibc for later, wherever in the heap they lie; others have no such call."""
    found: Callable[[int], object] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return found or (lambda pad: None)
