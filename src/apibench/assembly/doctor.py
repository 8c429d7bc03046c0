"""
What this machine allows a load generator: read from the kernel, and measured against our own target.

Where this machine is one of several on a host, what others take shows only while something is wanted: so steal and a
quota are looked at over the self-test too, besides what they came to since boot.

The self-test drives the engine against the built-in server on this machine. Its lag is the host's own floor; its rate
is what the host can do when it also has to be the target, so a real target elsewhere leaves more.
"""

from dataclasses import dataclass
from typing import Literal

from apibench.aggregator.generator import STEAL_SHARE
from apibench.aggregator.merging import RunTally
from apibench.assembly import host
from apibench.authoring.load_words import LoadWords
from apibench.authoring.request_words import RequestWords
from apibench.authoring.url_plan import url_plan
from apibench.engine.echo_server import EchoServer
from apibench.engine.pace import measure_pace
from apibench.engine.rust import RustEngine
from apibench.engine.seam import EngineOptions
from apibench.model.counts import IntervalCounts
from apibench.model.figures import human_count, human_duration, human_rate, human_share
from apibench.model.interval import Interval
from apibench.model.timeline import Timeline
from apibench.model.units import NS_PER_S
from apibench.worker.carrying_out import carry_out
from apibench.worker.control_group import ControlGroup
from apibench.worker.processor_times import ProcessorTimes, processor_times

Level = Literal["ok", "note", "warning"]
GOOD_CLOCKS = ("tsc", "kvm-clock", "hyperv_clocksource_tsc_page", "arch_sys_counter")
FEW_DESCRIPTORS = 10_000
FEW_PORTS = 20_000
LATE_TIMERS_NS = 1_000_000
SAFE_SHARES = (0.5, 0.25, 0.125, 0.0625)
"""Of the closed run's rate, tried in turn: a safe rate is one at which the lag is hardly more than the timers' own."""
LATE_TIMES = 4


@dataclass(frozen=True, slots=True)
class Symptom:
    """One thing that was looked at."""

    name: str
    level: Level
    found: str
    advice: str = ""


class _NoStops:
    asked = 0


def examine(seconds: str = "2s") -> tuple[Symptom, ...]:
    """Look at everything. Each load of the self-test takes so long: a closed one, and one to four at a rate."""
    group, allowed = ControlGroup(), host.processors()
    steal, throttled = processor_times(allowed), (group.throttled_periods(), group.throttled_ns())
    at_rest = (_clock(), _processors(), _descriptors(), _ports(), *_tracked(), _timers())
    tested = _self_test(seconds)
    return (
        *at_rest,
        *tested,
        _steal(steal, processor_times(allowed)),
        *_throttling(throttled, (group.throttled_periods(), group.throttled_ns())),
    )


def _clock() -> Symptom:
    source = host.clock_source()
    if source in GOOD_CLOCKS:
        return Symptom("clock", "ok", f"{source}, read without a system call")
    return Symptom("clock", "warning", source, "Each time stamp is a system call here: figures carry its cost.")


def _processors() -> Symptom:
    allowed, quota = host.processors(), host.quota()
    found = f"{len(allowed)} allowed" + ("" if quota is None else f", a quota of {quota:g}")
    if quota is not None and quota >= len(allowed):
        # It can't be used up by the processors that there are.
        return Symptom("processors", "note", found, "The quota is as much as the processors: it stops nobody.")
    if quota is not None:
        return Symptom("processors", "warning", found, "A quota stops us for tens of milliseconds; raise or remove it.")
    if len(allowed) == 1:
        return Symptom("processors", "note", found, "A target on this machine would share it with us.")
    return Symptom("processors", "ok", found)


def _descriptors() -> Symptom:
    soft, hard = host.descriptor_limits()
    found = f"{human_count(soft)} now, {human_count(hard)} at the most"
    if hard < FEW_DESCRIPTORS:
        return Symptom("descriptors", "warning", found, f"Enough for {hard - 100} connections. Raise it: ulimit -n.")
    return Symptom("descriptors", "ok", found)


def _ports() -> Symptom:
    ports = host.local_ports()
    found = f"{human_count(ports)} to each address"
    if ports < FEW_PORTS:
        return Symptom("ports", "warning", found, "Widen net.ipv4.ip_local_port_range for many connections.")
    per_s = ports // 60
    return Symptom("ports", "ok", f"{found}; without keep-alive some {human_count(per_s)} new connections a second")


