"""How much: `"50 vus"`, `"200/s"`, or stages, in the words of a scenario in Python."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from apibench.authoring.tracing.arguments import a_word
from apibench.model.errors import UnitInvalid
from apibench.model.units import parse_count, parse_duration, parse_rate

Document = dict[str, Any]
_VUS = (" vus", " vu", " users", " user")
_REMEDY = 'Write "50 vus", "200/s", or a list like [ramp("200/s", over="1m"), hold("5m")].'


@dataclass(frozen=True, slots=True)
class Stage:
    """A span in which the load moves linearly to a level, or stays where it is."""

    level: str | None
    """None: where it is."""
    length: str


@dataclass(frozen=True, slots=True)
class Ends:
    """When a load ends: words of whoever runs a scenario, for loads that do not say it themselves."""

    duration: str | None = None
    iterations: str | None = None


NO_ENDS = Ends()


@a_word
def ramp(level: str, *, over: str) -> Stage:
    """
    A stage in which the load moves linearly to a level: `ramp("200/s", over="1m")`, `ramp("50 vus", over="10s")`.

    Args:
        level: `"200/s"` or `"30/m"`, iterations that fall due; `"50 vus"`, virtual users. A load has the one or the
            other.
        over: how long it takes: `"500ms"`, `"30s"`, `"1h30m"`. With `"0s"` as the first stage the load begins there.
    """
    return Stage(level, over)


@a_word
def hold(length: str) -> Stage:
    """A stage in which the load stays at the level that there is, for so long: `hold("5m")`."""
    return Stage(None, length)


def read_load(
    load: str | Sequence[Stage], duration: str | None, iterations: int | str | None, ends_told: Ends = NO_ENDS
) -> Document:
    """
    The load of a plan's document. Stages begin at nothing, or at a level that the first of them, a ramp over 0, sets.

    `ends_told`: when it ends if neither stages nor the words beside them say so.

    Raises UnitInvalid.
    """
    if duration is None and iterations is None and isinstance(load, str):
        duration, iterations = ends_told.duration, ends_told.iterations
    ends: Document = {}
    if duration is not None:
        ends["duration_ns"] = read_duration(duration)
    if iterations is not None:
        ends["iterations"] = parse_count(str(iterations))
    if isinstance(load, str):
        kind, level = _level(load)
        if not ends:
            raise UnitInvalid(
                "nothing says when the load ends", 'Add duration="1m" or iterations=1000, here or where it is run.'
            )
        return {"model": "closed" if kind == "vus" else "open", kind: level, "ends": ends}
    stages = load if isinstance(load, list | tuple) else ()
    if not stages or not all(isinstance(each, Stage) for each in stages):
        raise UnitInvalid("the load is neither text nor stages", _REMEDY)
    return _of_stages(stages, ends)


def read_duration(value: Any) -> int:
    """
    Nanoseconds of a text like `"1m"`.

    Raises UnitInvalid.
    """
    if isinstance(value, str):
        return parse_duration(value)
    raise UnitInvalid(f"{value!r} is no duration", 'Write it with its unit, like "500ms" or "1s".')


def _of_stages(load: Sequence[Stage], ends: Document) -> Document:
    kinds = {_level(each.level)[0] for each in load if each.level is not None}
    if len(kinds) != 1:
        message = "stages of rates and of virtual users are mixed" if kinds else "no stage says a level"
        raise UnitInvalid(message, _REMEDY)
    kind = kinds.pop()
    at: Any = 0 if kind == "vus" else {"count": 0, "per_ns": 1}
    first = at
    stages: list[Document] = []
    for stage in load:
        at = at if stage.level is None else _level(stage.level)[1]
        length_ns = read_duration(stage.length)
        if length_ns == 0 and not stages:
            first = at
        else:
            stages.append({"duration_ns": length_ns, kind: at})
    return {"model": "closed" if kind == "vus" else "open", kind: first, "stages": stages, "ends": ends}


def _level(text: Any) -> tuple[str, Any]:
    if not isinstance(text, str):
        raise UnitInvalid(f"{text!r} is no load", _REMEDY)
    for ending in _VUS:
        if text.endswith(ending):
            return "vus", parse_count(text.removesuffix(ending))
    if "/" not in text:
        raise UnitInvalid(f"'{text}' is no load", _REMEDY)
    rate = parse_rate(text)
    return "rate", {"count": rate.count, "per_ns": rate.per_ns}
