"""
Caps of ours: whether so few virtual users could have carried a load with a target at its best.

What a slow or overloaded target makes of a cap is the target's, and no rule here looks at it: only at the rate, the
cap, and what an iteration's requests take at best.
"""

from apibench.aggregator.merging import RunTally
from apibench.model.load import Open, Rate
from apibench.model.plan import Plan, sent_by
from apibench.model.series import redirects_of, series_of
from apibench.model.units import NS_PER_S

DROPPED_SHARE = 0.001
"""Of what was due: if more of it was dropped for want of a connection, the load was not the one that was asked for."""


def best_iteration_ns(plan: Plan, index: int, tally: RunTally) -> float:
    """
    What an iteration of that scenario would have taken, had the target been at its best for each of its requests.

    What virtual users do before their iterations keeps them busy too; what they do behind the last keeps nobody busy.
    """
    scenario = plan.scenarios[index]
    steps = {sent.name for sent in sent_by((*scenario.on_start, *scenario.steps))}
    steps |= {redirects_of(step) for step in steps}
    started = tally.main.iterations[index].started
    best_ns = tally.best_service.lowest_ns
    total_ns = sum(
        tally.main.requests[number].started * best_ns[number]
        for number, name in enumerate(series_of(plan))
        if name.scenario == index and name.step in steps and number in best_ns and number in tally.main.requests
    )
    return total_ns / started if started else 0.0


def peak_per_s(load: Open) -> float:
    """The highest rate that the load has anywhere."""
    return max(_per_s(load.rate), *(_per_s(stage.rate) for stage in load.stages), 0.0)


def dropped_at_best(load: Open, busy: float) -> float:
    """
    The share of arrivals that find every virtual user busy, where `busy` of them would be at work if there were any
    number: a number in [0, 1].

    Constant arrivals at a target that always takes as long find one free until `busy` exceeds the cap. Poisson
    arrivals come in bursts: of them it is Erlang's loss formula, for any spread of the target's times.
    """
    if load.arrivals == "constant":
        return max(1 - load.max_vus / busy, 0.0) if busy else 0.0
    blocked = 1.0
    for number in range(1, load.max_vus + 1):
        blocked = busy * blocked / (number + busy * blocked)
    return blocked


def _per_s(rate: Rate) -> float:
    return rate.count * NS_PER_S / rate.per_ns
