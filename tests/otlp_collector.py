"""A receiver of OpenTelemetry's metrics over HTTP, as a collector is one, for tests to look into."""

import contextlib
import http.server
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest


class Collector:
    """Answers what the test says, once the test lets it."""

    def __init__(self) -> None:
        self.status = 200
        self.paths: list[str] = []
        self.requests: list[ExportMetricsServiceRequest] = []
        self.answers = threading.Event()
        self.answers.set()
        self.asked = threading.Event()
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                collector.asked.set()
                collector.answers.wait()
                collector.paths.append(self.path)
                collector.requests.append(ExportMetricsServiceRequest.FromString(body))
                self.send_response(collector.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Nothing."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def points(self, name: str) -> list[Any]:
        """All points of a metric."""
        return [
            point
            for request in self.requests
            for resource in request.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
            for point in getattr(metric, str(metric.WhichOneof("data"))).data_points
        ]

    def values(self, name: str) -> Counter[tuple[str, ...]]:
        """The sums of a metric, by the values of its attributes but the scenario's."""
        found: Counter[tuple[str, ...]] = Counter()
        for point in self.points(name):
            named = {each.key: each.value for each in point.attributes if each.key != "apibench.scenario"}
            key = tuple(value.string_value or str(value.bool_value) for value in named.values())
            found[key] += point.as_int
        return found

    def starts(self) -> list[int]:
        """When the windows began of which anything has come, in nanoseconds since 1970."""
        return sorted({each.start_time_unix_nano for each in self.points("apibench.network.sent")})

    def close(self) -> None:
        """End it."""
        self.answers.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@contextlib.contextmanager
def running_collector() -> Iterator[Collector]:
    """One that takes everything."""
    made = Collector()
    try:
        yield made
    finally:
        made.close()
