"""CPU per request beside the floor and the others; system calls, waits and instructions, which noise cannot touch."""

from __future__ import annotations

import json
import re
import shutil
import statistics
import tempfile
from pathlib import Path

from machine import GENERATOR_CPU, OURS, Section, built, measured, ours, pinned
from side_by_side import spent
from target import Nginx, nginx

AS_MANY = 0.97
"""Of the floor's requests a second: a generator that gets fewer through has time to spare, and batches are smaller."""


def rivals(url: str, connections: int, floor: str, port: int) -> dict[str, str]:
    """Command lines; `{s}` is the seconds to run."""
    commands = {
        "floor": f"{floor} {port} {connections} {{s}}",
        "apibench": " ".join(ours(url, "-c", str(connections), "-d", "{s}s")),
        "wrk": f"wrk -t1 -c{connections} -d{{s}}s {url}",
        "h2load": f"h2load --h1 -t1 -c{connections} -D{{s}} {url}",
        "hey": f"hey -c {connections} -z {{s}}s {url}",
        "oha": f"oha --no-tui -c {connections} -z {{s}}s {url}",
    }
    return {name: command for name, command in commands.items() if name in ("floor", "apibench") or shutil.which(name)}


def cpu(rounds: int, short: float, long: float) -> Section:
    """CPU per request, long minus short so that start-up does not count; medians of alternating rounds."""
    lines = []
    with tempfile.TemporaryDirectory() as folder, nginx(Path(folder)) as server:
        url = f"http://127.0.0.1:{server.port}/"
        floor = built("epoll_floor", Path(folder))
        for connections in (50, 2_000):
            commands = rivals(url, connections, floor, server.port)
            lines += alternating(commands, "floor", server, rounds, short, long)
            lines += [
                f"    {name}: {command.replace(floor, 'epoll_floor').replace(OURS, 'apibench')}"
                for name, command in commands.items()
            ]
            lines.append("")
    return Section("CPU per request, closed model, keep-alive, a 3-byte answer", lines)


