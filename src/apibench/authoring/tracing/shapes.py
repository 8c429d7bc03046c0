"""A load by any Python function of time: looked at when the file is loaded, and never while the load runs."""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Literal

from apibench.authoring.tracing import trace
from apibench.authoring.tracing.arguments import a_word
from apibench.authoring.tracing.loads import Stage, read_duration
from apibench.model.errors import UnitInvalid
from apibench.model.units import NS_PER_S

MAX_MOMENTS = 500
_SHORTEST_NS = NS_PER_S // 10


@a_word
def shape(
    level: Callable[[float], float], *, over: str, of: Literal["/s", "vus"] = "/s", every: str | None = None
) -> Sequence[Stage]:
    """
    A load that follows a function: `shape(lambda t: 100 + 50 * math.sin(t / 60), over="10m")`.

    Args:
        level: iterations per second, or virtual users, so many seconds after the load began; not below 0.
        over: how long.
        of: `"/s"`, the open model; `"vus"`, the closed model.
        every: how far the moments lie apart at which it is asked; in between the load moves linearly. A hundredth of it
            all unless told, and a second at least.
    """
    try:
        over_ns = read_duration(over)
        every_ns = max(over_ns // 100, NS_PER_S) if every is None else read_duration(every)
    except UnitInvalid as error:
        raise trace.refused("AB140", error.message, error.hint) from error
    if of not in ("/s", "vus"):
        raise trace.refused("AB140", f"a load is of '/s' or of 'vus', and not of {of!r}", 'Write:  of="vus"')
    if every_ns < _SHORTEST_NS or over_ns < every_ns or over_ns > MAX_MOMENTS * every_ns:
        message = f"between two moments and the whole there are at most {MAX_MOMENTS}, and a moment is 0.1 s at least"
        raise trace.refused("AB140", message, 'Write:  shape(level, over="10m", every="5s")')
    moments_ns = [*range(0, over_ns, every_ns), over_ns]
    levels = [_text(level, at_ns / NS_PER_S, of) for at_ns in moments_ns]
    lengths = [0, *(end - start for start, end in pairwise(moments_ns))]
    return [Stage(text, f"{length}ns") for text, length in zip(levels, lengths, strict=True)]


def _text(level: Callable[[float], float], at_s: float, of: str) -> str:
    try:
        value = float(level(at_s))
    except Exception as error:
        message = f"{type(error).__name__} when the load was asked for {at_s:g} s after its beginning: {error}"
        raise trace.refused("AB140", message, "Mend the function: it takes seconds, and returns a number.") from error
    if not math.isfinite(value) or value < 0:
        raise trace.refused("AB140", f"the load {at_s:g} s after its beginning would be {value:g}", "Return 0 or more.")
    return f"{value:.3f}/s" if of == "/s" else f"{round(value)} vus"
