"""
Was the generator the limit? One table, in `docs/verdict.md`; these are its rules.

Only what is ours is held against us: time that our loop was late although something was free, bytes that lay ready
because we had not looked, processor time that was taken from us, descriptors, ports, and a cap of our own. A target
that stalls or is overloaded makes requests wait for connections; that is its fault, and no rule here looks at it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from apibench.aggregator.caps import DROPPED_SHARE, best_iteration_ns, dropped_at_best, peak_per_s
from apibench.aggregator.merging import RunTally
from apibench.model.figures import human_count, human_duration, human_share
from apibench.model.histogram import Histogram
from apibench.model.host_sample import HostTotals
from apibench.model.load import Open
from apibench.model.pace_floor import PaceFloor
from apibench.model.plan import Plan
from apibench.model.python_steps import python_steps
from apibench.model.threshold import Threshold
from apibench.model.timeline import model_of
from apibench.model.units import NS_PER_S
from apibench.model.verdict import GeneratorFinding

DELAY_P50_NS, DELAY_P50_SHARE = 50_000, 0.05
DELAY_P99_NS, DELAY_P99_SHARE = 250_000, 0.10
USUAL_P50_NS, USUAL_P99_NS = 70_000, 600_000
"""How late timers usually are at the most on virtual machines. A floor beyond it is no property of the host: somebody
else has its processors, and was there already when the floor was measured."""
WAITED_SHARE = 0.15
"""Of the whole run, for each thread. Short waits are usual where a target shares the machine; what they cost shows as
delay. A share like this means that somebody else had our processor."""
WAITED_NS = 100_000_000
"""And in all at least this. A run of a few milliseconds is over before the kernel has shared out its turns once."""
STEAL_SHARE = 0.05
"""Of the whole run, for each thread. A per cent or two are usual on virtual machines. A generator at half load that
loses a tenth of what it wants is beyond it; whoever loses less at a lower load shows it as delay."""
STEAL_NS = 100_000_000
"""And in all at least this: the kernel counts it in hundredths of a second."""
LEAST_BEYOND = 10
"""Samples that must lie beyond a quantile before it is held against us: with fewer it is an accident."""
PAUSE_NS = 100_000_000
"""A loop that did not look for this long was stopped or starved: its own longest turn takes a few milliseconds."""
PYTHON_P50_NS, PYTHON_P99_NS = 1_000_000, 10_000_000
"""What a call of Python waits at the least before it is held against us: to wake another process takes a tenth of it on
a machine that has one free."""
UNSTARTED_SHARE = 0.001
BUSY_SHARE = 0.85
"""Of one processor each thread; beyond it a closed run's rate is "at least" what it shows."""


@dataclass(frozen=True, slots=True)
class HostWatch:
    """What the host was like before the run, and what it did to the generator meanwhile."""

    floor: PaceFloor
    host: HostTotals = field(default_factory=HostTotals)
    seconds: int = 0
    """In how many of them that was."""
    threads: int = 1
    """How many made the load."""
    python_ns: Mapping[str, int] = field(default_factory=dict)
    """How long calls of Python took in all, by function."""


def findings(
    plan: Plan, tally: RunTally, watch: HostWatch, thresholds: Iterable[Threshold]
) -> tuple[GeneratorFinding, ...]:
    """Every reason why the generator was the limit; none for a valid run."""
    found = [
        *_delay(plan, tally, watch.floor),
        *_pause(tally),
        *throttled("the generator", watch.host.throttled_ns, watch.host.throttled_batches, watch.seconds),
        *_neighbour(tally, watch),
        *stolen("our threads", watch.host.steal_ns, tally.end_ns * watch.threads),
        *_local_errors(tally),
        *_connection_cap(plan, tally),
        *_dropped(plan, tally, thresholds),
        *_unstarted(tally),
        *_python(plan, tally, watch),
    ]
    return tuple(found)


