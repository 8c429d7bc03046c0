"""HdrHistogram's percentile output, as its plotters read it; values in milliseconds."""

from collections.abc import Mapping
from typing import Any

from apibench.model.histogram import Histogram, from_times

_TICKS_PER_HALF = 5


def hgrm_text(document: Mapping[str, Any]) -> str:
    """Response time, then service time, each under a line that names it."""
    return "".join(_percentiles(name, from_times(document[name])) for name in ("response_time", "service_time"))


def _percentiles(name: str, histogram: Histogram) -> str:
    lines = [
        f"#[{name}, milliseconds]",
        f"{'Value':>12} {'Percentile':>14} {'TotalCount':>10} {'1/(1-Percentile)':>14}",
        "",
    ]
    total, below, percentile = histogram.count, 0, 0.0
    for highest_ns, count in histogram.cells():
        below += count
        while total and below / total * 100 >= percentile and percentile < 100:
            rest = f"{1 / (1 - percentile / 100):14.2f}"
            lines.append(
                f"{min(highest_ns, histogram.max_ns) / 1e6:12.6f} {percentile / 100:14.12f} {below:10d} {rest}"
            )
            # Each halving of what is left to 100 % gets as many lines.
            halvings = 0
            while 100 - percentile <= 100 / 2 ** (halvings + 1):
                halvings += 1
            percentile += 100 / (_TICKS_PER_HALF * 2 ** (halvings + 1))
            if 1 - percentile / 100 < 0.5 / total:
                percentile = 100.0
    if total:
        lines.append(f"{histogram.max_ns / 1e6:12.6f} {1:14.12f} {total:10d}")
    mean_ms = histogram.sum_ns / total / 1e6 if total else 0.0
    lines.append(f"#[Mean    = {mean_ms:12.6f}]")
    lines.append(f"#[Max     = {histogram.max_ns / 1e6:12.6f}, Total count    = {total:12d}]")
    return "\n".join(lines) + "\n"
