"""Figures for Prometheus, in its text format."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping
from threading import Lock

from evergreen.serving.champions import State

#: Upper bounds of the latency histogram, seconds.
_BOUNDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
#: Requests for names that are not served here count together: a client must not make up new series.
_OTHER = "other"


class Metrics:
    """Counts of one process."""

    def __init__(self) -> None:
        self._requests: Counter[tuple[str, int]] = Counter()
        self._seconds: dict[str, list[float]] = {}
        self._lock = Lock()

    def count(self, model: str, status: int, seconds: float) -> None:
        """Count an answered request."""
        with self._lock:
            self._requests[model, status] += 1
            kept = self._seconds.setdefault(model, [0.0] * (len(_BOUNDS) + 2))
            kept[bisect_left(_BOUNDS, seconds)] += 1
            kept[-1] += seconds

    def text(self, states: Mapping[str, State]) -> str:
        """All of them, as Prometheus reads them."""
        return "\n".join([*self._lines(states), ""])

    def _lines(self, states: Mapping[str, State]) -> Iterator[str]:
        with self._lock:
            requests, seconds = dict(self._requests), {name: list(kept) for name, kept in self._seconds.items()}
        yield "# TYPE evergreen_requests_total counter"
        counts: Counter[tuple[str, int]] = Counter()
        for (model, status), count in requests.items():
            counts[model if model in states else _OTHER, status] += count
        for (model, status), count in sorted(counts.items()):
            yield f'evergreen_requests_total{{model="{model}",code="{status}"}} {count}'
        yield "# TYPE evergreen_request_seconds histogram"
        for model in sorted(set(seconds) & set(states)):
            total, kept = 0.0, seconds[model]
            for bound, requested in zip((*map(str, _BOUNDS), "+Inf"), kept, strict=False):
                total += requested
                yield f'evergreen_request_seconds_bucket{{model="{model}",le="{bound}"}} {total:.0f}'
            yield f'evergreen_request_seconds_sum{{model="{model}"}} {kept[-1]:.6f}'
            yield f'evergreen_request_seconds_count{{model="{model}"}} {total:.0f}'
        yield "# TYPE evergreen_model_version gauge"
        yield "# TYPE evergreen_model_degraded gauge"
        for model, state in states.items():
            if state.served:
                yield f'evergreen_model_version{{model="{model}"}} {state.served.version.version}'
            yield f'evergreen_model_degraded{{model="{model}"}} {int(bool(state.degraded))}'
