"""A run's plan, and what follows from it alone."""

from collections.abc import Iterator
from dataclasses import dataclass

from apibench.aggregator.lost import Debts
from apibench.aggregator.windows import Grid
from apibench.model.aggregation import RunOpening
from apibench.model.plan import Plan
from apibench.model.run import SeriesName
from apibench.model.timeline import Timeline


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What an aggregator needs to know of a plan."""

    plan: Plan
    grid: Grid
    series: tuple[SeriesName, ...]
    debts: Debts

    @classmethod
    def of(cls, opening: RunOpening) -> "RunPlan":
        """Raises ValueError for what is no plan."""
        plan = Plan.model_validate_json(opening.plan)
        return cls(plan, Grid(Timeline.of(plan)), tuple(dict.fromkeys(_series(plan))), Debts(plan))


def _series(plan: Plan) -> Iterator[SeriesName]:
    """As the engine numbers them (`crates/engine/src/program.rs`): by the steps, each before its redirects."""
    places = {scenario.name: place for place, scenario in enumerate(plan.scenarios)}
    for scenario, request in plan.requests():
        yield SeriesName(places[scenario.name], request.name)
        if plan.hosts[request.host].redirects:
            yield SeriesName(places[scenario.name], f"{request.name} → redirect")
