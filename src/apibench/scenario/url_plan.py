"""
From a URL and the words of a command line to a plan: one host, one scenario, one step, so that there is one path.

Pure: the same function serves the command line and whatever else takes a URL. The document that it makes is validated
like any other; only what the document cannot say (which words contradict each other) is refused here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from apibench.model.errors import UsageError
from apibench.model.units import parse_count, parse_duration, parse_rate

DEFAULT_CONNECTIONS = 50
DEFAULT_DURATION = "10s"
DEFAULT_MAX_CONNECTIONS = 10_000


@dataclass(frozen=True, slots=True)
class RequestWords:
    """What is sent, and how."""

    url: str
    method: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    body: str | None = None
    """Text; with a body the method is POST unless told."""
    body_base64: str | None = None
    timeout: str | None = None
    connect_timeout: str | None = None
    insecure: bool = False
    ca_file: str | None = None
    redirects: int = 0
    keepalive: bool = True
    family: str = "any"
    resolve: tuple[dict[str, Any], ...] = ()
    connect_to: tuple[dict[str, Any], ...] = ()
    unix_socket: str | None = None
    targets: tuple[tuple[str, str], ...] = ()
    """Method and URL of each, asked in turn, instead of the one URL."""


@dataclass(frozen=True, slots=True)
class LoadWords:
    """How much, and when. Text is as people write it."""

    connections: int | None = None
    vus: int | None = None
    iterations: str | None = None
    duration: str | None = None
    rate: str | None = None
    stages: tuple[str, ...] = ()
    """`30s:1000/s` or `30s:@200`."""
    arrivals: str | None = None
    when_busy: str | None = None
    max_connections: int | None = None
    warmup: str | None = None
    drain: str | None = None
    seed: int = 0
    name: str | None = None
    thresholds: tuple[str, ...] = field(default=())


def url_document(request: RequestWords, load: LoadWords) -> dict[str, Any]:
    """The plan's document, in its own words. Raises UsageError for words that contradict each other."""
    targets = request.targets or ((request.method or ("POST" if _has_body(request) else "GET"), request.url),)
    hosts: dict[str, str] = {}
    steps = []
    for method, url in targets:
        origin, path = _split(url)
        name = hosts.setdefault(origin, "target" if not hosts else f"target-{len(hosts) + 1}")
        steps.append(_step(name, method, path, request))
    scenario_load = load_document(load)
    document: dict[str, Any] = {
        "version": 1,
        "name": load.name or next(iter(hosts)).partition("://")[2],
        "seed": load.seed,
        "hosts": {name: _host(origin, request, load) for origin, name in hosts.items()},
        "scenarios": [
            {
                "name": "main",
                "defaults": {"headers": [list(pair) for pair in request.headers]},
                "steps": steps if len(steps) == 1 else [_in_turn(steps)],
                "load": scenario_load,
            }
        ],
        "thresholds": list(load.thresholds),
    }
    if load.warmup is not None:
        document["warmup_ns"] = parse_duration(load.warmup)
    if load.drain is not None:
        document["drain_ns"] = parse_duration(load.drain)
    return document


def load_document(load: LoadWords) -> dict[str, Any]:
    """The load of a scenario. Open if a rate is named anywhere, else closed."""
    stages = [_stage(text) for text in load.stages]
    rates = [stage for stage in stages if "rate" in stage]
    if rates and len(rates) != len(stages):
        raise UsageError("--stage has rates and VUs mixed", "Use one kind: 30s:1000/s for a rate, 30s:@200 for VUs.")
    is_open = load.rate is not None or bool(rates)
    _refuse_other_model(load, is_open=is_open, has_vu_stages=bool(stages) and not rates)
    ends: dict[str, Any] = {}
    if load.duration is not None:
        ends["duration_ns"] = parse_duration(load.duration)
    elif load.iterations is None and not stages:
        ends["duration_ns"] = parse_duration(DEFAULT_DURATION)
    if load.iterations is not None:
        ends["iterations"] = parse_count(load.iterations)
    if not is_open:
        vus = load.vus or load.connections or (0 if stages else DEFAULT_CONNECTIONS)
        if load.iterations is not None and not stages:
            # More virtual users than iterations would leave some with nothing to do.
            vus = min(vus, ends["iterations"])
        return {"model": "closed", "vus": vus, "stages": stages, "ends": ends}
    rate = parse_rate(load.rate) if load.rate is not None else None
    if load.iterations is not None and load.duration is None and not stages and rate is not None and rate.count:
        # An open load needs a length: as long as the iterations take at this rate, and one more.
        ends["duration_ns"] = (ends["iterations"] + 1) * rate.per_ns // rate.count + 1
    return {
        "model": "open",
        "rate": {"count": rate.count, "per_ns": rate.per_ns} if rate is not None else {"count": 0, "per_ns": 1},
        "stages": stages,
        "arrivals": load.arrivals or "constant",
        "when_busy": load.when_busy or ("grow" if load.connections is None else "queue"),
        "max_vus": load.vus or load.connections or load.max_connections or DEFAULT_MAX_CONNECTIONS,
        "ends": ends,
    }