def _tracked() -> tuple[Symptom, ...]:
    """The table of this network's connections, where there is one. What a gateway on the way allows is seen nowhere."""
    most, now = host.tracked_connections()
    if not most:
        return ()
    found = f"{human_count(most)} connections at the most, {human_count(now)} now; beyond it packets are dropped"
    if most < FEW_PORTS:
        return (Symptom("conntrack", "warning", found, "Raise net.netfilter.nf_conntrack_max for many connections."),)
    return (Symptom("conntrack", "ok", found),)


def _timers() -> Symptom:
    pace = measure_pace(2_000, 1_000_000_000)
    p50, p99 = pace.quantile(0.5) or 0, pace.quantile(0.99) or 0
    found = f"late by p50 {human_duration(p50)}, p99 {human_duration(p99)}: no generator here can be more punctual"
    if p99 > LATE_TIMERS_NS:
        return Symptom("timers", "warning", found, "Something else uses the processors, or the hypervisor does.")
    return Symptom("timers", "ok", found)


def _self_test(seconds: str) -> tuple[Symptom, ...]:
    pace_p99 = measure_pace(2_000, 500_000_000).quantile(0.99) or 0
    with EchoServer() as server:
        closed = _measured(server.address, LoadWords(connections=50, duration=seconds))
        rate = closed.window_ok * NS_PER_S // max(closed.window_ns, 1)
        safe, lag, floor = rate, 0, 0
        for share in SAFE_SHARES:
            safe = max(int(rate * share), 1)
            requests = _measured(server.address, LoadWords(rate=f"{safe}/s", duration=seconds)).main.all_requests()
            lag = requests.times("schedule_lag").quantile(0.99) or 0
            floor = requests.times("service_time").quantile(0.5) or 0
            if lag <= LATE_TIMES * pace_p99:
                break
    late = lag > LATE_TIMES * pace_p99
    found = f"{human_rate(safe, NS_PER_S)}, with a schedule lag of p99 {human_duration(lag)}"
    return (
        Symptom("self-test", "ok", f"{human_rate(rate, NS_PER_S)} closed, with the target on this machine too"),
        Symptom("safe rate", "warning" if late else "ok", found, "Something else uses the processors." if late else ""),
        Symptom("floor", "ok", f"a request to a target that does nothing takes p50 {human_duration(floor)} here"),
    )


def _steal(before: ProcessorTimes, after: ProcessorTimes) -> Symptom:
    """Of what the processors were wanted for: of one that rests nothing can be taken."""
    tested = after.since(before)
    parts = [
        f"{human_share(times.steal_ns, times.busy_ns + times.steal_ns)} {when}"
        for times, when in ((before, "since boot"), (tested, "while this test wanted them"))
    ]
    found = f"of our processors' time other machines had {', '.join(parts)}"
    if tested.steal_share > STEAL_SHARE:
        advice = "The hypervisor has given out more than it has: take a dedicated or larger instance without credits."
        return Symptom("steal", "warning", found, advice)
    if before.steal_share > STEAL_SHARE:
        return Symptom("steal", "warning", found, "Not now, but before: runs will lose it again. Each says how much.")
    return Symptom("steal", "ok", found)


def _throttling(before: tuple[int, int], after: tuple[int, int]) -> tuple[Symptom, ...]:
    """How often a quota has stopped this control group, and for how long. Without a quota nothing does."""
    periods, took_ns = after
    if host.quota() is None and not periods:
        return ()
    if not periods:
        return (Symptom("throttling", "ok", "the quota has stopped nobody so far"),)
    tested = periods - before[0]
    found = (
        f"the quota has stopped this control group {human_count(periods)} times for {human_duration(took_ns)} in all, "
        f"{human_count(tested)} times in this test"
    )
    if tested > 0:
        return (Symptom("throttling", "warning", found, "Raise the quota, or use fewer --threads."),)
    return (Symptom("throttling", "note", found, "A run that is stopped even once is invalid."),)


def _measured(url: str, load: LoadWords) -> RunTally:
    plan = url_plan(RequestWords(url=url), load)
    tally = RunTally(Timeline.of(plan))
    quota = host.quota()
    allowed = len(host.processors())
    # Half of what there is, as a run against a target on this machine would: the target is here too.
    threads = max(1, (allowed if quota is None else min(allowed, int(quota))) // 2)

    def take(counts: IntervalCounts) -> bool:
        tally.add(Interval.from_counts(counts))
        return True

    carry_out(RustEngine().prepare(plan).start(EngineOptions(threads=threads)), _NoStops(), take, lambda: None)
    return tally
