"""How this host runs its share of a plan: threads, processors, and whether one of them may spin."""

from typing import Literal

from apibench.assembly import host
from apibench.engine.seam import EngineOptions, HostFacts
from apibench.model.load import Load, Open
from apibench.model.plan import Plan
from apibench.model.timeline import model_of

SPIN_NS = 100_000
"""How long before an arrival a thread that may spin begins to: longer than a virtual machine's timers are late."""


def engine_options(
    plan: Plan,
    hosts: tuple[HostFacts, ...],
    *,
    threads: int | None = None,
    spin: Literal["auto", "on", "off"] = "auto",
) -> EngineOptions:
    """The options for a plan whose hosts have been looked up. `threads`: so many, as far as the plan can use them."""
    allowed, quota = host.processors(), host.quota()
    local = any(host.is_local(facts.addresses) for facts in hosts)
    if threads is None:
        threads = _threads(plan, allowed, quota, local=local)
    # A thread without a virtual user could start nothing of its share.
    threads = min(threads, *(_vus(scenario.load) for scenario in plan.scenarios))
    # Nor could one without a connection of those that all share.
    shared = [each.connections.count for each in plan.hosts.values() if each.connections.type == "shared"]
    threads = min([threads, *shared])
    # A thread that spins takes a whole processor: only where one is free after the threads' and the target's own.
    free = quota is None and len(allowed) > threads + (1 if local else 0)
    spins = spin == "on" or (spin == "auto" and free and model_of(plan) != "closed")
    return EngineOptions(
        threads=threads,
        pin=allowed if quota is None and threads > 1 else (),
        spin_ns=SPIN_NS if spins else 0,
    )


def queues(plan: Plan) -> bool:
    """
    Whether something waits for one of a few: then figures depend on who may take which.

    Threads share nothing. Where each has its part of the virtual users or of the connections that are waited for, an
    iteration may wait on one thread while another has somebody free, as it would not on a single one.
    """
    capped = any(
        isinstance(scenario.load, Open) and scenario.load.when_busy in ("queue", "drop") for scenario in plan.scenarios
    )
    return capped or any(each.connections.type == "shared" for each in plan.hosts.values())


def _threads(plan: Plan, allowed: tuple[int, ...], quota: float | None, *, local: bool) -> int:
    if queues(plan):
        return 1
    threads = len(allowed) if quota is None else max(1, min(len(allowed), int(quota)))
    # On one machine the target needs processors too.
    return max(1, threads // 2) if local else threads


def _vus(load: Load) -> int:
    return load.max_vus if isinstance(load, Open) else max(1, load.vus)
