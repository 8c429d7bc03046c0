"""
HdrHistogram's percentile output, as the Java tools write it and their plotters read it; values in milliseconds.

A plotter takes a file for one distribution. The headline is written as it is; the other one follows in lines that
begin with `#`, which plotters skip and a person can read.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from apibench.model.histogram import Histogram, from_times
from apibench.report.result import headline

_TICKS_PER_HALF = 5
_NS_PER_MS = 1_000_000


def hgrm_text(document: Mapping[str, Any]) -> str:
    """Both times of the whole run, the headline first, each under a line that names it."""
    first = headline(document)
    second = "response_time" if first == "service_time" else "service_time"
    lines = [
        f"#[{first}, milliseconds]",
        *_percentiles(from_times(document[first])),
        f"#[{second}, milliseconds]",
        *(
            line if line.startswith("#") else f"# {line}".rstrip()
            for line in _percentiles(from_times(document[second]))
        ),
    ]
    return "\n".join(lines) + "\n"


def _percentiles(histogram: Histogram) -> Iterator[str]:
    yield f"{'Value':>12} {'Percentile':>14} {'TotalCount':>10} {'1/(1-Percentile)':>14}"
    yield ""
    total, below, percentile = histogram.count, 0, 0.0
    for highest_ns, count in histogram.cells():
        below += count
        value_ms = min(highest_ns, histogram.max_ns) / _NS_PER_MS
        if below == total:
            yield f"{value_ms:12.6f} {1:14.12f} {below:10d}"
            break
        while below / total * 100 >= percentile:
            yield f"{value_ms:12.6f} {percentile / 100:14.12f} {below:10d} {1 / (1 - percentile / 100):14.2f}"
            # Each halving of what is left to 100 % gets as many lines.
            halvings = math.floor(math.log2(100 / (100 - percentile))) + 1
            percentile += 100 / (_TICKS_PER_HALF * 2**halvings)
    mean_ns = histogram.sum_ns / total if total else 0.0
    squares = sum(count * (highest_ns - mean_ns) ** 2 for highest_ns, count in histogram.cells())
    deviation_ns = math.sqrt(squares / total) if total else 0.0
    yield f"#[Mean    = {mean_ns / _NS_PER_MS:12.6f}, StdDeviation   = {deviation_ns / _NS_PER_MS:12.6f}]"
    if histogram.censored:
        # The format has no sign for it, and a curve that does not say so flatters whoever was given up.
        from_ms = histogram.censored_min_ns / _NS_PER_MS
        yield f"#[At least = {histogram.censored:d} values from {from_ms:.6f} on never ended: each is its age then]"
    yield f"#[Max     = {histogram.max_ns / _NS_PER_MS:12.6f}, Total count    = {total:12d}]"
