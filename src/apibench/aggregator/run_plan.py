"""A run's plan, and what follows from it alone."""

from dataclasses import dataclass

from apibench.aggregator.lost import Debts
from apibench.aggregator.windows import Grid
from apibench.model.aggregation import RunOpening
from apibench.model.groups import GroupName, groups_of
from apibench.model.plan import Plan
from apibench.model.run import SeriesName
from apibench.model.series import series_of
from apibench.model.timeline import Timeline


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What an aggregator needs to know of a plan."""

    plan: Plan
    grid: Grid
    series: tuple[SeriesName, ...]
    groups: tuple[GroupName, ...]
    debts: Debts

    @classmethod
    def of(cls, opening: RunOpening) -> "RunPlan":
        """Raises ValueError for what is no plan."""
        plan = Plan.model_validate_json(opening.plan)
        return cls(plan, Grid(Timeline.of(plan)), series_of(plan), groups_of(plan), Debts(plan))
