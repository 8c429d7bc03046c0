"""Are the times true? Against a target that logs what it did, and against the machine's own timers."""

from __future__ import annotations

import json
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from machine import GENERATOR_CPU, OURS, Section, built, measured, pinned
from target import echo


def lag(rounds: int, seconds: float) -> Section:
    """How late requests are sent in an open load, beside a bare loop that sends nothing."""
    lines = [
        "| rate | spin | our p50 | p99 | the floor's p50 | p99 | p50 ratio | p99 ratio |",
        "|---|---|---|---|---|---|---|---|",
    ]
    with tempfile.TemporaryDirectory() as folder, echo() as port:
        floor = built("pace_floor", Path(folder))
        for rate in (1_000, 5_000, 20_000):
            for spin in ("off", "on"):
                rows = []
                for _ in range(rounds):
                    bare = json.loads(pinned([floor, str(rate), f"{seconds:.0f}"]).stdout)["lag_us"]
                    document = measured(
                        f"http://127.0.0.1:{port}/",
                        "-r",
                        f"{rate}/s",
                        "-d",
                        f"{seconds:g}s",
                        "--spin",
                        spin,
                        "--threads",
                        "1",
                    )
                    quantiles = document["generator"]["schedule_lag"]["quantiles"]  # type: ignore[index]
                    rows.append((quantiles["0.5"] / 1e3, quantiles["0.99"] / 1e3, bare["0.5"], bare["0.99"]))
                mine50, mine99, bare50, bare99 = (statistics.median(column) for column in zip(*rows, strict=True))
                ratio50 = statistics.median(row[0] / row[2] for row in rows)
                ratio99 = statistics.median(row[1] / row[3] for row in rows)
                lines.append(
                    f"| {rate:,}/s | {spin} | {mine50:.1f} µs | {mine99:.1f} µs | {bare50:.1f} µs | {bare99:.1f} µs "
                    f"| **{ratio50:.2f}** | **{ratio99:.2f}** |"
                )
    return Section(f"Schedule lag, medians of {rounds} alternating rounds", lines)


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


def freezes(rates: tuple[int, ...] = (1_000, 5_000, 20_000)) -> Section:
    """A target that freezes 1 s in every 10: our quantiles beside a FIFO simulation fed with its log and its rate."""
    lines = ["| rate | | p50 | p95 | p99 | p99.9 | worst deviation |", "|---|---|---|---|---|---|---|"]
    with echo() as port:
        url = f"http://127.0.0.1:{port}/"
        # How fast it serves when it is never idle, and how long a lone request takes.
        capacity = measured(url, "-c", "100", "-d", "3s", "--threads", "1")["requests"]["ok_per_s"]  # type: ignore[index]
        alone = {rate: _service_p50(url, rate) for rate in rates}
    for rate in rates:
        with tempfile.TemporaryDirectory() as folder:
            log = Path(folder) / "log"
            with echo("--freeze", "10s:1s", "--log", str(log)) as port:
                url = f"http://127.0.0.1:{port}/"
                flags = ("-r", f"{rate}/s", "-d", "20s", "-c", "100", "--when-busy", "queue", "--threads", "1")
                document = measured(url, *flags)
            entries = [json.loads(line) for line in log.read_text().splitlines()]
        frozen = [entry["freeze"] for entry in entries if "freeze" in entry]
        times, start_ns = document["response_time"], int(document["run"]["barrier_ns"])  # type: ignore[index]
        simulated = _fifo(rate, 20, 1e9 / capacity, alone[rate], frozen, start_ns)
        # Not p90: a tenth of all arrivals meets a freeze, so it stands on the edge of a cliff.
        quantiles = ("0.5", "0.95", "0.99", "0.999")
        ours = [times["quantiles"][name] for name in quantiles]  # type: ignore[index]
        theirs = [simulated[min(int(float(name) * len(simulated)), len(simulated) - 1)] for name in quantiles]
        worst = max(abs(mine - other) / other for mine, other in zip(ours, theirs, strict=True))
        for label, values in (("ours", ours), ("simulation", theirs)):
            cells = " | ".join(f"{value / 1e6:.2f} ms" for value in values)
            lines.append(f"| {rate:,}/s | {label} | {cells} | {f'**{worst:.1%}**' if label == 'ours' else ''} |")
    return Section("A target that freezes 1 s in every 10", lines)


def _service_p50(url: str, rate: int) -> int:
    """What a request takes that finds nobody before it, response time's own lag included."""
    document = measured(url, "-r", f"{rate}/s", "-d", "3s", "-c", "100", "--when-busy", "queue", "--threads", "1")
    return int(document["response_time"]["quantiles"]["0.5"])  # type: ignore[index]


def _fifo(
    rate: int, seconds: int, serve_ns: float, alone_ns: int, frozen: list[dict[str, int]], start_ns: int
) -> list[float]:
    """Response times of a server that takes one after another, and nothing while it is frozen."""
    free_ns, times = 0.0, []
    for number in range(rate * seconds):
        due_ns = start_ns + (2 * number + 1) * 500_000_000 / rate
        begins_ns = max(due_ns, free_ns)
        for freeze in frozen:
            if freeze["from_ns"] <= begins_ns < freeze["to_ns"]:
                begins_ns = freeze["to_ns"]
        free_ns = begins_ns + serve_ns
        times.append(begins_ns - due_ns + alone_ns)
    return sorted(times)


def start_up(rounds: int = 9) -> Section:
    """How long the command takes to say its version, and from the command to the first request."""
    versions = []
    for _ in range(rounds):
        began = time.monotonic()
        subprocess.run([OURS, "--version"], capture_output=True, check=True)
        versions.append(time.monotonic() - began)
    firsts = []
    with echo() as port:
        for _ in range(rounds):
            began = time.monotonic_ns()
            document = measured(f"http://127.0.0.1:{port}/", "-n", "50", cpu=GENERATOR_CPU)
            firsts.append((int(document["run"]["barrier_ns"]) - began) / 1e9)  # type: ignore[index]
    lines = [
        f"- `apibench --version`: {statistics.median(versions) * 1e3:.0f} ms",
        f"- from the command to the first request: {statistics.median(firsts):.2f} s, of which 0.2 s are the look at this "
        "host's timers",
    ]
    return Section("Start-up", lines)
