"""
What a plan's open loads owe: how many iterations fall due, worked out from the plan alone.

Not by the engine's schedule but beside it, so that each is held to the other: at constant arrivals the area under the
rates, rounded half up. Poisson arrivals can't be known without drawing them; those are drawn again from the seed.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from apibench.model.counts import owed
from apibench.model.plan import Plan
from apibench.model.share import WHOLE

Document = Mapping[str, Any]


def iterations_due(plan: Document) -> list[int | None]:
    """By scenario, behind the warm-up, of a run that comes to its end; None in the closed model, where nothing is."""
    drawn = _drawn(plan) if any(_is_drawn(each["load"]) for each in plan["scenarios"]) else {}
    return [
        None
        if scenario["load"]["model"] == "closed"
        else drawn.get(index, 0)
        if _is_drawn(scenario["load"])
        else _constant(scenario["load"])
        for index, scenario in enumerate(plan["scenarios"])
    ]


def _is_drawn(load: Document) -> bool:
    return bool(load["model"] == "open" and load["arrivals"] == "poisson")


def _constant(load: Document) -> int:
    duration_ns, iterations = load["ends"]["duration_ns"], load["ends"]["iterations"]
    if duration_ns is None:
        return int(iterations)
    # Number k is due when the cumulative rate reaches k + 1/2.
    due = int(_cumulative(_level(load["rate"]), load["stages"], duration_ns) + Fraction(1, 2))
    return due if iterations is None else min(due, iterations)


def _cumulative(level: Fraction, stages: Sequence[Document], until_ns: int) -> Fraction:
    total, left_ns = Fraction(0), until_ns
    for stage in stages:
        part_ns = min(left_ns, stage["duration_ns"])
        reached = level + (_level(stage["rate"]) - level) * Fraction(part_ns, stage["duration_ns"])
        total += (level + reached) / 2 * part_ns
        level, left_ns = reached, left_ns - part_ns
    return total + level * left_ns


def _level(rate: Document) -> Fraction:
    return Fraction(rate["count"], rate["per_ns"])


def _drawn(plan: Document) -> dict[int, int]:
    """Of what a request is made the schedule knows nothing: a document's may be redacted, so it is left out."""
    request = {"type": "request", "host": "host"}
    schedule = Plan.model_validate(
        {
            "version": 1,
            **{name: plan[name] for name in ("seed", "warmup_ns", "drain_ns")},
            "hosts": {"host": {"base_url": "http://127.0.0.1"}},
            "scenarios": [
                {"name": each["name"], "start_ns": each["start_ns"], "load": each["load"], "steps": [request]}
                for each in plan["scenarios"]
            ],
        }
    )
    shares = [(cut.low, cut.high) for cut in WHOLE.cuts]
    counts = owed(schedule.to_engine_json().decode(), shares, "[]", 0)
    return {scenario: count for scenario, phase, count in counts if phase == "main"}
