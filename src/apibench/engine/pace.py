"""How late this host's own timers are. Apart from the engine: it is looked at while all that a plan takes is loaded."""

from apibench import _engine
from apibench.model.histogram import Histogram


def measure_pace(rate_per_s: int, duration_ns: int) -> Histogram:
    """The lags of a bare loop on this thread, in nanoseconds: the floor of every generator on this host."""
    return _engine.measure_pace(rate_per_s, duration_ns)
