"""Small pictures in a line of text: how times are spread, and how a rate went."""

import math
from collections.abc import Sequence

from apibench.model.histogram import Histogram
from apibench.report.symbols import SPARKS

_COLUMNS_PER_DECADE = (24, 12, 8, 6, 4, 3, 2, 1)


def spread(histogram: Histogram, width: int) -> str:
    """
    A bar for every equal factor of time, from the least to the most; empty where one bar would hold all.

    Heights are logarithms of counts: one in a million still shows, which is what a tail is looked at for.
    """
    if histogram.count < 2 or histogram.max_ns <= 0:
        return ""
    forms = (_columns(histogram, per_decade) for per_decade in _COLUMNS_PER_DECADE)
    counts = next((counts for counts in forms if max(counts) - min(counts) < width), {})
    if len(counts) < 2:
        return ""
    most = max(counts.values())
    return "".join(_bar(counts.get(column, 0), most) for column in range(min(counts), max(counts) + 1))


def _columns(histogram: Histogram, per_decade: int) -> dict[int, int]:
    counts: dict[int, int] = {}
    for highest_ns, count in histogram.cells():
        column = math.floor(math.log10(max(highest_ns, 1)) * per_decade)
        counts[column] = counts.get(column, 0) + count
    return counts


def spark(values: Sequence[float], width: int) -> str:
    """The last values against the highest of them; empty where there is none above 0."""
    shown = values[max(len(values) - width, 0) :]
    highest = max(shown, default=0.0)
    if highest <= 0:
        return ""
    return "".join(SPARKS[min(int(value / highest * len(SPARKS)), len(SPARKS) - 1)] for value in shown)


def _bar(count: int, most: int) -> str:
    if not count:
        return " "
    height = math.log1p(count) / math.log1p(most)
    return SPARKS[min(int(height * len(SPARKS)), len(SPARKS) - 1)]
