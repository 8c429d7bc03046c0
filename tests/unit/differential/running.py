"""What the engine does with a plan, told in the words of the interpreter."""

import json
from typing import Any

from tests.unit.differential.functions import answering_calls
from tests.unit.differential.interpreter import Counts, Predicted
from tests.unit.differential.target import Answering, Target

from apibench.engine.rust import RustEngine
from apibench.engine.seam import EngineOptions
from apibench.model.checks import checks_of
from apibench.model.plan import Plan

PATIENCE_MS = 1_000


def run(plan: Plan, target: Target, answering: Answering) -> Predicted:
    """Has the engine carry it out, on one thread."""
    target.begin(answering)
    prepared = RustEngine().prepare(plan)
    counts, checks = Counts(), checks_of(plan)[0]
    with answering_calls(prepared.functions) as processes:
        load = prepared.start(EngineOptions(threads=1), processes=processes)
        while not load.ended:
            interval = load.next_counts(PATIENCE_MS)
            if interval is not None:
                document = json.loads(interval.to_json())
                _add(document, checks, [each.step for each in prepared.series], counts)
                for each in document["groups"]:
                    for end in ("ok", "failed", "unfinished"):
                        counts.groups[prepared.groups[each["group"]].name, end] += each[end]
        load.connections_by_address()
    return Predicted(target.sessions, counts)


def _add(interval: dict[str, Any], checks: tuple[str, ...], series: list[str], counts: Counts) -> None:
    for each in interval["scenarios"]:
        for end in ("ok", "failed", "unfinished"):
            counts.iterations[end] += each[end]
        for number, passed, failed in each["checks"]:
            counts.checks[checks[number], True] += passed
            counts.checks[checks[number], False] += failed
    for each in interval["series"]:
        for word in ("ok", "failed"):
            counts.requests[series[each["series"]], word] += each[word]
        for status, count in each["by_status"].items():
            counts.requests[series[each["series"]], int(status)] += count
