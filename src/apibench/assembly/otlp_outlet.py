"""The way of windows to an OpenTelemetry collector, over HTTP: in a thread of its own, for it may be slow or away."""

import logging
import threading
from collections import deque
from urllib.parse import urlsplit, urlunsplit

from opentelemetry.exporter.otlp.proto.http import metric_exporter
from opentelemetry.sdk.metrics.export import MetricExportResult
from opentelemetry.sdk.resources import Resource

from apibench import __version__
from apibench.assembly.otlp_metrics import metrics_of
from apibench.controller.rest.outlet import SealedWindow
from apibench.model.errors import UsageError
from apibench.model.plain_detail import MAX_TEXT
from apibench.model.redaction import redacted_text

logger = logging.getLogger(__name__)
MAX_WAITING = 2_000
"""Windows that wait for the collector. One more drops the oldest."""
MAX_BATCH = 100
CLOSE_S = 3.0
"""How long windows that wait may still take when the process ends."""
_PATH = "/v1/metrics"


class OtlpOutlet:
    """
    See `WindowOutlet`. What the collector refuses is dropped, after the attempts of OpenTelemetry's exporter.

    Headers, timeout, certificates and compression are those of its own variables, `OTEL_EXPORTER_OTLP_...`.
    """

    def __init__(self, url: str) -> None:
        """Raises UsageError for what is no URL of a collector."""
        self._shown = redacted_text(url)
        self._exporter = metric_exporter.OTLPMetricExporter(endpoint=_endpoint(url))
        self._process = Resource.create({"service.name": "apibench", "service.version": __version__})
        self._waiting: deque[SealedWindow] = deque()
        self._news = threading.Condition()
        self._closed = False
        self._complaint = _Complaint()
        self._said = False
        self.sent = 0
        self.dropped = 0
        self._thread = threading.Thread(target=self._work, name="otlp", daemon=True)
        self._thread.start()

    def take(self, window: SealedWindow) -> None:
        """One more; the oldest is dropped where too many wait."""
        with self._news:
            self._waiting.append(window)
            overflows = len(self._waiting) > MAX_WAITING
            if overflows:
                self._waiting.popleft()
                self.dropped += 1
            self._news.notify()
        if overflows:
            self._say("it is too slow")

    def close(self) -> None:
        """Send what waits, for a short while."""
        with self._news:
            self._closed = True
            self._news.notify()
        self._thread.join(CLOSE_S)
        with self._news:
            self.dropped += len(self._waiting)
            self._waiting.clear()
        self._exporter.shutdown()

    def _work(self) -> None:
        while batch := self._next():
            taken = self._exporter.export(metrics_of(batch, self._process)) is MetricExportResult.SUCCESS
            if taken:
                self.sent += len(batch)
                if self._said:
                    logger.info("windows arrive at %s again; %d were dropped so far", self._shown, self.dropped)
                self._said = False
            else:
                with self._news:
                    self.dropped += len(batch)
                self._say(self._complaint.text)

    def _next(self) -> list[SealedWindow]:
        """What waits, as soon as something does; nothing at the end."""
        with self._news:
            self._news.wait_for(lambda: self._waiting or self._closed)
            return [self._waiting.popleft() for _ in range(min(len(self._waiting), MAX_BATCH))]

    def _say(self, reason: str) -> None:
        """Once, until something arrives again."""
        if not self._said:
            self._said = True
            logger.warning("windows do not arrive at %s and are dropped: %s", self._shown, reason)


class _Complaint(logging.Handler):
    """The exporter's last word on a failure: it says it again and again, to its log alone."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.text = ""
        log = logging.getLogger(metric_exporter.__name__)
        log.handlers = [self]
        log.propagate = False

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it, without secrets."""
        self.text = redacted_text(record.getMessage())[:MAX_TEXT]


def _endpoint(url: str) -> str:
    refusal = UsageError(
        f"`{redacted_text(url)}` is no URL of an OpenTelemetry collector", "Give --otlp http://HOST:4318."
    )
    try:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
            raise refusal
    except ValueError:
        raise refusal from None
    return urlunsplit(parts._replace(path=parts.path if parts.path.strip("/") else _PATH))
