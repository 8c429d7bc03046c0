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
        threads = len(allowed) if quota is None else max(1, min(len(allowed), int(quota)))
        # On one machine the target needs processors too.
        threads = max(1, threads // 2) if local else threads
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


def _vus(load: Load) -> int:
    return load.max_vus if isinstance(load, Open) else max(1, load.vus)
