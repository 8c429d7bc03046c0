"""One of the slowest requests, as it stands in the document."""

from collections.abc import Sequence
from typing import Any

from apibench.model.run import SeriesName
from apibench.model.slow_request import SlowRequest
from apibench.report.blocks import seconds

PARTS = ("schedule_lag", "connection_wait", "connection_opening", "dns", "connect", "tls", "first_byte")


def slow_row(request: SlowRequest, series: Sequence[SeriesName], scenarios: Sequence[str]) -> dict[str, Any]:
    """The row of a request."""
    name = series[request.series]
    return {
        "scenario": scenarios[name.scenario],
        "step": name.step,
        "at_s": seconds(request.at_ns),
        "response_ns": request.response_ns,
        "service_ns": request.times.get("service_time"),
        "phases": {f"{part}_ns": request.times[part] for part in PARTS if part in request.times},
        "status": request.status,
        "error": request.error,
        "unfinished": request.unfinished,
        "address": request.address,
    }
