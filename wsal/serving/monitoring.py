"""The metrics of the server for Prometheus, in a registry of its own."""

from typing import ClassVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

PATHS = ("/", "/model", "/predict", "/nearest", "/health", "/metrics")
SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)


class Metrics:
    """Counters of one server."""

    KIND: ClassVar[str] = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "wsal_requests",
            "Requests by path and status",
            ["path", "status"],
            registry=self.registry,
        )
        self.texts = Counter("wsal_texts", "Texts labelled", registry=self.registry)
        self.seconds = Histogram(
            "wsal_seconds",
            "Time a request waits for its labels",
            buckets=SECONDS,
            registry=self.registry,
        )
        self.waiting = Gauge("wsal_waiting_texts", "Texts not yet answered", registry=self.registry)

    def answered(self, n_texts: int, seconds: float) -> None:
        """Count a request that got its labels."""
        self.texts.inc(n_texts)
        self.seconds.observe(seconds)

    def responded(self, path: str, status: int) -> None:
        """Count a response; all unknown paths as one, or requests could fill the memory."""
        self.requests.labels(path if path in PATHS else "other", str(status)).inc()

    def text(self, n_waiting: int) -> bytes:
        """All metrics in the text format of Prometheus."""
        self.waiting.set(n_waiting)
        return generate_latest(self.registry)