def alternating(
    commands: dict[str, str], first: str, server: Nginx, rounds: int, short: float, long: float
) -> list[str]:
    """The table of commands that took turns, with ratios to one of them."""
    cost: dict[str, list[float]] = {name: [] for name in commands}
    rate: dict[str, list[float]] = {name: [] for name in commands}
    honest = 0
    for turn in range(rounds):
        # Whoever comes first finds the target as the pause has left it: each does in its turn.
        names = list(commands)
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            command = commands[name]
            before = server.requests()
            (few_s, few), (many_s, many) = (spent(command, length, GENERATOR_CPU) for length in (short, long))
            cost[name].append((many_s - few_s) / (many - few) * 1e6)
            rate[name].append((many - few) / (long - short))
            # Each of our questions is counted too, and so is what was cut off at the end of others' runs.
            honest += name == "apibench" and server.requests() - before - 1 == few + many
    connections = re.search(r"-c ?(\d+)", commands["apibench"])
    lines = [
        f"{int(connections[1]):,} connections, medians of {rounds} rounds:" if connections else "",
        "",
        f"| | µs CPU a request | of {first} | lowest to highest | where as many went through | requests/s | of {first} |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in commands:
        ratios = [mine / base for mine, base in zip(cost[name], cost[first], strict=True)]
        through = [mine / base for mine, base in zip(rate[name], rate[first], strict=True)]
        fair = [ratio for ratio, share in zip(ratios, through, strict=True) if share >= AS_MANY]
        told = f"{statistics.median(fair):.2f} ({len(fair)})" if fair else "never"
        lines.append(
            f"| {name} | {statistics.median(cost[name]):.2f} | **{statistics.median(ratios):.2f}** "
            f"| {min(ratios):.2f} to {max(ratios):.2f} | {told} | {statistics.median(rate[name]):,.0f} "
            f"| {statistics.median(through):.2f} |"
        )
    return [*lines, "", f"In {honest} of {rounds} rounds our count of ok requests was nginx's own.", ""]


def calls(seconds: float) -> Section:
    """System calls a request, by our own count and by strace."""
    lines = [
        "| connections | send + recv a request | waits a request | the floor's waits | ratio |",
        "|---|---|---|---|---|",
    ]
    with tempfile.TemporaryDirectory() as folder, nginx(Path(folder)) as server:
        url = f"http://127.0.0.1:{server.port}/"
        floor = built("epoll_floor", Path(folder))
        for connections in (50, 2_000):
            pairs = []
            for _ in range(5):
                bare = json.loads(pinned([floor, str(server.port), str(connections), f"{seconds:g}"]).stdout)
                document = measured(url, "-c", str(connections), "-d", f"{seconds:g}s")
                generator, ok = document["generator"], document["requests"]["ok"]  # type: ignore[index]
                pairs.append(
                    (
                        (generator["sends"] + generator["receives"]) / ok,
                        generator["waits"] / ok,
                        bare["waits"] / bare["requests"],
                    )  # type: ignore[index]
                )
            both, our_waits, floor_waits = (statistics.median(each) for each in zip(*pairs, strict=True))
            ratio = statistics.median(mine / theirs for _, mine, theirs in pairs)
            lines.append(f"| {connections} | {both:.3f} | {our_waits:.3f} | {floor_waits:.3f} | **{ratio:.2f}** |")
        if shutil.which("strace"):
            table = Path(folder) / "strace"
            pinned(["strace", "-f", "-c", "-o", str(table), *ours(url, "-c", "50", "-d", "3s")])
            found = {
                match[2]: int(match[1])
                for line in table.read_text().splitlines()
                if (match := re.match(r"\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$", line))
            }
            names = ("sendto", "recvfrom", "epoll_pwait2", "epoll_ctl")
            lines += [
                "",
                "By strace, 50 connections: " + ", ".join(f"{name} {found.get(name, 0):,}" for name in names) + ".",
            ]
    return Section("System calls", lines)


def instructions() -> Section:
    """
    User-space instructions a request by callgrind: the same on a busy machine as on a quiet one.

    Callgrind makes everything some fifty times slower, and so what is done once a second weighs fifty times what it does
    outside: the threads that make the load are told apart from the process as a whole.
    """
    if not shutil.which("valgrind"):
        return Section("Instructions", ["valgrind is not on this machine."])
    lines = ["| | the threads that make the load | the whole process |", "|---|---|---|"]
    with tempfile.TemporaryDirectory() as folder, nginx(Path(folder)) as server:
        url = f"http://127.0.0.1:{server.port}/"
        commands = {"apibench": " ".join(ours(url, "-c", "50", "-d", "{s}s")), "wrk": f"wrk -t1 -c50 -d{{s}}s {url}"}
        figures = {}
        for name, command in commands.items():
            counted = [callgrind(command.replace("{s}", str(length)), Path(folder)) for length in (2, 8)]
            (few_all, few_load, few), (many_all, many_load, many) = counted
            figures[name] = (many_load - few_load) / (many - few), (many_all - few_all) / (many - few)
            lines.append(f"| {name} | {figures[name][0]:,.0f} | {figures[name][1]:,.0f} |")
        load, whole = (ours / theirs for ours, theirs in zip(figures["apibench"], figures["wrk"], strict=True))
        lines += [
            "",
            f"Ours are **{load:.2f}** of wrk's; {whole:.2f} with Python, which does its work once a second, and callgrind's "
            "seconds hold a fiftieth of the requests.",
        ]
    return Section("Instructions", lines)


def callgrind(command: str, folder: Path) -> tuple[int, int, int]:
    """Instructions in all, those of all threads but the first, and requests."""
    from side_by_side import completed

    output = folder / "callgrind"
    tool = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={output}", "--separate-threads=yes"]
    words = command.split()
    if words[0].endswith("apibench"):
        # The command is a script: the interpreter itself is what has to run under the tool.
        words = [str(Path(words[0]).parent / "python"), "-m", "apibench", *words[1:]]
    done = pinned([*tool, *words])
    count = completed(done.stdout)
    collected = re.search(r"Collected : (\d+)", done.stderr)
    if not count or not collected:
        raise SystemExit(f"callgrind counted nothing: {command}\n{done.stderr[-500:]}")
    totals = {
        path: int(re.search(r"^summary: (\d+)", path.read_text(), re.MULTILINE)[1])
        for path in folder.glob("callgrind-*")
    }
    threads = sum(total for path, total in totals.items() if not path.name.endswith("-01"))
    for path in folder.glob("callgrind*"):
        path.unlink()
    return int(collected[1]), threads, count


def memory(connections: int = 10_000) -> Section:
    """Resident memory a connection: of a run of many less a run of few, at their highest."""
    with tempfile.TemporaryDirectory() as folder, nginx(Path(folder)) as server:
        url = f"http://127.0.0.1:{server.port}/"
        peaks = []
        for count in (100, connections):
            done = pinned(["/usr/bin/env", "time", "-v", *ours(url, "-c", str(count), "-d", "4s")])
            found = re.search(r"Maximum resident set size \(kbytes\): (\d+)", done.stderr)
            if not found:
                return Section("Memory", ["GNU time is not on this machine."])
            peaks.append(int(found[1]) * 1024)
    each = (peaks[1] - peaks[0]) / (connections - 100)
    lines = [
        f"{each:,.0f} bytes a connection ({peaks[1] / 2**20:.1f} MiB at {connections:,}, {peaks[0] / 2**20:.1f} MiB at 100)."
    ]
    return Section("Memory", lines)
