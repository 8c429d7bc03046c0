"""Seconds of runs of many steps, as a real engine measures them, to be sent or stored again and again."""

from __future__ import annotations

import zlib
from typing import Any

from machine import GENERATOR_CPU, TARGET_CPU, only_on
from moved import moved

from apibench.engine.echo_server import EchoServer
from apibench.engine.rust import RustEngine
from apibench.engine.seam import EngineOptions
from apibench.model.batch import IntervalBatch
from apibench.model.host_sample import HostSample
from apibench.model.plan import Plan
from apibench.model.units import NS_PER_S

SAMPLES = 500
"""Requests of each step in each second. Offered by a schedule, so that seconds of all runs hold equally much."""
KINDS = 8
"""Different seconds that follow one another, so that what is merged is spread as it would be."""


def measured_seconds(steps: int) -> list[bytes]:
    """`KINDS` of them on the wire. The target answers one in ten after 20 ms, the others after 1 ms."""
    with only_on(TARGET_CPU):
        server = EchoServer(http="127.0.0.1:0", knobs="delay=1ms:90,20ms:10")
    with server as target:
        rate = {"count": SAMPLES, "per_ns": NS_PER_S}
        load = {"model": "open", "rate": rate, "ends": {"duration_ns": (KINDS + 3) * NS_PER_S}}
        with only_on(GENERATOR_CPU):
            run = RustEngine().prepare(_plan(target.address, steps, load)).start(EngineOptions(threads=1))
        found = []
        while not run.ended:
            counts = run.next_counts(500)
            if counts is not None:
                found.append(counts.to_wire())
    return found[1 : KINDS + 1]


def many_steps(steps: int, seconds: int) -> Plan:
    """The plan of a run of which these may be seconds, whoever sends them and however often."""
    load = {"model": "closed", "vus": SAMPLES, "ends": {"duration_ns": seconds * NS_PER_S}}
    return _plan("http://127.0.0.1:1", steps, load)


def batch(segment: int, data: bytes, number: int, *, final: bool) -> IntervalBatch:
    """That second as the one of this number, of a segment of run `r`."""
    counts = moved(data, number * NS_PER_S, (number + 1) * NS_PER_S)
    return IntervalBatch("r", segment, f"w{segment}", number, counts, zlib.crc32(counts), HostSample(0, 0, 0), final=final)


def _plan(url: str, steps: int, load: dict[str, Any]) -> Plan:
    requests = [{"type": "request", "host": "api", "path": "/", "name": f"step {number}"} for number in range(steps)]
    scenario = {"name": "main", "steps": requests, "load": load}
    return Plan.model_validate({"version": 1, "name": "many", "hosts": {"api": {"base_url": url}}, "scenarios": [scenario]})
