"""
Is the generator's verdict right? Each way in which we can be the limit, runs in which nothing was wrong, and targets
whose own fault must never be taken for ours.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from machine import GENERATOR_CPU, Section, ours
from target import echo

GROUPS = Path("/sys/fs/cgroup/cpu")


@dataclass(frozen=True)
class Case:
    """Runs of one kind, and what their verdicts must name; nothing where they must be valid."""

    name: str
    flags: tuple[str, ...]
    knobs: str = ""
    server: tuple[str, ...] = ()
    code: str = ""
    prepare: Callable[[], None] | None = None
    """Called in the new process."""
    during: Callable[[int], None] | None = None
    """Called beside it, with its process id."""
    around: Callable[[], object] = nullcontext
    before: tuple[str, ...] = ()


def _stop(process: int) -> None:
    """Well within the run: it takes half a second to begin."""
    time.sleep(1.3)
    os.kill(process, signal.SIGSTOP)
    time.sleep(0.2)
    os.kill(process, signal.SIGCONT)


def _pin() -> None:
    os.sched_setaffinity(0, {GENERATOR_CPU})


def _few_descriptors() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (60, 60))


@contextmanager
def _neighbour() -> Iterator[None]:
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"], preexec_fn=_pin)
    try:
        yield
    finally:
        busy.kill()
        busy.wait()


def _group() -> Path:
    return GROUPS / f"apibench-benchmark-{os.getpid()}"


@contextmanager
def _quota() -> Iterator[None]:
    _group().mkdir()
    (_group() / "cpu.cfs_quota_us").write_text("20000")
    try:
        yield
    finally:
        _group().rmdir()


def _join(group: Path) -> None:
    (group / "cgroup.procs").write_text(str(os.getpid()))


_FEW_PORTS = """
import os, subprocess, sys
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
open("/proc/sys/net/ipv4/ip_local_port_range", "w").write("40000 40019")
from apibench.engine.echo_server import EchoServer
with EchoServer(knobs="delay=1s") as server:
    line = [server.address if word.startswith("http://") else word for word in sys.argv[1:]]
    sys.exit(subprocess.run(line).returncode)
"""


def causes() -> list[Case]:
    """What must be caught."""
    group = _group()
    slow = ("--no-preflight",)
    return [
        Case("our own SIGSTOP for 200 ms, open", ("-r", "500/s", "-d", "2s"), code="pause", during=_stop),
        Case("our own SIGSTOP for 200 ms, closed", ("-c", "10", "-d", "2s"), "delay=1ms", code="pause", during=_stop),
        Case(
            "a processor quota",
            ("-c", "10", "-d", "2s"),
            code="throttled",
            prepare=lambda: _join(group),
            around=_quota,
        ),
        Case(
            "a busy neighbour on our processor",
            ("-r", "2000/s", "-d", "2s"),
            code="any",
            prepare=_pin,
            around=_neighbour,
        ),
        Case("descriptors", ("-r", "500/s", "-d", "2s"), "delay=500ms", code="descriptors", prepare=_few_descriptors),
        Case(
            "local ports",
            ("-r", "200/s", "-d", "1s", *slow),
            code="ports",
            before=("unshare", "--net", sys.executable, "-c", _FEW_PORTS),
        ),
        Case("a cap of ours, queued", ("-r", "200/s", "-c", "2", "-d", "2s"), "delay=20ms", code="connections"),
        Case(
            "a cap of ours, dropped",
            ("-r", "200/s", "-c", "2", "-d", "2s", "--when-busy", "drop"),
            "delay=20ms",
            code="dropped",
        ),
    ]


def healthy() -> list[Case]:
    """What must not be held against us."""
    return [
        Case("healthy: closed, 10 connections", ("-c", "10", "-d", "3s")),
        Case("healthy: open, 50/s, between which processors sleep deeply", ("-r", "50/s", "-d", "3s"), "delay=2ms"),
        Case("healthy: open, 100/s", ("-r", "100/s", "-d", "3s")),
        Case("healthy: open, 500/s", ("-r", "500/s", "-d", "3s"), "delay=2ms:95,10ms:5"),
        Case("healthy: open, 3,000/s, poisson", ("-r", "3000/s", "-d", "3s", "--arrivals", "poisson")),
    ]


def targets() -> list[Case]:
    """Targets whose fault it is."""
    return [
        Case("a target that freezes", ("-r", "500/s", "-c", "20", "-d", "3s"), server=("--freeze", "1500ms:500ms")),
        Case("a target that is overloaded", ("-r", "300/s", "-d", "3s"), server=("--serve", "5ms")),
        Case("a target that fails", ("-c", "5", "-d", "3s"), "status=503:50&delay=5ms"),
    ]


def verdicts(times: int) -> Section:
    """Each cause so often; healthy runs three times as often in all; each fault of a target as often as a cause."""
    lines = ["| | runs | caught | missed |", "|---|---|---|---|"]
    for case in causes():
        if case.around is _quota and not GROUPS.is_dir():
            lines.append(f"| {case.name} | 0 | no control group can be made here | |")
            continue
        found = [_found(case) for _ in range(times)]
        caught = sum(case.code in codes or (case.code == "any" and bool(codes)) for codes in found)
        lines.append(f"| {case.name} | {times} | **{caught}** | {times - caught} |")
    lines += ["", "| | runs | valid | flagged, and why |", "|---|---|---|---|"]
    for case in healthy() + targets():
        found = [_found(case) for _ in range(times)]
        flagged = sorted(code for codes in found for code in codes)
        valid = sum(not codes for codes in found)
        lines.append(f"| {case.name} | {times} | **{valid}** | {times - valid} {' '.join(flagged)} |")
    return Section("The generator's verdict", lines)


def _found(case: Case) -> set[str]:
    """The codes of the findings of one run."""
    knobs = ("--knobs", case.knobs) if case.knobs else ()
    with echo(*knobs, *case.server) as port, case.around():  # type: ignore[attr-defined]
        line = [*case.before, *ours(f"http://127.0.0.1:{port}/", *case.flags)]
        process = subprocess.Popen(
            line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=case.prepare
        )
        if case.during is not None:
            case.during(process.pid)
        printed, complained = process.communicate()
    if not printed:
        raise SystemExit(f"{case.name}: no result: {complained[-500:]}")
    return {finding["code"] for finding in json.loads(printed)["verdict"]["findings"]}
