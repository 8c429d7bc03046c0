"""`apibench runs` and `apibench show`: the history."""

import json
import sys
from collections.abc import Iterator
from typing import Annotated, Any

from cyclopts import Parameter

from apibench.assembly.last_screen import print_summary
from apibench.assembly.own_process import fate
from apibench.assembly.run_request import Summary
from apibench.cli.flag_values import at_least, whole_number
from apibench.model.errors import StoreFailed, UsageError
from apibench.model.figures import human_rate
from apibench.model.histogram import Histogram, from_times
from apibench.model.interval import Interval
from apibench.report.figure_text import at, bounded
from apibench.report.schema import result_schema
from apibench.store.paths import history_path
from apibench.store.seam import RunStore, StoredRun
from apibench.store.sqlite import SqliteStore

_UNFINISHED = {
    "running": "it goes on; its finished seconds so far:",
    "crashed": "it never ended; its finished seconds:",
    "unknown": "it has no end, and its process can't be seen from here; its finished seconds:",
}


def runs(
    *,
    limit: Annotated[int, Parameter(converter=whole_number)] = 20,
    json_lines: Annotated[bool, Parameter(name="--json", negative="", show_default=False)] = False,
) -> int:
    """
    List the last runs of the history, newest first.

    Parameters
    ----------
    limit
        How many.
    json_lines
        A JSON object a line, without the intervals.
    """
    at_least("--limit", limit, 1)
    store = _open()
    found = store.recent(limit) if store is not None else []
    if json_lines:
        for run in found:
            sys.stdout.write(json.dumps(_outline(run)) + "\n")
        return 0
    if not found:
        sys.stdout.write("No runs yet. Try: apibench demo\n")
        return 0
    sys.stdout.write(f"{'run':<12}{'started (UTC)':<21}{'verdict':<10}{'ok':>12}{'p50':>12}{'p99':>12}  name\n")
    for run in found:
        sys.stdout.write(_row(run) + "\n")
    return 0


def show(
    run: str | None = None,
    /,
    *,
    summary: Summary = "compact",
    document: Annotated[bool, Parameter(name="--json", negative="", show_default=False)] = False,
    schema: Annotated[bool, Parameter(negative="", show_default=False)] = False,
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
        Print the result document instead; of a run without an end, what is known of it and its intervals.
    schema
        Print the JSON Schema of result documents instead.
    """
    if schema:
        sys.stdout.write(json.dumps(result_schema(), indent=2) + "\n")
        return 0
    if run is None:
        raise UsageError("RUN: is missing", "Name a run, or `last`; apibench runs lists them. Or ask for --schema.")
    store = _open()
    found = store.find(run) if store is not None else []
    if not found or store is None:
        raise UsageError(f"there is no run '{run}'", "apibench runs lists those that there are.")
    if len(found) > 1:
        names = ", ".join(each.run_id for each in found[:5])
        raise UsageError(f"'{run}' is the beginning of {len(found)} runs: {names}", "Write more of it.")
    (stored,) = found
    if stored.damaged:
        raise StoreFailed(f"what the history holds of run {stored.run_id} is damaged", "The other runs can be shown.")
    if document:
        whole = {**_outline(stored), "intervals": _intervals(store, stored)} if stored.result is None else stored.result
        sys.stdout.write(json.dumps(whole) + "\n")
    elif stored.result is None:
        _show_unfinished(store, stored)
    else:
        print_summary(stored.result, summary)
    return 0


def _open() -> RunStore | None:
    path = history_path()
    return SqliteStore(path, read_only=True) if path.exists() else None


def _state(run: StoredRun) -> str:
    if run.damaged:
        return "damaged"
    return "finished" if run.result is not None else fate(run.beginning.get("process"))


def _outline(run: StoredRun) -> dict[str, Any]:
    """A run without its intervals: the result if there is one, else what was known at its beginning."""
    known = run.beginning if run.result is None else run.result
    rest = {key: value for key, value in known.items() if key not in ("intervals", "process")}
    return {"run_id": run.run_id, "name": run.name, "started_at": run.started_at, "state": _state(run), **rest}


def _intervals(store: RunStore, run: StoredRun) -> list[Any]:
    return [json.loads(text) for text in store.intervals(run.run_id)]


def _row(run: StoredRun) -> str:
    ok = p50 = p99 = "-"
    if run.result is None:
        state = _state(run)
        verdict = "not ended" if state == "unknown" else state
    else:
        verdict = run.result["verdict"]["status"]
        per_s = run.result["requests"]["ok_per_s"]
        ok = "-" if per_s is None else human_rate(round(per_s * 1_000), 1_000_000_000_000)
        headline = "service_time" if run.result["load"]["model"] == "closed" else "response_time"
        times = from_times(run.result[headline])
        p50, p99 = at(times, 0.5), at(times, 0.99)
        ok = bounded(ok, censored=run.result["requests"].get("at_least", False))
    started = run.started_at[:19].replace("T", " ")
    return f"{run.run_id:<12}{started:<21}{verdict:<10}{ok:>12}{p50:>12}{p99:>12}  {run.name}"


def _show_unfinished(store: RunStore, run: StoredRun) -> None:
    """It has not ended by our account: what its finished seconds hold, one by one."""
    state = _state(run)
    word = "NOT ENDED" if state == "unknown" else state.upper()
    sys.stdout.write(f"{word:<9} {run.name}   {_UNFINISHED[state]}\n\n")
    sys.stdout.write(f"{'second':>8}{'ok':>12}{'failed':>10}{'p50':>12}{'p99':>12}   service time\n")
    for line in _seconds(store, run):
        sys.stdout.write(line + "\n")


def _seconds(store: RunStore, run: StoredRun) -> Iterator[str]:
    for text in store.intervals(run.run_id):
        interval = Interval.from_json(text)
        total = Histogram()
        for series in interval.series:
            if "service_time" in series.histograms:
                total.merge(series.histograms["service_time"])
        ok = sum(series.ok for series in interval.series)
        failed = sum(series.failed for series in interval.series)
        second = interval.end_ns / 1e9
        yield f"{second:>8.1f}{ok:>12,}{failed:>10,}{at(total, 0.5):>12}{at(total, 0.99):>12}"
