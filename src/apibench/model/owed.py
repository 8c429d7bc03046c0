"""
How many iterations fall due for a share of a plan, by the schedule that the engine itself runs.

So iterations are known of which nobody has reported anything.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from apibench.model import counts
from apibench.model.interval import Phase
from apibench.model.plan import Plan
from apibench.model.rate_change import RateChange
from apibench.model.share import Share


@dataclass(frozen=True, slots=True)
class Owed:
    """Iterations of one scenario and phase."""

    scenario: int
    """Its place in the plan."""
    phase: Phase
    count: int


def owed(
    plan: Plan, share: Share, rates: Sequence[RateChange], from_ns: int, until_ns: int | None = None
) -> list[Owed]:
    """
    What falls due between two moments after the barrier, `until_ns` not included; None: to the end.

    Only open scenarios owe anything. `rates` are all changes of rates that hold. Raises EngineFailed for a plan that
    the engine does not take.
    """
    cuts = [(cut.low, cut.high) for cut in share.cuts]
    changes = [{"scenario": each.scenario, "at_ns": each.at_ns, "rate": each.rate.model_dump()} for each in rates]
    rows = counts.owed(plan.to_engine_json().decode(), cuts, json.dumps(changes), from_ns, until_ns)
    return [Owed(*row) for row in rows]
