"""A named behaviour with its load."""

from typing import Literal

from pydantic import Field

from apibench.model.late_text import Headers
from apibench.model.load import Load
from apibench.model.part import DurationNs, Name, NotBuilt, Part
from apibench.model.step import MAX_STEPS, Step


class Defaults(Part):
    """What every request of a scenario has, unless it says otherwise."""

    headers: Headers = ()
    """A request's own header of the same name takes its place."""
    cookies: Literal["keep", "iteration", "off"] = "keep"
    """What responses set is sent by their virtual user from then on; to the end of its iteration; never."""
    on_fail: Literal["end_iteration", "continue"] = "end_iteration"
    """What a failed request does to the iteration it belongs to."""


class Scenario(Part):
    """What its virtual users do, over and over, and how many or how often."""

    name: Name
    start_ns: DurationNs = 0
    """When it begins, after the start of the run."""
    after: NotBuilt = None
    defaults: Defaults = Defaults()
    on_start: tuple[Step, ...] = Field(default=(), max_length=MAX_STEPS)
    """What each virtual user does once, before its first iteration. What it sets lasts."""
    steps: tuple[Step, ...] = Field(min_length=1, max_length=MAX_STEPS)
    on_stop: tuple[Step, ...] = Field(default=(), max_length=MAX_STEPS)
    """What it does once, behind its last."""
    load: Load

    def all_steps(self) -> tuple[tuple[str, tuple[Step, ...]], ...]:
        """Its lists of steps in the order in which they are carried out, each with the word under which it stands."""
        return (("on_start", self.on_start), ("steps", self.steps), ("on_stop", self.on_stop))
