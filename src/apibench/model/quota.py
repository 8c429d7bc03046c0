"""How much of an installation everybody together, or the bearer of one token, may use at once."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from apibench.model.demand import Demand
from apibench.model.fault import Fault
from apibench.model.load import Rate
from apibench.model.units import NS_PER_S, format_duration


@dataclass(frozen=True, slots=True)
class Quota:
    """What runs that go on at the same time may come to. None: no bound."""

    rate: Rate | None = None
    """Iterations due, of all of them together."""
    vus: int | None = None
    """Virtual users, of all of them together."""
    duration_ns: int | None = None
    """Of each run, its warm-up included."""
    runs: int | None = None

    def faults(self, asked: Demand, others: Sequence[Demand], place: str) -> list[Fault]:
        """All that is beyond it where a run is added to those that go on; nothing where it fits."""
        return [*self.faults_of_rate(asked, others, place), *self._faults_beside_rate(asked, others, place)]

    def faults_of_rate(self, asked: Demand, others: Sequence[Demand], place: str) -> list[Fault]:
        """The same for a run that goes on already and asks for another rate."""
        if self.rate is None:
            return []
        most = Fraction(self.rate.count, self.rate.per_ns) * NS_PER_S
        taken = sum((other.rate_per_s for other in others), Fraction(0))
        if taken + asked.rate_per_s <= most:
            return []
        message = f"{_per_s(taken + asked.rate_per_s)} would be due, and {_per_s(most)} are allowed"
        return [Fault("quota.rate", f"{place}.rate", message, _room(taken, _per_s(max(most - taken, Fraction(0)))))]

    def _faults_beside_rate(self, asked: Demand, others: Sequence[Demand], place: str) -> list[Fault]:
        found: list[Fault] = []
        taken = sum(other.vus for other in others)
        if self.vus is not None and taken + asked.vus > self.vus:
            message = f"there could be {taken + asked.vus:,} virtual users, and {self.vus:,} are allowed"
            remedy = (
                f"{_room(taken, f'{max(self.vus - taken, 0):,}')} An open load may have `max_vus` (--max-connections)."
            )
            found.append(Fault("quota.vus", f"{place}.vus", message, remedy))
        if self.duration_ns is not None and (asked.duration_ns is None or asked.duration_ns > self.duration_ns):
            lasts = "as long as it takes" if asked.duration_ns is None else format_duration(asked.duration_ns)
            message = f"it would last {lasts}, and {format_duration(self.duration_ns)} is allowed"
            found.append(Fault("quota.duration", f"{place}.duration", message, "Give it a `duration` within that."))
        if self.runs is not None and len(others) >= self.runs:
            message = f"{len(others)} runs go on, and {self.runs} are allowed"
            found.append(Fault("quota.runs", f"{place}.runs", message, "Wait for one to end, or stop one."))
        return found


def _room(taken: Fraction | int, left: str) -> str:
    return f"Ask for at most {left}, or wait for other runs to end." if taken else f"Ask for at most {left}."


def _per_s(rate: Fraction) -> str:
    """Rounded up to thousandths: what is beyond a bound never reads like the bound."""
    return f"{math.ceil(rate * 1_000) / 1_000:,.3f}".rstrip("0").rstrip(".") + "/s"