def _delay(plan: Plan, tally: RunTally, floor: PaceFloor) -> Iterable[GeneratorFinding]:
    requests = tally.main.all_requests()
    headline = requests.times("service_time" if model_of(plan) == "closed" else "response_time")
    lag, receive = requests.times("schedule_lag"), requests.times("receive_lag")
    if not headline.count or not lag.count:
        return
    for quantile, least_ns, share, floor_ns in (
        (0.5, DELAY_P50_NS, DELAY_P50_SHARE, min(floor.p50_ns, USUAL_P50_NS)),
        (0.99, DELAY_P99_NS, DELAY_P99_SHARE, min(floor.p99_ns, USUAL_P99_NS)),
    ):
        if lag.count * (1 - quantile) < LEAST_BEYOND:
            continue
        # The two lags of a request are not known together, only their distributions. The sum of the quantiles is
        # what they would be if the same requests were hit by both: never less than the truth at this quantile
        # where it matters, and a healthy run is far below the limit all the same.
        own_ns = max(_at(lag, quantile) - floor_ns, 0) + _at(receive, quantile)
        limit_ns = max(least_ns, round(share * _at(headline, quantile)))
        if own_ns > limit_ns:
            yield GeneratorFinding(
                "delay",
                f"our own delay at p{quantile * 100:g} was {human_duration(own_ns)} beyond this host's timers; "
                f"the limit is {human_duration(limit_ns)}",
                "Give the generator a processor of its own, or ask for less.",
            )
            return


def _pause(tally: RunTally) -> Iterable[GeneratorFinding]:
    longest_ns = tally.generator.get("longest_gap_ns", 0)
    if longest_ns > PAUSE_NS:
        yield GeneratorFinding(
            "pause",
            f"the generator did not look for {human_duration(longest_ns)}: it was stopped, or another process had "
            "its processor",
            "Run it where nothing else competes for the processor.",
        )


def throttled(who: str, throttled_ns: int, seconds: int, of_seconds: int) -> Iterable[GeneratorFinding]:
    """A quota stopped somebody for so long, in so many seconds."""
    if seconds:
        yield GeneratorFinding(
            "throttled",
            f"the processor quota stopped {who} for {human_duration(throttled_ns)} "
            f"in {seconds} of {of_seconds} seconds",
            "Raise the quota, or ask for less.",
        )


def _neighbour(tally: RunTally, watch: HostWatch) -> Iterable[GeneratorFinding]:
    return neighbour("our threads", watch.host.waited_ns, tally.end_ns * watch.threads)


def waited_limit_ns(whole_ns: int) -> float:
    """How long threads may wait for processors, of all the time that they have together."""
    return max(WAITED_SHARE * whole_ns, WAITED_NS)


def steal_limit_ns(whole_ns: int) -> float:
    """How much may be given to other machines of it."""
    return max(STEAL_SHARE * whole_ns, STEAL_NS)


def neighbour(who: str, waited_ns: int, whole_ns: int) -> Iterable[GeneratorFinding]:
    """Somebody else had our processor: our threads were ready to run and had to wait."""
    if waited_ns > waited_limit_ns(whole_ns):
        yield GeneratorFinding(
            "neighbour",
            f"{who} were ready and waited {human_duration(waited_ns)} for a processor that something else had, "
            f"{human_share(waited_ns, whole_ns)} of the run",
            "Run it where nothing else competes for the processor.",
        )


def stolen(who: str, steal_ns: int, whole_ns: int) -> Iterable[GeneratorFinding]:
    """
    Another machine had our processor. No process of this one was in the way, and so nobody waited by the kernel's own
    accounts: what is missing looks like a slow target.
    """
    if steal_ns > steal_limit_ns(whole_ns):
        yield GeneratorFinding(
            "stolen",
            f"the hypervisor gave {human_duration(steal_ns)} of the processor time of {who} to other machines, "
            f"{human_share(steal_ns, whole_ns)} of the run",
            "Use dedicated or larger instances, and none with credits.",
        )


def _local_errors(tally: RunTally) -> Iterable[GeneratorFinding]:
    errors = tally.main.all_requests().by_error + tally.warmup.all_requests().by_error
    for name, code, what, remedy in (
        (
            "local.descriptors",
            "descriptors",
            "file descriptors",
            "Raise the limit (ulimit -n), or use fewer connections.",
        ),
        ("local.ports", "ports", "local ports", "Keep connections alive, or use fewer of them."),
        ("local.system", "system", "what a system call needs", "See the kernel's log."),
    ):
        if errors[name]:
            message = f"{human_count(errors[name])} requests failed because this host had no {what} left"
            yield GeneratorFinding(code, message, remedy)


