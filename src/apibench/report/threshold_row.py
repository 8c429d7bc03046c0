"""A threshold and what it was measured to be, as documents show it."""

from typing import Any

from apibench.model.threshold import Unit
from apibench.model.verdict import ThresholdResult
from apibench.report.blocks import seconds

_UNITS = {Unit.DURATION: "ns", Unit.RATE: "per_s", Unit.SHARE: "share"}


def threshold_row(result: ThresholdResult) -> dict[str, Any]:
    """Judged, or as it stands."""
    threshold = result.threshold
    return {
        "expression": str(threshold),
        "of": threshold.step,
        "window_s": threshold.window_s,
        "value": result.value,
        "limit": result.limit,
        "unit": _UNITS[threshold.unit],
        "passed": result.passed,
        "no_data": result.no_data,
        "censored": result.censored,
        "ended_the_run": result.ended_the_run,
        "failed_at_s": None if result.failed_at_ns is None else seconds(result.failed_at_ns),
    }
