"""
From the words for a load (`rate: 500/s`, `30s:@200`) to a scenario's load, on its own or over one that a plan has.

The model follows from the words: open if a rate is named anywhere, else closed. A word that has no meaning in that
model is refused, because a run that leaves it out silently is not the run that was asked for.
"""

import math
from dataclasses import dataclass
from typing import Any

from apibench.authoring.reading import Reading
from apibench.model.errors import UnitInvalid
from apibench.model.fault import Place
from apibench.model.units import RateParts, parse_count, parse_duration, parse_rate

DEFAULT_CONNECTIONS = 50
DEFAULT_DURATION = "10s"
DEFAULT_MAX_CONNECTIONS = 10_000
PLACE: Place = ("scenarios", 0, "load")
_NOTHING_TO_SAY = {"duration_ns": None, "iterations": None}


@dataclass(frozen=True, slots=True)
class LoadWords:
    """How much, and when. Text is as people write it; `None` is what was not said."""

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
    max_catchup: int | None = None
    warmup: str | None = None
    drain: str | None = None
    seed: int | None = None
    name: str | None = None
    thresholds: tuple[str, ...] = ()


OF_THE_LOAD = (
    *("connections", "vus", "iterations", "duration", "rate", "stages"),
    *("arrivals", "when_busy", "max_connections", "max_catchup"),
)
"""The words that say something of one scenario's load; the others are of the whole plan."""


def load_document(load: LoadWords, reading: Reading, base: dict[str, Any] | None = None) -> dict[str, Any]:
    """The load that these words mean; with `base`, what it says instead where they say nothing."""
    stages = [_stage(text, at, reading) for at, text in enumerate(load.stages)]
    rates = [stage for stage in stages if "rate" in stage]
    if rates and len(rates) != len(stages):
        reading.refuse(
            ("stages", next(at for at, stage in enumerate(stages) if ("rate" in stage) != ("rate" in stages[0]))),
            "rates and VUs are mixed",
            "Use one kind for all stages: 30s:1000/s for a rate, 30s:@200 for VUs.",
        )
        stages = rates
    if load.rate is not None and stages and not rates:
        reading.refuse(("stages", 0), "asks for a closed model, and a rate for an open one", "Leave one of them out.")
        stages = []
    is_open = load.rate is not None or bool(rates) or (not stages and base is not None and base["model"] == "open")
    kept = base if base is not None and (base["model"] == "open") == is_open else None
    _say_places(load, reading, is_open=is_open)
    if is_open:
        return _open(load, stages, reading, kept, base)
    return _closed(load, stages, reading, kept, base)


def _closed(
    load: LoadWords,
    stages: list[dict[str, Any]],
    reading: Reading,
    kept: dict[str, Any] | None,
    base: dict[str, Any] | None,
) -> dict[str, Any]:
    for word in ("arrivals", "when_busy", "max_connections", "max_catchup"):
        if getattr(load, word) is not None:
            reading.refuse((word,), "belongs to the open model", "Give a rate too, like --rate 500/s, or leave it out.")
    ends = _ends(load, stages, reading, base)
    vus = load.vus if load.vus is not None else load.connections
    if kept is not None and vus is None and not stages:
        return {**kept, "ends": ends}
    if vus is None:
        vus = 0 if stages else DEFAULT_CONNECTIONS
    if ends["iterations"] is not None and not stages:
        # More virtual users than iterations would leave some with nothing to do.
        vus = min(vus, max(1, ends["iterations"]))
    return {"model": "closed", "vus": vus, "stages": stages, "ends": ends}


