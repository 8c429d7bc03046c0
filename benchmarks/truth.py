"""Are the times true? Against a target that logs what it did, and against the machine's own timers."""

from __future__ import annotations

import bisect
import heapq
import json
import math
import random
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from apibench.model.histogram import Histogram, from_times
from machine import GENERATOR_CPU, OURS, Section, built, measured, pinned
from target import echo


def lag(rounds: int, seconds: float) -> Section:
    """How late requests are sent in an open load, beside a bare loop that sends nothing, and one that sends and reads."""
    lines = [
        "| rate | spin | our p50 | p99 | the floor's p50 | p99 | p50 ratio | p99 ratio | a sending floor's p50 | p99 | of the floor |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    with tempfile.TemporaryDirectory() as folder, echo() as port:
        floor, sending_floor = (built(name, Path(folder)) for name in ("pace_floor", "sending_pace_floor"))
        for rate in (1_000, 5_000, 20_000):
            for spin in ("off", "on"):
                rows = []
                for _ in range(rounds):
                    bare = _lags(floor, str(rate), f"{seconds:.0f}")
                    open_load = ("-r", f"{rate}/s", "-d", f"{seconds:g}s", "--spin", spin, "--threads", "1")
                    document = measured(f"http://127.0.0.1:{port}/", *open_load)
                    quantiles = document["generator"]["schedule_lag"]["quantiles"]  # type: ignore[index]
                    sending = _lags(sending_floor, str(rate), f"{seconds:.0f}", str(port), "50")
                    rows.append((quantiles["0.5"] / 1e3, quantiles["0.99"] / 1e3, *bare, *sending))
                mine50, mine99, bare50, bare99, sent50, sent99 = (
                    statistics.median(column) for column in zip(*rows, strict=True)
                )
                ratio50 = statistics.median(row[0] / row[2] for row in rows)
                ratio99 = statistics.median(row[1] / row[3] for row in rows)
                sent_ratio99 = statistics.median(row[5] / row[3] for row in rows)
                lines.append(
                    f"| {rate:,}/s | {spin} | {mine50:.1f} µs | {mine99:.1f} µs | {bare50:.1f} µs | {bare99:.1f} µs "
                    f"| **{ratio50:.2f}** | **{ratio99:.2f}** | {sent50:.1f} µs | {sent99:.1f} µs | {sent_ratio99:.2f} |"
                )
    return Section(f"Schedule lag, medians of {rounds} alternating rounds", lines)


def _lags(*command: str) -> tuple[float, float]:
    quantiles = json.loads(pinned([*command]).stdout)["lag_us"]
    return quantiles["0.5"], quantiles["0.99"]


def holds(seconds: float) -> Section:
    """Service time beside the hold that the target logged, and response time beside service time."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        with echo() as port:
            bare = measured(f"http://127.0.0.1:{port}/", "-r", "1000/s", "-d", f"{seconds:g}s")
        with echo("--knobs", "delay=1ms", "--log", str(log)) as port:
            held = measured(f"http://127.0.0.1:{port}/", "-r", "1000/s", "-d", f"{seconds:g}s")
        logged = [json.loads(line).get("hold") for line in log.read_text().splitlines()]
    median_hold = statistics.median(hold["sent_ns"] - hold["received_ns"] for hold in logged if hold)
    floor, service, response = (
        document[name]["quantiles"]["0.5"]  # type: ignore[index]
        for document, name in ((bare, "service_time"), (held, "service_time"), (held, "response_time"))
    )
    lines = [
        f"- service p50 {service / 1e3:.1f} µs, less the logged hold's median {median_hold / 1e3:.1f} µs, less the same "
        f"without a hold {floor / 1e3:.1f} µs: **{(service - median_hold - floor) / 1e3:.1f} µs**",
        f"- response p50 less service p50 at 1,000/s: **{(response - service) / 1e3:.1f} µs**",
    ]
    return Section("Service time against the target's own log", lines)


CONNECTIONS, HOLD, HOLD_NS = 100, "2ms", 2_000_000


def freezes(rates: tuple[int, ...] = (1_000, 5_000, 20_000)) -> Section:
    """A target that freezes 1 s in every 10: our quantiles beside a simulation fed with its log and its rate."""
    quantiles = ("0.5", "0.9", "0.95", "0.99", "0.999")
    lines = [
        f"Each answer is held for {HOLD}, so that quantiles are no loopback noise; `-c {CONNECTIONS} --when-busy queue`, "
        "two whole periods.",
        "",
        "| rate | | " + " | ".join(f"p{float(name) * 100:g}" for name in quantiles) + " | worst | p90 aside |",
        "|---|---|" + "---|" * (len(quantiles) + 2),
    ]
    for rate in rates:
        alone = _alone(rate)
        with tempfile.TemporaryDirectory() as folder:
            log = Path(folder) / "log"
            with echo("--knobs", f"delay={HOLD}", "--freeze", "10s:1s", "--log", str(log)) as port:
                document = measured(f"http://127.0.0.1:{port}/", "-d", "20s", *_queued(rate))
            entries = [json.loads(line) for line in log.read_text().splitlines()]
        frozen = [(entry["freeze"]["from_ns"], entry["freeze"]["to_ns"]) for entry in entries if "freeze" in entry]
        sent = sorted(entry["hold"]["sent_ns"] for entry in entries if "hold" in entry)
        start_ns = int(document["run"]["barrier_ns"])  # type: ignore[index]
        ours = [document["response_time"]["quantiles"][name] for name in quantiles]  # type: ignore[index]
        holds = [entry["hold"] for entry in entries if "hold" in entry]
        simulations = {
            "FIFO, the log's answers": _answered(holds, rate, start_ns, alone),
            "FIFO, the log's rate": _fifo(rate, 20, _serve_ns(sent, frozen, rate), alone, frozen, start_ns),
        }
        lines.append(f"| {rate:,}/s | ours | {_cells(ours)} | | |")
        for label, simulated in simulations.items():
            # By the rank that a histogram has it: at 1,000/s the next one is a millisecond away.
            theirs = [simulated[math.ceil(float(name) * len(simulated)) - 1] for name in quantiles]
            off = [abs(mine - other) / other for mine, other in zip(ours, theirs, strict=True)]
            # A tenth of all arrivals meets a freeze: p90 stands on the edge of a cliff.
            aside = max(each for name, each in zip(quantiles, off, strict=True) if name != "0.9")
            lines.append(f"| {rate:,}/s | {label} | {_cells(theirs)} | **{max(off):.1%}** | {aside:.1%} |")
    return Section("A target that freezes 1 s in every 10", lines)


def _cells(values: list[float]) -> str:
    return " | ".join(f"{value / 1e6:.2f} ms" for value in values)


def _queued(rate: int) -> tuple[str, ...]:
    return ("-r", f"{rate}/s", "-c", str(CONNECTIONS), "--when-busy", "queue", "--threads", "1")


def _alone(rate: int) -> Histogram:
    """What requests take while nothing is frozen, our own lag included: the simulation knows of neither."""
    with echo("--knobs", f"delay={HOLD}") as port:
        document = measured(f"http://127.0.0.1:{port}/", "-d", "3s", *_queued(rate))
    return from_times(document["response_time"])


def _answered(holds: list[dict[str, int]], rate: int, start_ns: int, alone: Histogram) -> list[float]:
    """
    Response times, sorted, if the k-th arrival is the k-th that the target has taken up: from when it was due to when the
    target's log says that it was answered, and what an answer takes on its way.
    """
    taken_up = sorted(holds, key=lambda hold: hold["received_ns"])
    # Half of what a request takes beside its hold: the way there is in the log.
    on_its_way_ns = ((alone.quantile(0.5) or 0) - HOLD_NS) / 2
    dues = (start_ns + (2 * number + 1) * 500_000_000 / rate for number in range(len(taken_up)))
    return sorted(hold["sent_ns"] - due_ns + on_its_way_ns for hold, due_ns in zip(taken_up, dues, strict=True))


def _serve_ns(sent: list[int], frozen: list[tuple[int, int]], rate: int) -> float:
    """
    What one more answer takes a target that is never idle, holds included: by its own log of when it sent them, of as
    many as fell due in a freeze. The first on each connection had their holds behind them.
    """
    behind = [bisect.bisect(sent, to_ns) for _, to_ns in frozen]
    spans = [sent[first + rate] - sent[first + CONNECTIONS] for first in behind if first + rate < len(sent)]
    return statistics.mean(spans) / (rate - CONNECTIONS)


def _fifo(
    rate: int, seconds: int, serve_ns: float, alone: Histogram, frozen: list[tuple[int, int]], start_ns: int
) -> list[float]:
    """
    Response times, sorted: arrivals wait for one of the connections in turn, and the server takes one request after
    another, answers each as long after it fell due as `alone` says, in some order, and does nothing while it is frozen.
    """

    def thawed(at_ns: float) -> float:
        return next((to_ns for from_ns, to_ns in frozen if from_ns <= at_ns < to_ns), at_ns)

    draw = random.Random(1)
    connections = [0.0] * CONNECTIONS
    server_free_ns, times = 0.0, []
    for number in range(rate * seconds):
        due_ns = start_ns + (2 * number + 1) * 500_000_000 / rate
        begins_ns = thawed(max(due_ns, heapq.heappop(connections), server_free_ns))
        server_free_ns = begins_ns + serve_ns
        ends_ns = thawed(begins_ns + (alone.quantile(draw.random()) or 0))
        heapq.heappush(connections, ends_ns)
        times.append(ends_ns - due_ns)
    return sorted(times)


def start_up(rounds: int = 9) -> Section:
    """How long the command takes to say its version, and from the command to the first request."""
    versions = []
    for _ in range(rounds):
        began = time.monotonic()
        subprocess.run([OURS, "--version"], capture_output=True, check=True)
        versions.append(time.monotonic() - began)
    with echo() as port:
        firsts = {cpus: [_first(port, cpus) for _ in range(rounds)] for cpus in (None, GENERATOR_CPU)}
    free, on_one = (statistics.median(firsts[cpus]) for cpus in (None, GENERATOR_CPU))
    lines = [
        f"- `apibench --version`: {statistics.median(versions) * 1e3:.0f} ms",
        f"- from the command to the first request: {free:.2f} s; on a single processor, where the look at this host's "
        f"timers (0.2 s) has to wait until all is loaded: {on_one:.2f} s",
    ]
    return Section("Start-up", lines)


def _first(port: int, cpu: int | None) -> float:
    began = time.monotonic_ns()
    document = measured(f"http://127.0.0.1:{port}/", "-n", "50", cpu=cpu)
    return (int(document["run"]["barrier_ns"]) - began) / 1e9  # type: ignore[index]
