"""The tables of a result: by second and step, by step, by error, and the cells of a histogram."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from apibench.model.histogram import Histogram
from apibench.model.units import NS_PER_S
from apibench.report.data_table import Kind, Table, Value

_COUNTS = ("started", "ok", "failed", "unfinished")
_BYTES = ("sent_bytes", "received_bytes")
_QUANTILES = {"p50": "0.5", "p90": "0.9", "p95": "0.95", "p99": "0.99", "p999": "0.999"}


def _times(kind: str) -> dict[str, Kind]:
    return {f"{kind}_{name}_s": "float64" for name in (*_QUANTILES, "max")}


_SERIES: Mapping[str, Kind] = {
    "start_s": "float64",
    "length_s": "float64",
    "part": "utf8",
    "phase": "utf8",
    "scenario": "utf8",
    "step": "utf8",
    **dict.fromkeys((*_COUNTS, "in_flight", *_BYTES), "int64"),
    **_times("response"),
    **_times("service"),
}
_ENDPOINTS: Mapping[str, Kind] = {
    "scenario": "utf8",
    "step": "utf8",
    **dict.fromkeys(_COUNTS, "int64"),
    "errors": "float64",
    "ok_per_s": "float64",
    **dict.fromkeys(_BYTES, "int64"),
    **_times("response"),
    **_times("service"),
}
_ERRORS: Mapping[str, Kind] = {"scenario": "utf8", "step": "utf8", "error": "utf8", "requests": "int64"}
_CELLS: Mapping[str, Kind] = {"up_to_s": "float64", "count": "int64"}


def series_table(document: Mapping[str, Any]) -> Table:
    """
    A row for each second and each step that something happened to in it.

    `part` is that of the run in which the second lies (`warmup`, `main`, `drain`), `phase` what the requests count for
    (`warmup`, `main`). A percentile of a second is of that second alone.
    """
    return Table.of_rows(_SERIES, _series_rows(document))


def _series_rows(document: Mapping[str, Any]) -> Iterator[Sequence[Value]]:
    names = [scenario["name"] for scenario in document["scenarios"]]
    for row in document["intervals"]:
        for step in row["steps"]:
            yield (
                row["start_s"],
                row["length_s"],
                row["phase"],
                step["phase"],
                names[step["scenario"]],
                step["step"],
                *(step[name] for name in (*_COUNTS, "in_flight", *_BYTES)),
                *_brief(step["response"]),
                *_brief(step["service"]),
            )


def endpoint_table(document: Mapping[str, Any]) -> Table:
    """A row for each step of each scenario, over the whole run without its warm-up."""
    return Table.of_rows(_ENDPOINTS, _endpoint_rows(document))


def _endpoint_rows(document: Mapping[str, Any]) -> Iterator[Sequence[Value]]:
    for scenario in document["scenarios"]:
        for step in scenario["steps"]:
            requests, started = step["requests"], step["requests"]["started"]
            yield (
                scenario["name"],
                step["name"],
                *(requests[name] for name in _COUNTS),
                (requests["failed"] + requests["unfinished"]) / started if started else None,
                requests["ok_per_s"],
                step["bytes"]["sent"],
                step["bytes"]["received"],
                *_brief(step["response_time"]),
                *_brief(step["service_time"]),
            )


def error_table(document: Mapping[str, Any]) -> Table:
    """A row for each step and each name of an error that its requests had, without the warm-up."""
    rows = (
        (scenario["name"], step["name"], error, count)
        for scenario in document["scenarios"]
        for step in scenario["steps"]
        for error, count in step["requests"]["by_error"].items()
    )
    return Table.of_rows(_ERRORS, rows)


def cell_table(histogram: Histogram) -> Table:
    """How many took at most so long, and longer than the row before says: cells as they were recorded, to 0.1 %."""
    return Table.of_rows(_CELLS, ((up_to_ns / NS_PER_S, count) for up_to_ns, count in histogram.cells()))


def _brief(times: Mapping[str, Any] | None) -> tuple[Value, ...]:
    if times is None or not times["count"]:
        return (None,) * (len(_QUANTILES) + 1)
    return (*(times["quantiles"][name] / NS_PER_S for name in _QUANTILES.values()), times["max_ns"] / NS_PER_S)