def _open(
    load: LoadWords,
    stages: list[dict[str, Any]],
    reading: Reading,
    kept: dict[str, Any] | None,
    base: dict[str, Any] | None,
) -> dict[str, Any]:
    document = dict(kept or {"model": "open", "rate": {"count": 0, "per_ns": 1}, "stages": []})
    if load.rate is not None or stages:
        rate = None if load.rate is None else reading.attempt(parse_rate, load.rate, ("rate",), RateParts(1, 1_000_000))
        document["rate"] = {"count": 0, "per_ns": 1} if rate is None else {"count": rate.count, "per_ns": rate.per_ns}
        document["stages"] = stages
    document["arrivals"] = load.arrivals or document.get("arrivals", "constant")
    most = load.vus if load.vus is not None else load.connections
    if most is not None and load.max_connections is not None:
        word = "vus" if load.vus is not None else "connections"
        reading.refuse(
            ("max_connections",), f"says how many there may be, and `{word}` says so too", "Leave one of them out."
        )
    most = most if most is not None else load.max_connections
    if load.when_busy in ("queue", "drop") and most is None and kept is None:
        reading.refuse(
            ("when_busy",),
            f"`{load.when_busy}` needs to know when every connection is busy",
            f"Say how many there are, like -c {DEFAULT_CONNECTIONS}.",
        )
    usual = "grow" if load.connections is None else "queue"
    document["when_busy"] = load.when_busy or (kept or {}).get("when_busy", usual)
    document["max_vus"] = most if most is not None else (kept or {}).get("max_vus", DEFAULT_MAX_CONNECTIONS)
    if load.max_catchup is not None:
        document["max_catchup"] = load.max_catchup
    ends = _ends(load, stages, reading, base)
    if ends["iterations"] is not None and load.duration is None and not document["stages"] and base is None:
        ends["duration_ns"] = _long_enough(ends["iterations"], document["rate"], document["arrivals"])
        reading.said[(*PLACE, "ends", "duration_ns")] = ("iterations",)
    return {**document, "ends": ends}


def _long_enough(iterations: int, rate: dict[str, int], arrivals: str) -> int | None:
    """An open load needs a length: as long as its iterations take at this rate, and one more."""
    if rate["count"] == 0:
        return None
    # Independent arrivals scatter by the root of their number; ten times that never cuts one off.
    slack = 1 if arrivals == "constant" else 20 + 10 * math.isqrt(iterations)
    return (iterations + slack) * rate["per_ns"] // rate["count"] + 1


def _ends(
    load: LoadWords, stages: list[dict[str, Any]], reading: Reading, base: dict[str, Any] | None
) -> dict[str, Any]:
    """When it ends. Stages that are said anew say it anew, too."""
    ends = dict(_NOTHING_TO_SAY if base is None else base["ends"])
    usual_ns = parse_duration(DEFAULT_DURATION)
    if stages:
        ends["duration_ns"] = None
    if load.duration is not None:
        ends["duration_ns"] = reading.attempt(parse_duration, load.duration, ("duration",), usual_ns)
    elif base is None and load.iterations is None and not stages:
        ends["duration_ns"] = usual_ns
    if load.iterations is not None:
        ends["iterations"] = reading.attempt(parse_count, load.iterations, ("iterations",), 1)
    return ends


def _say_places(load: LoadWords, reading: Reading, *, is_open: bool) -> None:
    many = "vus" if load.vus is not None else "connections"
    most = many if load.vus is not None or load.connections is not None else "max_connections"
    whole: Place = (many,) if not is_open else ("rate",) if load.rate is not None else ("stages", 0)
    reading.said.update(
        {
            PLACE: whole,
            (*PLACE, "vus"): (many,),
            (*PLACE, "max_vus"): (most,),
            (*PLACE, "rate"): ("rate",),
            (*PLACE, "arrivals"): ("arrivals",),
            (*PLACE, "when_busy"): ("when_busy",),
            (*PLACE, "max_catchup"): ("max_catchup",),
            (*PLACE, "ends"): ("stages", 0) if load.stages and load.duration is None else ("duration",),
            (*PLACE, "ends", "iterations"): ("iterations",),
        }
    )
    reading.said.update({(*PLACE, "stages", at): ("stages", at) for at in range(len(load.stages))})


def _stage(text: str, at: int, reading: Reading) -> dict[str, Any]:
    harmless = {"duration_ns": 1, "rate": {"count": 1, "per_ns": 1_000_000}}
    return reading.attempt(parse_stage, text, ("stages", at), harmless)


def parse_stage(text: str) -> dict[str, Any]:
    """A stage of a plan's document, of `30s:1000/s` or `30s:@200`. Raises UnitInvalid."""
    duration, colon, level = text.partition(":")
    if not colon:
        raise UnitInvalid(f"'{text}' is no stage", "Write 30s:1000/s for a rate, or 30s:@200 for VUs.")
    stage: dict[str, Any] = {"duration_ns": parse_duration(duration)}
    if level.startswith("@"):
        return {**stage, "vus": parse_count(level[1:])}
    if "/" not in level:
        # k6 means VUs by a bare number and artillery a rate: name both, guess neither.
        message = f"'{text}' does not say what {level} is"
        raise UnitInvalid(message, f"Write {duration}:{level}/s or {duration}:@{level}.")
    rate = parse_rate(level)
    return {**stage, "rate": {"count": rate.count, "per_ns": rate.per_ns}}
