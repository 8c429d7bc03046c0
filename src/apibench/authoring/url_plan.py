"""
From a URL and the words of a command line to a plan: one scenario of one step, so that there is one path.

Pure: the same function serves the command line and whatever else takes a URL. What it makes is validated like any
other document; only what the document cannot say (which words contradict each other) is refused here.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from apibench.authoring.load_words import LoadWords, load_document
from apibench.authoring.reading import Reading
from apibench.authoring.request_words import (
    Body,
    Line,
    RequestWords,
    read_body,
    read_headers,
    read_resolve,
    read_targets,
)
from apibench.model.errors import WordsInvalid
from apibench.model.fault import Place
from apibench.model.part import MAX_NAME
from apibench.model.plan import Plan
from apibench.model.units import parse_duration

_STEPS: Place = ("scenarios", 0, "steps")


def url_plan(request: RequestWords, load: LoadWords) -> Plan:
    """The plan that these words mean. Raises WordsInvalid with all their faults."""
    reading = read_url(request, load)
    faults = reading.faults()
    if faults:
        raise WordsInvalid(faults)
    return Plan.model_validate(reading.document)


def read_url(request: RequestWords, load: LoadWords) -> Reading:
    """The same, without validating: the document, and what is wrong with the words."""
    reading = Reading()
    body = read_body(request, reading)
    headers = read_headers(request, body, reading)
    targets = _targets(request, body, reading)
    words = [target.word for target in targets]
    split = [_split(target.url, target.word, reading) for target in targets]
    hosts: dict[str, str] = {}
    for (origin, _), word in zip(split, words, strict=True):
        if origin not in hosts:
            hosts[origin] = "target" if not hosts else f"target-{len(hosts) + 1}"
            reading.said["hosts", hosts[origin], "base_url"] = word
    steps = [
        _step(target.method, origin, path, hosts, body) for target, (origin, path) in zip(targets, split, strict=True)
    ]
    reach = _reach(request, load, reading)
    unclear = any(fault.code == "url.scheme" for fault in reading.refused)
    if request.ca_file is not None and not unclear and not any(origin.startswith("https://") for origin in hosts):
        reading.refuse(("ca_file",), "nothing here speaks TLS", "Use https://, or leave it out.")
    for name in hosts.values():
        _say_host_places(name, reach, reading)
    reading.document = {
        "version": 1,
        "name": load.name or next(iter(hosts)).partition("://")[2][:MAX_NAME] or "plan",
        "seed": load.seed or 0,
        "hosts": {name: {"base_url": origin, **reach} for origin, name in hosts.items()},
        "scenarios": [
            {
                "name": "main",
                "defaults": {"headers": headers, "cookies": "off"},
                "steps": steps if len(steps) == 1 else [_in_turn(steps)],
                "load": load_document(load, reading),
            }
        ],
        "thresholds": list(load.thresholds),
    }
    whole_plan(load, reading)
    _say_places(request, words, reading)
    return reading


def whole_plan(load: LoadWords, reading: Reading) -> None:
    """What is said of a plan as a whole, put into its document: warm-up, drain, name and seed."""
    for key, text, word in (("warmup_ns", load.warmup, "warmup"), ("drain_ns", load.drain, "drain")):
        if text is not None:
            reading.document[key] = reading.attempt(parse_duration, text, (word,), 0)
            reading.said[(key,)] = (word,)
    for key, value in (("name", load.name), ("seed", load.seed)):
        if value is not None:
            reading.document[key] = value
        reading.said[(key,)] = (key,)
    reading.said.update({("thresholds", at): ("thresholds", at) for at in range(len(load.thresholds))})


def _say_places(request: RequestWords, words: Sequence[Place], reading: Reading) -> None:
    headers = ("scenarios", 0, "defaults", "headers")
    reading.said[headers] = ("headers", 0)
    reading.said.update({(*headers, at): ("headers", at) for at in range(len(request.headers))})
    for at, word in enumerate(words):
        place = (*_STEPS, 0) if len(words) == 1 else (*_STEPS, 0, "cases", at, "steps", 0)
        reading.said[place] = word
        reading.said[(*place, "method")] = ("method",) if word == ("url",) else word
        reading.said[(*place, "body")] = ("data",)
    reading.said[_STEPS] = reading.said[("scenarios",)] = words[0]


@dataclass(frozen=True, slots=True)
class _Target:
    """What one step asks for, and the word that said so."""

    method: str
    url: str
    word: Place


def _targets(request: RequestWords, body: Body | None, reading: Reading) -> list[_Target]:
    if request.targets is not None:
        path = request.targets
        harmless: tuple[Line, ...] = ((0, "GET", "http://localhost/"),)
        listed = reading.attempt(lambda _: read_targets(path), "", ("targets",), harmless)
        if request.url and listed is not harmless and not any(url.startswith("/") for _, _, url in listed):
            reading.refuse(("url",), f"no line of {path} is for it: each names its own host", "Leave it out.")
        return [_Target(method, _absolute(url, request.url), ("targets", line)) for line, method, url in listed]
    return [_Target(request.method or ("GET" if body is None else "POST"), request.url, ("url",))]


def _absolute(url: str, base: str) -> str:
    """A path by itself is asked of the host of TARGET; what follows the host there stays out."""
    scheme, separator, rest = base.partition("://")
    if not (url.startswith("/") and separator):
        return url
    return f"{scheme}://{re.split(r'[/?#]', rest, maxsplit=1)[0]}{url}"


def _split(url: str, word: Place, reading: Reading) -> tuple[str, str]:
    """The origin of a URL, and what a step asks it for."""
    scheme, separator, rest = url.partition("://")
    if not separator and url.startswith("/"):
        reading.refuse(word, f"'{url}' has no host", "Name one before --targets, like http://localhost:8080 .")
        return "http://localhost", "/"
    if not separator:
        # With a port it is an address; without one it may be meant as a file.
        file = "" if ":" in url else " A plan's name ends in .py, .json, .yaml, .yml or .toml."
        reading.refuse(word, f"'{url}' has no scheme", f"Did you mean http://{url} ?{file}", "url.scheme")
        return "http://localhost", "/"
    # Not `urlsplit`, which takes tabs and line ends out: a path that holds one is to be refused.
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    path = rest[len(authority) :].partition("#")[0]
    return f"{scheme.lower()}://{authority}", path if path.startswith("/") else f"/{path}"


def _step(method: str, origin: str, path: str, hosts: dict[str, str], body: Body | None) -> dict[str, Any]:
    step: dict[str, Any] = {"type": "request", "host": hosts[origin], "method": method, "path": path}
    if len(hosts) > 1:
        # The same path of two hosts is two things to a reader, so it must not be one series.
        step["name"] = f"{method} {origin.partition('://')[2]}{path.partition('?')[0]}"[:MAX_NAME].strip()
    if body is not None:
        step["body"] = body.document
    return step


def _in_turn(steps: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "pick", "by": "turn", "cases": [{"weight": 1, "steps": [step]} for step in steps]}


def _reach(request: RequestWords, load: LoadWords, reading: Reading) -> dict[str, Any]:
    """How to reach a host, whichever: all but its URL."""
    timeouts = {}
    for key, text, word in (
        ("total_ns", request.timeout, "timeout"),
        ("connect_ns", request.connect_timeout, "connect_timeout"),
    ):
        if text is not None:
            timeouts[key] = reading.attempt(parse_duration, text, (word,), 1)
    reach: dict[str, Any] = {
        "http": request.http,
        "tls": {"verify": not request.insecure, "ca_file": None if request.ca_file is None else str(request.ca_file)},
        "timeouts": timeouts,
        "resolve": read_resolve(request, reading),
        "keepalive": request.keepalive,
        "redirects": request.redirects,
    }
    if load.vus is not None and load.connections is not None:
        reach["connections"] = {"type": "shared", "count": load.connections}
    return reach


def _say_host_places(name: str, reach: dict[str, Any], reading: Reading) -> None:
    here: Place = ("hosts", name)
    reading.said.update(
        {
            (*here, "http"): ("http",),
            (*here, "tls"): ("ca_file",),
            (*here, "timeouts", "total_ns"): ("timeout",),
            (*here, "timeouts", "connect_ns"): ("connect_timeout",),
            (*here, "resolve"): ("unix_socket",),
            (*here, "connections"): ("connections",),
            (*here, "redirects"): ("redirects",),
        }
    )
    for word, key in (("resolve", "addresses"), ("connect_to", "connect_to")):
        for at in range(len(reach["resolve"][key])):
            reading.said[(*here, "resolve", key, at)] = (word, at)
