"""What a JUnit report of a test says of its loads."""

import math
from collections.abc import Iterator

from apibench.report.run_result import Result


def properties(result: Result, prefix: str) -> list[tuple[str, object]]:
    """Names and values, in seconds, shares and events a second; what was not measured is left out."""
    return [(f"{prefix}.{name}", value) for name, value in _facts(result) if not _is_nothing(value)]


def _facts(result: Result) -> Iterator[tuple[str, object]]:
    yield "run", result.run_id
    yield "verdict", result.verdict
    yield "requests", result.requests
    yield "errors", result.errors
    yield "ok_per_s", result.rate
    yield "p50_s", result.p50
    yield "p99_s", result.p99
    yield "max_s", result.max
    for each in result.thresholds:
        yield f"threshold.{each.expression}", each.value


def _is_nothing(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)
