"""Every count and rate of a document, and both headline distributions, from its intervals and nothing else."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from apibench.model.histogram import Histogram, from_times, merged, to_times

Document = Mapping[str, Any]
_REQUESTS = ("started", "ok", "failed", "unfinished", "attempts", "stale_retries")
_ITERATIONS = ("offered", "started", "ok", "failed", "unfinished")


def rebuild(document: Document) -> dict[str, Any]:
    """What `pick` takes from a document, built from `document["intervals"]`. The window's length is the document's."""
    rows = document["intervals"]
    length_s = document["run"]["window_s"]
    end_s = document["run"]["plan"]["warmup_ns"] / 1e9 + length_s
    window = [row for row in rows if row["phase"] == "main" and row["start_s"] < end_s]
    early = [row["warmup"] for row in rows if "warmup" in row]
    inside = [*window, *(row["warmup"] for row in window if "warmup" in row)]
    steps = [step for row in rows for step in row["steps"]]
    busy = [step for row in window for step in row["steps"]]
    begun = [scenario for row in window for scenario in row["scenarios"]]
    iterations = [scenario for row in rows for scenario in row["scenarios"]]
    return {
        "run": _whole(rows),
        "warmup": _whole(early),
        "dropped": {name: sum(row["dropped"][name] for row in rows) for name in ("cap", "deadline", "ended", "dry")},
        "offered_per_s": _sum(window, "offered") / length_s,
        "started_per_s": _sum(inside, "started") / length_s,
        "ok_per_s": _sum(inside, "ok") / length_s,
        "iterations_ok_per_s": _sum(inside, "iterations_ok") / length_s,
        "cpu_s": sum(row["generator"].get("cpu_ns", 0) for row in rows) / 1e9,
        "scenarios": [
            {
                "iterations": {
                    **{name: _sum(_of(iterations, "main", scenario=number), name) for name in _ITERATIONS},
                    **{
                        f"{name}_per_s": _sum([each for each in begun if each["scenario"] == number], name) / length_s
                        for name in ("offered", "started", "ok")
                    },
                },
                "steps": [
                    {
                        **_requests(_of(steps, "main", scenario=number, step=step["name"])),
                        "ok_per_s": _sum([each for each in busy if each["step"] == step["name"]], "ok") / length_s,
                        "response_count": _recorded(_of(steps, "main", scenario=number, step=step["name"])),
                    }
                    for step in scenario["steps"]
                ],
            }
            for number, scenario in enumerate(document["scenarios"])
        ],
    }


def pick(document: Document) -> dict[str, Any]:
    """The figures of a document that its intervals must give."""
    return {
        "run": _picked(document),
        "warmup": _picked(document["warmup"]),
        "dropped": document["load"]["dropped"],
        "offered_per_s": document["load"]["offered_per_s"],
        "started_per_s": document["requests"]["started_per_s"],
        "ok_per_s": document["requests"]["ok_per_s"],
        "iterations_ok_per_s": document["iterations"]["ok_per_s"],
        "cpu_s": document["generator"]["cpu_s"],
        "scenarios": [
            {
                "iterations": {
                    name: scenario["iterations"][name]
                    for name in (*_ITERATIONS, "offered_per_s", "started_per_s", "ok_per_s")
                },
                "steps": [
                    {
                        **_picked_requests(step),
                        "ok_per_s": step["requests"]["ok_per_s"],
                        "response_count": step["response_time"]["count"],
                    }
                    for step in scenario["steps"]
                ],
            }
            for scenario in document["scenarios"]
        ],
    }


def _whole(rows: Sequence[Document]) -> dict[str, Any]:
    return {
        **_requests(rows),
        "iterations": {name: _sum(rows, name if name == "offered" else f"iterations_{name}") for name in _ITERATIONS},
        "response_time": to_times(merged(_histogram(row, "response") for row in rows)),
        "service_time": to_times(merged(_histogram(row, "service") for row in rows)),
    }


def _picked(block: Document) -> dict[str, Any]:
    return {
        **_picked_requests(block),
        "iterations": {name: block["iterations"][name] for name in _ITERATIONS},
        "response_time": block["response_time"],
        "service_time": block["service_time"],
    }


def _requests(rows: Sequence[Document]) -> dict[str, Any]:
    return {
        **{name: _sum(rows, name) for name in _REQUESTS},
        **{name: _merged_counts(row[name] for row in rows) for name in ("by_status", "by_error")},
        "bytes": {"sent": _sum(rows, "sent_bytes"), "received": _sum(rows, "received_bytes")},
    }


def _picked_requests(block: Document) -> dict[str, Any]:
    counts = block["requests"]
    return {name: counts[name] for name in (*_REQUESTS, "by_status", "by_error")} | {"bytes": block["bytes"]}


def _of(parts: Iterable[Document], phase: str, **keys: Any) -> list[Document]:
    return [part for part in parts if part["phase"] == phase and all(part[key] == keys[key] for key in keys)]


def _histogram(row: Document, kind: str) -> Histogram:
    """Its cells from the text, and what is exact beside them from the figures."""
    return Histogram() if row[kind] is None else from_times({**row[kind], "hdr": row[f"{kind}_hdr"]})


def _recorded(rows: Sequence[Document]) -> int:
    return sum(row["response"]["count"] for row in rows if row["response"] is not None)


def _merged_counts(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return dict(sorted(total.items()))


def _sum(rows: Iterable[Document], name: str) -> int:
    return sum(row[name] for row in rows)
