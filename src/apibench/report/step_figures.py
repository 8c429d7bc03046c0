"""What the requests of a run, of a scenario or of a step came to, as Python reads it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from apibench.model.figures import human_share
from apibench.model.histogram import merged, to_times
from apibench.report.data_table import NoSuchName
from apibench.report.figure_text import at
from apibench.report.group_figures import GroupFigures
from apibench.report.times import Times

Headline = Literal["response_time", "service_time"]


@dataclass(frozen=True, eq=False)
class Figures:
    """
    Requests, counted and timed.

    Its own percentiles are of the headline: response time, from when a request was due, in an open model; service
    time, from when it was sent, in a closed one. `response` and `service` name theirs.
    """

    name: str
    """Of the step or the scenario; of all together the run's."""
    block: Mapping[str, Any]
    """As it stands in the document."""
    headline: Headline
    """Which of both times its percentiles are of."""

    @property
    def requests(self) -> int:
        """How many were started."""
        return int(self.block["requests"]["started"])

    @property
    def ok(self) -> int:
        """How many were answered as expected."""
        return int(self.block["requests"]["ok"])

    @property
    def failed(self) -> int:
        """How many were not, or broke."""
        return int(self.block["requests"]["failed"])

    @property
    def unfinished(self) -> int:
        """How many never ended."""
        return int(self.block["requests"]["unfinished"])

    @property
    def errors(self) -> float:
        """The share of those started that failed or never ended, from 0 to 1; NaN where none was started."""
        return (self.failed + self.unfinished) / self.requests if self.requests else math.nan

    @property
    def rate(self) -> float:
        """Requests a second that were ok, within the measured window; NaN where there was none."""
        per_s = self.block["requests"]["ok_per_s"]
        return math.nan if per_s is None else float(per_s)

    @property
    def by_error(self) -> Mapping[str, int]:
        """How many failed, by the name of their error: `{"http.5xx": 3}`."""
        return dict(self.block["requests"]["by_error"])

    @property
    def by_status(self) -> Mapping[str, int]:
        """How many were answered, by status: `{"200": 1990}`."""
        return dict(self.block["requests"]["by_status"])

    @cached_property
    def response(self) -> Times:
        """From when they were due until they ended."""
        return Times(self.block["response_time"])

    @cached_property
    def service(self) -> Times:
        """From when they were sent until they ended."""
        return Times(self.block["service_time"])

    @property
    def times(self) -> Times:
        """Those of the headline."""
        return self.service if self.headline == "service_time" else self.response

    @property
    def p50(self) -> float:
        """The median, in seconds."""
        return self.times.p50

    @property
    def p90(self) -> float:
        """The 90th percentile, in seconds."""
        return self.times.p90

    @property
    def p95(self) -> float:
        """The 95th percentile, in seconds."""
        return self.times.p95

    @property
    def p99(self) -> float:
        """The 99th percentile, in seconds."""
        return self.times.p99

    @property
    def p999(self) -> float:
        """The 99.9th percentile, in seconds."""
        return self.times.p999

    @property
    def max(self) -> float:
        """The longest, in seconds."""
        return self.times.max

    def p(self, percentile: float) -> float:
        """A percentile, in seconds: `p(99.9)`. Raises UsageError for one that is not from 0 to 100."""
        return self.times.p(percentile)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} '{self.name}': {self.brief}>"

    @property
    def brief(self) -> str:
        """In a few words, for people."""
        share = human_share(self.failed + self.unfinished, self.requests)
        return f"{self.requests:,} requests, errors {share}, p99 {at(self.times.histogram, 0.99)}"


@dataclass(frozen=True, eq=False, repr=False)
class StepFigures(Figures):
    """What the requests of a step came to."""

    scenario: str
    """The scenario that it is in."""


@dataclass(frozen=True, eq=False, repr=False)
class ScenarioFigures(Figures):
    """What a scenario came to: its iterations, and all requests of its steps together."""

    steps: tuple[StepFigures, ...]
    """In the plan's order."""
    groups: Mapping[str, GroupFigures]
    """Its groups of steps, by name."""

    @classmethod
    def of(cls, scenario: Mapping[str, Any], headline: Headline) -> "ScenarioFigures":
        """Of a scenario's block in a document."""
        steps = tuple(StepFigures(step["name"], step, headline, scenario["name"]) for step in scenario["steps"])
        # Earlier releases had none.
        groups = {
            each["name"]: GroupFigures(each["name"], scenario["name"], each) for each in scenario.get("groups", ())
        }
        block = _together(steps) | {"iterations": scenario["iterations"]}
        return cls(scenario["name"], block, headline, steps, groups)

    @property
    def iterations(self) -> Mapping[str, Any]:
        """Its iterations, counted, as they stand in the document."""
        found: Mapping[str, Any] = self.block["iterations"]
        return found

    def __getitem__(self, step: str) -> StepFigures:
        """A step by its name. Raises NoSuchName, a KeyError."""
        for each in self.steps:
            if each.name == step:
                return each
        raise NoSuchName.among((each.name for each in self.steps), f"step in '{self.name}':", step)


def _together(steps: tuple[StepFigures, ...]) -> dict[str, Any]:
    """Counts added, times merged: nothing is averaged."""
    blocks = [each.block["requests"] for each in steps]
    rates = [block["ok_per_s"] for block in blocks if block["ok_per_s"] is not None]
    requests: dict[str, Any] = {
        name: sum(block[name] for block in blocks) for name in ("started", "ok", "failed", "unfinished")
    }
    for name in ("by_error", "by_status"):
        requests[name] = {key: 0 for block in blocks for key in block[name]}
        for block in blocks:
            for key, count in block[name].items():
                requests[name][key] += count
    return {
        "requests": {**requests, "ok_per_s": sum(rates) if rates else None},
        "response_time": to_times(merged(each.response.histogram for each in steps)),
        "service_time": to_times(merged(each.service.histogram for each in steps)),
    }
