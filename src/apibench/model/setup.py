"""What is done once in a run, by one virtual user: set-up before its load, and tear-down behind it."""

from collections.abc import Mapping

from pydantic import Field

from apibench.model.expression import Expression, VariableName
from apibench.model.part import Part, SpanNs
from apibench.model.step import MAX_STEPS, Step

MAX_SHARED_BYTES = 1024 * 1024
"""Most that all values together may come to that set-up hands over, as JSON."""
TIMEOUT_NS = 60_000_000_000


class Setup(Part):
    """
    What is done once before the load. If it fails, there is none.

    Nothing of it is in the figures. A check that does not hold fails it.
    """

    steps: tuple[Step, ...] = Field(min_length=1, max_length=MAX_STEPS)
    values: Mapping[VariableName, Expression] = Field(default={}, max_length=100)
    """What it hands over, worked out behind its steps: each is then `shared.NAME` wherever a value may be late."""
    timeout_ns: SpanNs = TIMEOUT_NS


class Teardown(Part):
    """What is done once behind the load, however that has ended. Nothing of it is in the figures."""

    steps: tuple[Step, ...] = Field(min_length=1, max_length=MAX_STEPS)
    timeout_ns: SpanNs = TIMEOUT_NS
