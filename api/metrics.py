"""Figures for Prometheus: of this process's requests, and of the queues of the whole service."""

from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from afgen.jobs.states import JobState, Priority

Waiting = Mapping[tuple[Priority, JobState], int]
_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Metrics:
    """A registry of its own, so that several apps fit into one process."""

    def __init__(self, waiting: Callable[[], Waiting]) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(_Queues(waiting))
        self._requests = Counter(
            "afgen_http_requests",
            "Requests that were answered.",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "afgen_http_request_seconds",
            "Time until the answer was complete.",
            ("method", "route"),
            buckets=_BUCKETS_S,
            registry=self.registry,
        )

    def observe(self, method: str, route: str, status: int, took_s: float) -> None:
        """Count one request."""
        self._requests.labels(method, route, status).inc()
        self._seconds.labels(method, route).observe(took_s)


class _Queues(Collector):
    """Read from the database when asked: the same from every process."""

    def __init__(self, waiting: Callable[[], Waiting]) -> None:
        self._waiting = waiting

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Names only: registering must not ask the database."""
        yield self._family()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Jobs that have not ended, by queue and state."""
        family = self._family()
        for (queue, state), count in self._waiting().items():
            family.add_metric((queue, state), count)
        yield family

    def _family(self) -> GaugeMetricFamily:
        return GaugeMetricFamily(
            "afgen_jobs", "Jobs that have not ended.", labels=("queue", "state")
        )