def _connection_cap(plan: Plan, tally: RunTally) -> Iterable[GeneratorFinding]:
    """A cap of ours: so few virtual users that even with a target at its best they could not have kept the rate."""
    for index, load in _open_loads(plan, tally):
        best_ns = best_iteration_ns(plan, index, tally)
        needed = tally.main.iterations[index].offered * best_ns / (tally.window_ns or 1)
        if needed >= load.max_vus:
            yield GeneratorFinding(
                "connections",
                f"{human_count(load.max_vus)} connections cannot carry this rate: even at the target's best, "
                f"{human_duration(round(best_ns))} of service for an iteration, it needs {needed:.0f}",
                "Raise --max-connections, or -c.",
            )


def _dropped(plan: Plan, tally: RunTally, thresholds: Iterable[Threshold]) -> Iterable[GeneratorFinding]:
    """Drops of ours: so few virtual users that even with a target at its best they would have dropped arrivals."""
    if any(threshold.metric == "dropped" for threshold in thresholds):
        return
    for index, load in _open_loads(plan, tally):
        iterations = tally.main.iterations[index]
        dropped = iterations.dropped["cap"] + iterations.dropped["deadline"]
        # Rates may have been changed on the way.
        highest_per_s = max(peak_per_s(load), iterations.offered * NS_PER_S / (tally.window_ns or NS_PER_S))
        busy = highest_per_s * best_iteration_ns(plan, index, tally) / NS_PER_S
        if dropped > DROPPED_SHARE * iterations.offered and dropped_at_best(load, busy) > DROPPED_SHARE:
            yield GeneratorFinding(
                "dropped",
                f"{human_count(dropped)} of {human_count(iterations.offered)} due iterations "
                f"({human_share(dropped, iterations.offered)}) were never started, and {human_count(load.max_vus)} "
                "connections would have dropped some even with the target at its best",
                "Allow more connections, or judge it: --threshold 'dropped < 1%'.",
            )


def _open_loads(plan: Plan, tally: RunTally) -> Iterable[tuple[int, Open]]:
    """By the number of their scenarios, those of which anything was started."""
    for index, scenario in enumerate(plan.scenarios):
        iterations = tally.main.iterations.get(index)
        if isinstance(scenario.load, Open) and iterations is not None and iterations.started:
            yield index, scenario.load


def _unstarted(tally: RunTally) -> Iterable[GeneratorFinding]:
    """What was due and never started although a connection was free for it."""
    offered, unstarted = tally.main.all_iterations().offered, tally.generator.get("unstarted", 0)
    if unstarted > UNSTARTED_SHARE * offered:
        yield GeneratorFinding(
            "unstarted",
            f"{human_count(unstarted)} of {human_count(offered)} due iterations ({human_share(unstarted, offered)}) "
            "were never started although a connection was free for them",
            "Ask for less, allow a longer --drain, or raise --max-catchup.",
        )


def _python(plan: Plan, tally: RunTally, watch: HostWatch) -> Iterable[GeneratorFinding]:
    """Calls of Python that waited because all processes had others: a load with more of them would have gone on."""
    wait = tally.main.all_iterations().python_wait
    requests = tally.main.all_requests()
    headline = requests.times("service_time" if model_of(plan) == "closed" else "response_time")
    for quantile, least_ns, share in (
        (0.5, PYTHON_P50_NS, DELAY_P50_SHARE),
        (0.99, PYTHON_P99_NS, DELAY_P99_SHARE),
    ):
        if wait.count * (1 - quantile) < LEAST_BEYOND:
            continue
        limit_ns = max(least_ns, round(share * _at(headline, quantile)))
        if _at(wait, quantile) > limit_ns:
            names = [step.function for _, step in python_steps(plan)]
            # Workers of an installation do not tell how long each function took.
            longest = max(names, key=lambda name: watch.python_ns.get(name, 0)) if watch.python_ns else ""
            mostly, who = (f", for the most part of `{longest}`", f"`{longest}`") if longest else ("", "the functions")
            yield GeneratorFinding(
                "python",
                f"python wait at p{quantile * 100:g} was {human_duration(_at(wait, quantile))}: all processes were at "
                f"other calls{mostly}; the limit is {human_duration(limit_ns)}",
                f"Have {who} do less or write it with native words, allow more --python-processes, or ask for less.",
            )
            return


def is_busy(tally: RunTally, threads: int) -> bool:
    """Whether the load's threads were at their processors' limit: a closed run could then have been faster."""
    return tally.end_ns > 0 and tally.generator.get("cpu_ns", 0) > BUSY_SHARE * threads * tally.end_ns


def _at(histogram: Histogram, quantile: float) -> int:
    return histogram.quantile(quantile) or 0
