"""Sealed windows as an aggregator tells them, made up."""

from collections.abc import Mapping, Sequence
from typing import Any

from apibench.controller.rest.outlet import SealedWindow
from apibench.controller.rest.step_labels import StepLabels
from apibench.model.histogram import Histogram
from apibench.model.installation import RunRow, RunState
from apibench.model.plan import Plan
from apibench.report.blocks import brief_times, hdr_text

MS = 1_000_000
STARTED_AT = "2026-01-02T03:04:05.500+00:00"
STARTED_NS = 1_767_323_045_500_000_000


def times(kind: str, values_ns: Sequence[int]) -> dict[str, Any]:
    """A row's two entries for them."""
    found = Histogram()
    for value in values_ns:
        found.record(value)
    return {kind: brief_times(found), f"{kind}_hdr": hdr_text(found)}


def counts(
    response_ns: Sequence[int] = (), *, failed: int = 0, errors: Mapping[str, int] | None = None
) -> dict[str, Any]:
    """Of requests that were answered in so long; each was sent at once."""
    ok = len(response_ns)
    return {
        "offered": ok + failed + 2,
        "iterations_started": ok + failed,
        "dropped": {"cap": 2, "deadline": 0, "ended": 0},
        "lost": 0,
        "started": ok + failed,
        "ok": ok,
        "failed": failed,
        "unfinished": 0,
        "by_error": dict(errors or {}),
        "sent_bytes": 10 * (ok + failed),
        "received_bytes": 100 * ok,
        **times("response", response_ns),
        **times("service", response_ns),
    }


def step(name: str, phase: str = "main", **words: Any) -> dict[str, Any]:
    """Of scenario 0."""
    return {"scenario": 0, "step": name, "phase": phase, **counts(**words)}


def row(start_s: float, response_ns: Sequence[int] = (), *, state: str = "sealed", **words: Any) -> dict[str, Any]:
    """A window of one second, whose requests are of a step `GET /items`."""
    return {
        "start_s": start_s,
        "length_s": 1.0,
        "state": state,
        "in_flight": 3,
        "waiting": 4,
        "generator": {"cpu_ns": 250 * MS, "longest_gap_ns": 2 * MS},
        **counts(response_ns),
        "steps": [step("GET /items", response_ns=response_ns)],
        **words,
    }


def run(plan: Mapping[str, Any], **words: Any) -> RunRow:
    """That runs."""
    parsed = Plan.model_validate(plan)
    known: dict[str, Any] = {"run_id": "r1", "started_at": STARTED_AT, **words}
    return RunRow(
        plan=parsed.canonical().decode(),
        plan_sha256=parsed.sha256(),
        state=RunState.RUNNING,
        created_at=STARTED_AT,
        **known,
    )


def sealed(of: RunRow, window: Mapping[str, Any]) -> SealedWindow:
    """A window of a run."""
    return SealedWindow(of, StepLabels(of.plan), window)
