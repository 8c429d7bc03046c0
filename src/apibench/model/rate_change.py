"""Another rate for an open scenario of a run that is going on."""

from dataclasses import dataclass

from apibench.model.load import Rate


@dataclass(frozen=True, slots=True)
class RateChange:
    """From `at_ns` after the barrier on, which is not within the warm-up, the rate is this one, to the end."""

    scenario: int
    at_ns: int
    rate: Rate
