"""The options of a k6 script: loads and thresholds."""

import re
from typing import Any

from apibench.authoring.importing.journey import Behaviour, Journey, Stage
from apibench.authoring.importing.values import Known, Listing, Mapping, Value
from apibench.model.errors import ThresholdInvalid, UnitInvalid
from apibench.model.threshold import parse_threshold
from apibench.model.units import parse_count, parse_duration, parse_rate

_TIMES = {"http_req_duration": "service.", "iteration_duration": "iteration.", "group_duration": ""}
_SHARES = {"http_req_failed": "errors", "checks": "checks"}
_METRIC = re.compile(r"([a-z_]+)(?:\{\s*(name|group)\s*:\s*(.+?)\s*\})?")
_LIMIT = re.compile(r"\s*(p\((\d+(?:\.\d+)?)\)|avg|med|min|max|rate)\s*(<=?|>=?|==)\s*(\d+(?:\.\d+)?)\s*")
_AGGREGATES = {"avg": "mean", "med": "p50", "min": "min", "max": "max"}
_OF_ITERATIONS = ("startTime", "gracefulStop", "maxVUs", "maxDuration", "env", "tags", "gracefulRampDown")
_NO_MATTER = ("executor", "exec", "preAllocatedVUs", "vus", "duration", "iterations", "stages", "rate", "timeUnit")


def plain(value: Value) -> Any:
    """A value that is known, as a document; what is late in it is None."""
    match value:
        case Known(constant):
            return constant
        case Mapping(pairs):
            return {name: plain(each) for name, each in pairs}
        case Listing(items):
            return [plain(each) for each in items]
        case _:
            return None


def set_load(scenario: Behaviour, options: dict[str, Any], journey: Journey, place: str) -> None:
    """The load of a scenario of k6, or of the short form without scenarios."""
    executor = options.get("executor")
    if executor is None:
        executor = (
            "ramping-vus"
            if options.get("stages")
            else "constant-vus"
            if options.get("duration")
            else "shared-iterations"
        )
        if executor == "shared-iterations" and not (options.get("iterations") or options.get("vus")):
            return
    for word in options:
        if word in _OF_ITERATIONS:
            journey.leave(place, f"{word} was left out")
    try:
        read = _load(str(executor), options)
    except (UnitInvalid, TypeError, ValueError):
        read = None
    if read is None:
        journey.leave(place, f"a load of the kind {str(executor)[:40]!a} was left out, or what it says can't be read")
        return
    scenario.load, scenario.duration, scenario.iterations = read


def _load(executor: str, options: dict[str, Any]) -> tuple[str | list[Stage], str, int | None] | None:
    vus = _count(options.get("vus") or 1)
    match executor:
        case "constant-vus":
            return f"{vus} vus", _duration(options["duration"]) if options.get("duration") else "", None
        case "shared-iterations":
            return f"{vus} vus", "", _count(options.get("iterations") or 1)
        case "per-vu-iterations":
            return f"{vus} vus", "", vus * _count(options.get("iterations") or 1)
        case "ramping-vus":
            start = options.get("startVUs")
            return _stages(options.get("stages"), start, lambda level: f"{level} vus"), "", None
        case "constant-arrival-rate":
            rate = _rate(options.get("rate"), options.get("timeUnit"))
            return rate, _duration(options.get("duration")), None
        case "ramping-arrival-rate":
            unit = options.get("timeUnit")
            return _stages(options.get("stages"), options.get("startRate"), lambda level: _rate(level, unit)), "", None
        case _:
            return None


def _stages(stages: Any, start: Any, level: Any) -> list[Stage]:
    found = [Stage(level(_count(start)), "0s")] if start else []
    at = _count(start) if start else None
    for stage in stages if isinstance(stages, list) else []:
        wanted = _count(stage.get("target"))
        found.append(Stage("" if wanted == at else level(wanted), _duration(stage.get("duration"))))
        at = wanted
    if not any(stage.level for stage in found):
        raise ValueError
    return found


def _rate(count: Any, unit: Any) -> str:
    per = str(unit or "1s")
    rate = f"{_count(count)}/{per[1:] if per in ('1s', '1m', '1h') else per}"
    parse_rate(rate)
    return rate


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 10_000_000:
        raise TypeError
    return parse_count(str(value))


def _duration(value: Any) -> str:
    text = f"{value}ms" if isinstance(value, int) and not isinstance(value, bool) else str(value)
    if parse_duration(text) <= 0:
        raise ValueError
    return text


def thresholds(document: Any, journey: Journey) -> list[str]:
    """Thresholds in our words; all others are put down."""
    found = []
    for metric, limits in document.items() if isinstance(document, dict) else ():
        for each in limits if isinstance(limits, list) else [limits]:
            text = each.get("threshold") if isinstance(each, dict) else each
            aborts = isinstance(each, dict) and each.get("abortOnFail") is True
            written = _threshold(str(metric), str(text))
            if written is None:
                journey.leave("options.thresholds", f"{f'{metric}: {text}'[:80]!a} was left out")
            else:
                found.append(f"{written} abort" if aborts else written)
    return found


def _threshold(metric: str, text: str) -> str | None:
    of, limit = _METRIC.fullmatch(metric), _LIMIT.fullmatch(text)
    if of is None or limit is None:
        return None
    if (of[1] == "group_duration") != (of[2] == "group"):
        return None
    name = (of[3] or "").rpartition("::")[2] if of[2] == "group" else of[3]
    step = f" of '{name.replace(chr(39), chr(39) * 2)}'" if name else ""
    aggregate, percentile, sign, number = limit.groups()
    if of[1] in _TIMES and aggregate != "rate":
        told = f"p{percentile}" if percentile else _AGGREGATES[aggregate]
        written = f"{_TIMES[of[1]]}{told}{step} {sign} {number}ms"
    elif of[1] in _SHARES and aggregate == "rate" and float(number) <= 1:
        written = f"{_SHARES[of[1]]}{step} {sign} {_percent(number)}%"
    else:
        return None
    try:
        return str(parse_threshold(written))
    except ThresholdInvalid:
        return None


def _percent(number: str) -> str:
    whole, _, decimals = number.partition(".")
    digits = f"{whole}{decimals.ljust(2, '0')}"
    at = len(whole) + 2
    return f"{int(digits[:at])}.{digits[at:]}".rstrip(".")
