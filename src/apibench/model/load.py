"""
How much: the closed model (virtual users that wait) and the open model (arrivals that don't).

A load always says when it ends. Stages without a duration end with their last; that is filled in
here, so that the document sent down is explicit and equal loads hash the same.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, Strict, ValidationInfo, field_validator, model_validator

from apibench.model.part import MAX_DURATION_NS, MAX_VUS, Part, Positive, SpanNs, Vus, Whole, fault
from apibench.model.units import NS_PER_S, reduced

MAX_RATE_PER_S = 10_000_000
MAX_STAGES = 1_000
DEFAULT_MAX_VUS = 10_000
MAX_CATCHUP = 1_000


class Rate(Part):
    """`count` iterations due every `per_ns`. Kept reduced: 500/s is 1 every 2,000,000 ns. 0 is 0 every 1 ns."""

    count: Whole
    per_ns: SpanNs

    @model_validator(mode="before")
    @classmethod
    def _reduce(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        count, per_ns = data.get("count"), data.get("per_ns")
        if type(count) is not int or type(per_ns) is not int or count < 0 or per_ns < 1:
            return data  # the fields say what is wrong with it
        small = reduced(count, per_ns)
        return {**data, "count": small.count, "per_ns": small.per_ns}

    @model_validator(mode="after")
    def _bounded(self) -> "Rate":
        if self.count * NS_PER_S > MAX_RATE_PER_S * self.per_ns:
            raise fault("rate.high", f"more than {MAX_RATE_PER_S:,}/s", "Spread it over several scenarios or plans.")
        return self


class Ends(Part):
    """When a load ends: after this time, or when this many iterations have started, whichever is first."""

    duration_ns: SpanNs | None = None
    iterations: Positive | None = None


class ClosedStage(Part):
    """Move linearly to `vus` over `duration_ns`."""

    duration_ns: SpanNs
    vus: Vus


class OpenStage(Part):
    """Move linearly to `rate` over `duration_ns`."""

    duration_ns: SpanNs
    rate: Rate


def _ending(ends: Ends, info: ValidationInfo) -> Ends:
    if "stages" not in info.data:
        return ends  # the stages are faulty themselves; whether they end anything can't be said
    stages: tuple[ClosedStage | OpenStage, ...] = info.data["stages"]
    if ends.duration_ns is None and stages:
        total_ns = sum(stage.duration_ns for stage in stages)
        if total_ns > MAX_DURATION_NS:
            raise fault("load.long", "the stages last longer than 30 days", "Shorten them.")
        return ends.model_copy(update={"duration_ns": total_ns})
    if ends.duration_ns is None and ends.iterations is None:
        raise fault("load.endless", "nothing says when it ends", "Give `duration`, `iterations` or `stages`.")
    return ends


class Closed(Part):
    """`vus` virtual users; each starts its next iteration when its last has ended."""

    model: Literal["closed"]
    vus: Vus = 1
    """At the start; the stages move it from there."""
    stages: tuple[ClosedStage, ...] = Field(default=(), max_length=MAX_STAGES)
    ends: Annotated[Ends, Field(validate_default=True)] = Ends()

    _fill_ends = field_validator("ends", mode="after")(_ending)

    @model_validator(mode="after")
    def _somebody_acts(self) -> "Closed":
        if self.vus == 0 and all(stage.vus == 0 for stage in self.stages):
            raise fault("load.nobody", "no virtual user ever acts", "Give `vus` at least 1.")
        return self


class Open(Part):
    """Iterations are due at `rate`, whether or not earlier ones have ended."""

    model: Literal["open"]
    rate: Rate
    """At the start; the stages move it from there."""
    stages: tuple[OpenStage, ...] = Field(default=(), max_length=MAX_STAGES)
    arrivals: Literal["constant", "poisson"] = "constant"
    when_busy: Literal["queue", "grow", "drop"] = "grow"
    max_waiting: Positive | None = None
    """Arrivals that may wait at once; beyond it they are dropped as `cap`. `None`: no bound."""
    max_wait_ns: SpanNs | None = None
    """How long an arrival may wait; then it is dropped as `deadline`. `None`: until the drain ends."""
    max_vus: Annotated[int, Strict(), Field(ge=1, le=MAX_VUS)] = DEFAULT_MAX_VUS
    """Virtual users at most, whatever `when_busy` says."""
    max_catchup: Annotated[int, Strict(), Field(ge=2, le=MAX_CATCHUP)] | None = None
    """Behind schedule, at most so many times the planned rate. `None`: as fast as connections allow."""
    ends: Annotated[Ends, Field(validate_default=True)] = Ends()

    _fill_ends = field_validator("ends", mode="after")(_ending)

    @model_validator(mode="after")
    def _something_arrives(self) -> "Open":
        if self.when_busy == "drop" and self.max_catchup is not None:
            raise fault("load.catchup", "a load that drops what it can't send never catches up", "Leave one out.")
        if self.rate.count == 0 and all(stage.rate.count == 0 for stage in self.stages):
            raise fault("load.nothing", "nothing ever arrives", "Give `rate` more than 0.")
        return self


Load = Annotated[Closed | Open, Field(discriminator="model")]