def _refuse_other_model(load: LoadWords, *, is_open: bool, has_vu_stages: bool) -> None:
    if is_open and has_vu_stages:
        raise UsageError("--rate asks for an open model and --stage for a closed one", "Leave one of them out.")
    if not is_open:
        for flag, value in (
            ("--arrivals", load.arrivals),
            ("--when-busy", load.when_busy),
            ("--max-connections", load.max_connections),
        ):
            if value is not None:
                raise UsageError(f"{flag} belongs to the open model", "Give a rate too, like --rate 500/s.")


def _stage(text: str) -> dict[str, Any]:
    duration, colon, level = text.partition(":")
    if not colon:
        raise UsageError(f"'{text}' is no stage", "Write 30s:1000/s for a rate, or 30s:@200 for VUs.")
    stage: dict[str, Any] = {"duration_ns": parse_duration(duration)}
    if level.startswith("@"):
        return {**stage, "vus": parse_count(level[1:])}
    if "/" not in level:
        raise UsageError(
            f"'{text}' does not say what {level} is", f"Write {duration}:{level}/s or {duration}:@{level}."
        )
    rate = parse_rate(level)
    return {**stage, "rate": {"count": rate.count, "per_ns": rate.per_ns}}


def _split(url: str) -> tuple[str, str]:
    """The origin of a URL, and what a step asks it for."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        raise UsageError(f"'{url}' has no scheme", f"Did you mean http://{url} ?")
    parts = urlsplit(url)
    authority = rest.partition("/")[0].partition("?")[0].partition("#")[0]
    path = parts.path or "/"
    return f"{scheme}://{authority}", path + (f"?{parts.query}" if parts.query else "")


def _step(host: str, method: str, path: str, request: RequestWords) -> dict[str, Any]:
    step: dict[str, Any] = {"type": "request", "host": host, "method": method, "path": path}
    if request.body is not None:
        step["body"] = {"text": request.body}
    elif request.body_base64 is not None:
        step["body"] = {"base64": request.body_base64}
    return step


def _in_turn(steps: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "pick", "by": "turn", "cases": [{"weight": 1, "steps": [step]} for step in steps]}


def _host(origin: str, request: RequestWords, load: LoadWords) -> dict[str, Any]:
    timeouts = {}
    if request.timeout is not None:
        timeouts["total_ns"] = parse_duration(request.timeout)
    if request.connect_timeout is not None:
        timeouts["connect_ns"] = parse_duration(request.connect_timeout)
    host: dict[str, Any] = {
        "base_url": origin,
        "tls": {"verify": not request.insecure, "ca_file": request.ca_file},
        "timeouts": timeouts,
        "resolve": {
            "family": request.family,
            "addresses": list(request.resolve),
            "connect_to": list(request.connect_to),
            "unix_socket": request.unix_socket,
        },
        "keepalive": request.keepalive,
        "redirects": request.redirects,
    }
    if load.vus is not None and load.connections is not None:
        host["connections"] = {"type": "shared", "count": load.connections}
    return host


def _has_body(request: RequestWords) -> bool:
    return request.body is not None or request.body_base64 is not None
