"""
Carries out an errand: the one iteration of a set-up or tear-down, through the engine and bounded in time.

What it saw may be secret: of the answers nothing is kept but the values that set-up hands over, and nothing is said but
which request, which status, which check.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from apibench.engine.seam import EngineOptions, PreparedLoad
from apibench.model.errand import NOTHING_SHARED, ErrandReport, ErrandState, Shared, handed_over, request_names, said_as
from apibench.model.errors import ApibenchError
from apibench.model.figures import human_duration, human_size
from apibench.model.interval import Interval
from apibench.model.plan import Plan
from apibench.model.setup import MAX_SHARED_BYTES

PATIENCE_MS = 50
"""How long a call into the engine waits at most: its time, and whoever breaks it off, are looked at in between."""
LEASE_NS = 1_000_000_000
"""By so much its engine may outlast its time, wherever this process may be stuck."""

Told = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ErrandEnd:
    """What an errand has left."""

    report: ErrandReport
    shared: Shared = field(default_factory=dict, repr=False)
    """What it hands over."""
    told: tuple[Told, ...] = field(default=(), repr=False)
    """What it did, step by step."""


def do_errand(
    errand: Plan,
    prepared: PreparedLoad,
    options: EngineOptions,
    timeout_ns: int,
    broken_off: Callable[[], bool] = lambda: False,
) -> ErrandEnd:
    """
    Do it now, on one thread, and wait for its end.

    Args:
        errand: its plan.
        prepared: that plan, compiled.
        options: how this host makes load; `tells` says whether requests and answers are told as they were.
        timeout_ns: how long it may take.
        broken_off: whether somebody wants it to end at once.
    """
    tells = options.tells if options.tells != "nothing" else "steps"
    alone = replace(options, threads=1, pin=(), spin_ns=0, tells=tells)
    begun_ns = time.monotonic_ns()
    state = ErrandState.OK
    requests = 0
    try:
        load = prepared.start(alone, lease_until_ns=begun_ns + timeout_ns + LEASE_NS)
        while not load.ended:
            counts = load.next_counts(PATIENCE_MS)
            if counts is not None:
                requests += sum(each.started for each in Interval.from_counts(counts).series)
            if state is ErrandState.OK and broken_off():
                state = ErrandState.INTERRUPTED
                load.abort()
            elif state is ErrandState.OK and time.monotonic_ns() - begun_ns > timeout_ns:
                state = ErrandState.TIMEOUT
                load.abort()
        told = tuple(load.told())
    except ApibenchError as error:
        return ErrandEnd(ErrandReport(ErrandState.FAILED, requests, time.monotonic_ns() - begun_ns, str(error)))
    took_ns = time.monotonic_ns() - begun_ns
    if state is ErrandState.OK and load.fenced:
        state = ErrandState.TIMEOUT
    shared: Shared = NOTHING_SHARED
    if state is ErrandState.OK:
        values = {each["name"]: each["value"] for each in told if each["what"] == "value" and each["value"] is not None}
        shared = handed_over(values)
        fault = _fault(told, request_names(errand)) or _too_large(shared)
        state = ErrandState.FAILED if fault else ErrandState.OK
    else:
        where = _last_request(told, request_names(errand))
        behind = f", at {where}" if where else ""
        limit = human_duration(timeout_ns)
        fault = (
            f"it was not over within {limit}{behind}" if state is ErrandState.TIMEOUT else f"it was broken off{behind}"
        )
    report = ErrandReport(state, requests, took_ns, fault)
    return ErrandEnd(report, shared if report.ok else NOTHING_SHARED, told)


def _fault(told: Iterable[Told], names: Mapping[str, str]) -> str:
    """The first thing that went wrong; empty where nothing did."""
    answered, ended = "", False
    for each in told:
        name = names.get(each["step"], "")
        match each["what"]:
            case "response":
                status, failure = each["status"], each["failure"]
                if failure is not None:
                    return f"{name} was answered with {status} ({failure})" if status else f"{name} failed: {failure}"
                answered = f" in the answer of {name} (status {status})"
            case "value" if each["value"] is None:
                return f"`{said_as(each['name'])}` is not there{answered}"
            case "check" if not each["passed"]:
                unsent = str(each["name"]).removeprefix("values of ")
                if unsent != each["name"]:
                    return f"{unsent} is not sent: a value is not there, or can't stand where it is put"
                return f"a check does not hold: {each['name']}"
            case "end":
                ended = True
                if not each["ok"]:
                    return "an iteration of it has failed"
            case _:
                pass
    return "" if ended else "it did not come to its end"


def _last_request(told: Iterable[Told], names: Mapping[str, str]) -> str:
    asked = [names.get(each["step"], "") for each in told if each["what"] == "request"]
    return asked[-1] if asked else ""


def _too_large(shared: Shared) -> str:
    size = sum(len(value.encode()) for value in shared.values())
    if size <= MAX_SHARED_BYTES:
        return ""
    return f"the values that it hands over have {human_size(size)}, and may have {human_size(MAX_SHARED_BYTES)}"
