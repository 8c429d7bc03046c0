"""`apibench runs` and `apibench show`: the history."""

import json
import sys
from typing import Annotated, Any

from cyclopts import Parameter

from apibench.assembly.last_screen import print_summary
from apibench.assembly.run_request import Summary
from apibench.model.errors import UsageError
from apibench.model.figures import human_duration, human_rate
from apibench.model.histogram import Histogram, from_times
from apibench.model.interval import Interval
from apibench.store.paths import history_path
from apibench.store.seam import RunStore, StoredRun
from apibench.store.sqlite import SqliteStore


def runs(*, limit: int = 20, json_lines: Annotated[bool, Parameter(name="--json", negative="")] = False) -> int:
    """
    List the last runs of the history, newest first.

    Parameters
    ----------
    limit
        How many.
    json_lines
        A JSON object a line, without the intervals.
    """
    store = _open()
    found = store.recent(limit) if store is not None else []
    if json_lines:
        for run in found:
            document = {key: value for key, value in (run.result or {}).items() if key != "intervals"}
            sys.stdout.write(json.dumps({"run_id": run.run_id, "started_at": run.started_at, **document}) + "\n")
        return 0
    if not found:
        sys.stdout.write("No runs yet. Try: apibench demo\n")
        return 0
    sys.stdout.write(f"{'run':<12}{'started (UTC)':<21}{'verdict':<10}{'ok':>12}{'p50':>11}{'p99':>11}  name\n")
    for run in found:
        sys.stdout.write(_row(run) + "\n")
    return 0


def show(
    run: str,
    /,
    *,
    summary: Summary = "compact",
    document: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> int:
    """
    Show a run of the history as it ended.

    Parameters
    ----------
    run
        Its id, the beginning of it, or `last`.
    summary
        compact or full.
    document
        Print the result document instead.
    """
    store = _open()
    found = store.find(run) if store is not None else []
    if not found or store is None:
        raise UsageError(f"there is no run '{run}'", "apibench runs lists those that there are.")
    if len(found) > 1:
        names = ", ".join(each.run_id for each in found[:5])
        raise UsageError(f"'{run}' is the beginning of {len(found)} runs: {names}", "Write more of it.")
    stored = found[0]
    if stored.result is None:
        return _show_crashed(store, stored)
    if document:
        sys.stdout.write(json.dumps(stored.result) + "\n")
    else:
        print_summary(stored.result, summary)
    return 0


def _open() -> RunStore | None:
    path = history_path()
    return SqliteStore(path) if path.exists() else None


def _row(run: StoredRun) -> str:
    if run.result is None:
        verdict, ok, p50, p99 = "crashed", "-", "-", "-"
    else:
        verdict = run.result["verdict"]["status"]
        per_s = run.result["requests"]["ok_per_s"]
        ok = "-" if per_s is None else human_rate(round(per_s * 1_000), 1_000_000_000_000)
        headline = "service_time" if run.result["load"]["model"] == "closed" else "response_time"
        times = from_times(run.result[headline])
        p50, p99 = _time(times, 0.5), _time(times, 0.99)
    started = run.started_at[:19].replace("T", " ")
    return f"{run.run_id:<12}{started:<21}{verdict:<10}{ok:>12}{p50:>11}{p99:>11}  {run.name}"


def _show_crashed(store: RunStore, run: StoredRun) -> int:
    """The run never ended by our account: what its finished seconds hold, second by second."""
    sys.stdout.write(f"CRASHED   {run.name}   it never ended; its finished seconds:\n\n")
    sys.stdout.write(f"{'second':>8}{'ok':>12}{'failed':>10}{'p50':>11}{'p99':>11}   service time\n")
    for text in store.intervals(run.run_id):
        interval = Interval.from_json(text)
        total = Histogram()
        for series in interval.series:
            if "service_time" in series.histograms:
                total.merge(series.histograms["service_time"])
        ok: Any = sum(series.ok for series in interval.series)
        failed = sum(series.failed for series in interval.series)
        second = interval.end_ns / 1e9
        sys.stdout.write(f"{second:>8.1f}{ok:>12,}{failed:>10,}{_time(total, 0.5):>11}{_time(total, 0.99):>11}\n")
    return 0


def _time(histogram: Histogram, quantile: float) -> str:
    value = histogram.quantile(quantile)
    return "-" if value is None else human_duration(value)
