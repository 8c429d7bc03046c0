"""A row for every interval: counts, and the quantiles of that second in milliseconds."""

import csv
import io
from collections.abc import Mapping
from typing import Any

from apibench.model.histogram import Histogram

_COUNTS = ("offered", "iterations_started", "started", "ok", "failed", "unfinished", "waiting", "opening", "in_flight")
_BYTES = ("sent_bytes", "received_bytes")
_QUANTILES = (0.5, 0.9, 0.99, 0.999)


def csv_text(document: Mapping[str, Any]) -> str:
    """Columns: start_s, length_s, phase, counts, bytes, then quantiles of response and service time in ms."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = [f"{kind}_p{quantile * 100:g}_ms" for kind in ("response", "service") for quantile in _QUANTILES]
    writer.writerow(["start_s", "length_s", "phase", *_COUNTS, *_BYTES, *names])
    for row in document["intervals"]:
        quantiles = [value for kind in ("response", "service") for value in _quantiles(row[f"{kind}_hdr"])]
        counts = [row[name] for name in (*_COUNTS, *_BYTES)]
        writer.writerow([row["start_s"], row["length_s"], row["phase"], *counts, *quantiles])
    return text.getvalue()


def _quantiles(hdr: str | None) -> list[float | str]:
    if hdr is None:
        return [""] * len(_QUANTILES)
    histogram = Histogram.from_text(hdr)
    return [(histogram.quantile(quantile) or 0) / 1e6 for quantile in _QUANTILES]
