"""
Rows for a spreadsheet: for every second one of the whole (`row` is `all`) and one of each step in it (`row` is `step`).

Steps add up to the whole in what is counted of requests; iterations belong to no step. The warm-up has rows of its
own. Times are milliseconds; a quantile of a second is of that second alone, and quantiles are never to be averaged.
`response_censored` and `service_censored` count those of which only a lower bound is known, their age;
`response_at_least` and `service_at_least` name the columns that are lower bounds because of them, like `p99 max`.
"""

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Any

_LEVELS = ("waiting", "opening", "in_flight")
_ITERATIONS = ("offered", "iterations_started", "iterations_ok", "iterations_failed", "iterations_unfinished")
_REQUESTS = ("started", "ok", "failed", "unfinished", "stale_retries", "sent_bytes", "received_bytes")
_KINDS = ("response", "service")
_QUANTILES = ("0.5", "0.9", "0.99", "0.999")
HEADER = (
    *("start_s", "length_s", "phase", "row", "scenario", "step"),
    *_ITERATIONS,
    "dropped",
    *_REQUESTS,
    *_LEVELS,
    *(f"{kind}_{name}_ms" for kind in _KINDS for name in ("p50", "p90", "p99", "p99.9", "max")),
    # Behind the others, because a reader may take columns by their number.
    *(f"{kind}_censored" for kind in _KINDS),
    "errors",
    *(f"{kind}_at_least" for kind in _KINDS),
)


def csv_text(document: Mapping[str, Any]) -> str:
    """A header, then the rows in the order of time. Empty cells: not known, or nothing was recorded."""
    text = io.StringIO()
    writer = csv.DictWriter(text, HEADER, restval="", lineterminator="\n")
    writer.writeheader()
    names = [scenario["name"] for scenario in document["scenarios"]]
    for row in document["intervals"]:
        writer.writerows(_rows(row, names))
    return text.getvalue()


def _rows(row: Mapping[str, Any], names: list[str]) -> Iterator[dict[str, Any]]:
    here = {"start_s": row["start_s"], "length_s": row["length_s"]}
    levels = {name: row[name] for name in _LEVELS}
    if "warmup" in row:
        # What is waiting or in flight is told once: with the phase that the second lies in.
        mine = levels if row["phase"] == "warmup" else {}
        yield {**here, "phase": "warmup", "row": "all", **_events(row["warmup"]), **mine}
    if row["phase"] != "warmup":
        yield {**here, "phase": row["phase"], "row": "all", **_events(row), **levels}
    for step in row["steps"]:
        yield {
            **here,
            "phase": "warmup" if step["phase"] == "warmup" else row["phase"],
            "row": "step",
            "scenario": names[step["scenario"]],
            "step": step["step"],
            **{name: step[name] for name in (*_REQUESTS, "opening", "in_flight")},
            **_times(step),
            "errors": _errors(step),
        }


def _events(part: Mapping[str, Any]) -> dict[str, Any]:
    counts = {name: part[name] for name in (*_ITERATIONS, *_REQUESTS)}
    return {**counts, "dropped": sum(part["dropped"].values()), **_times(part), "errors": _errors(part)}


def _errors(part: Mapping[str, Any]) -> str:
    """`http.5xx=8 timeout=2`: in one cell, because which names there are is known only at the end."""
    return " ".join(f"{name}={count}" for name, count in part["by_error"].items())


def _times(part: Mapping[str, Any]) -> dict[str, Any]:
    cells: dict[str, Any] = {}
    for kind in _KINDS:
        times = part[kind]
        if times is None:
            continue
        for quantile in _QUANTILES:
            cells[f"{kind}_p{float(quantile) * 100:g}_ms"] = times["quantiles"][quantile] / 1e6
        cells[f"{kind}_max_ms"] = times["max_ns"] / 1e6
        cells[f"{kind}_censored"] = times["censored"]
        # Numbers stay numbers: a spreadsheet can do nothing with `>= 12`.
        bounds = [f"p{float(quantile) * 100:g}" for quantile in _QUANTILES if quantile in times.get("at_least", ())]
        cells[f"{kind}_at_least"] = " ".join([*bounds, *(["max"] if times["censored"] else [])])
    return cells
