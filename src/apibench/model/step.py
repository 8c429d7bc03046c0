"""
What a virtual user does, one class a step, told apart by `type`.

Steps that the design names and this release has not are in `NOT_BUILT_STEPS`: refused by name.
"""

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, Strict, ValidationInfo, field_validator, model_validator

from apibench.model.expression import Argument, Expression, VariableName, pattern_of
from apibench.model.extraction import Extraction
from apibench.model.function import MAX_ARGUMENTS
from apibench.model.http_text import Method
from apibench.model.late_text import MAX_BODY, Headers, LateBody, LatePath
from apibench.model.part import MAX_NAME, DurationNs, Name, NotBuilt, Part, Positive, SpanNs, Text, fault
from apibench.model.signing import AwsSigv4

MAX_STEPS = 1_000
"""In a whole plan: each request is a series, and series cost memory in every interval."""
NOT_BUILT_STEPS = frozenset(("each", "parallel", "stream", "abort"))
_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}")


class Source(Part):
    """Where a step was written. Carried for messages; no part of the plan's hash."""

    file: Annotated[Text, Field(max_length=4_096)]
    line: Positive
    column: Positive | None = None


def _is_base64(text: str) -> str:
    # By form, not by decoding: the engine decodes it, and here it may be megabytes.
    if len(text) % 4 or _BASE64.fullmatch(text) is None:
        raise fault("body.base64", "is no base64", "Use the standard alphabet, with padding.")
    return text


class Body(Part):
    """The bytes to send: text (as UTF-8) or base64."""

    text: LateBody | None = None
    base64: Annotated[str, Strict(), Field(max_length=MAX_BODY * 4 // 3), AfterValidator(_is_base64)] | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> "Body":
        if (self.text is None) == (self.base64 is None):
            raise fault("body.which", "a body is either `text` or `base64`", "Give exactly one of them.")
        return self


StatusCode = Annotated[int, Strict(), Field(ge=100, le=599)]


class StatusRange(Part):
    """Status codes from `first` to `last`, both included."""

    first: StatusCode
    last: StatusCode

    @model_validator(mode="after")
    def _in_order(self) -> "StatusRange":
        if self.first > self.last:
            raise fault("status.order", f"{self.first} to {self.last} holds nothing", "Put the lower one first.")
        return self


class Expect(Part):
    """What makes a response ok. Unless told: every status below 400."""

    status: tuple[StatusRange, ...] = Field(default=(StatusRange(first=100, last=399),), min_length=1, max_length=100)


def default_name(method: object, path: object) -> str:
    """
    `GET /items/{id}`, of the document's form: without the query, as `?page=1` and `?page=2` are one thing to a reader,
    and one series.
    """
    return f"{method} {pattern_of(path).partition('?')[0]}"[:MAX_NAME].strip()


class Request(Part):
    """Send one request and read its response."""

    type: Literal["request"]
    host: Name
    """A key of the plan's `hosts`."""
    method: Method = "GET"
    path: LatePath = "/"
    name: Annotated[Name, Field(validate_default=True)] = ""
    """Requests of one scenario with the same name are counted together. Unless told: method and path."""
    headers: Headers = ()
    body: Body | None = None
    sign: AwsSigv4 | None = None
    """What proves who sends it."""
    expect: Expect = Expect()
    timeout_ns: NotBuilt = None
    """In place of the host's `total_ns`."""
    source: Source | None = None

    @field_validator("name", mode="before")
    @classmethod
    def _name_from_path(cls, name: Any, info: ValidationInfo) -> Any:
        if name != "":
            return name
        path = info.data.get("path", "/")
        return default_name(info.data.get("method", "GET"), path if isinstance(path, str) else path.model_dump())


class UniformPause(Part):
    """Any length from `min_ns` to `max_ns`, all equally likely, drawn from the plan's seed."""

    min_ns: DurationNs
    max_ns: DurationNs

    @model_validator(mode="after")
    def _in_order(self) -> "UniformPause":
        if self.min_ns > self.max_ns:
            raise fault("pause.order", "the shortest pause is longer than the longest", "Swap `min` and `max`.")
        return self


class Think(Part):
    """Pause before the next step, as a person would."""

    type: Literal["think"]
    constant_ns: DurationNs | None = None
    uniform: UniformPause | None = None
    source: Source | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> "Think":
        if (self.constant_ns is None) == (self.uniform is None):
            raise fault("pause.which", "a pause is either `constant` or `uniform`", "Give exactly one of them.")
        return self


class Pace(Part):
    """Wait until `period_ns` have passed since this iteration started; no wait where they have."""

    type: Literal["pace"]
    period_ns: SpanNs
    source: Source | None = None


class Extract(Part):
    """
    Take a value out of the response to the request right before. It is counted as a check; where the value is not
    there, the iteration has failed.
    """

    type: Literal["extract"]
    of: Extraction
    to: VariableName
    source: Source | None = None


class Feed(Part):
    """Take the next row of a feeder: its columns are members, as of a JSON object."""

    type: Literal["feed"]
    feeder: Name
    """A key of the plan's `feeders`."""
    to: Annotated[VariableName, Field(validate_default=True)] = ""
    """Unless told: the feeder's name."""
    source: Source | None = None

    @field_validator("to", mode="before")
    @classmethod
    def _to_from_feeder(cls, to: Any, info: ValidationInfo) -> Any:
        return info.data.get("feeder", to) if to == "" else to


class Set(Part):
    """Put a value under a name, for the rest of the iteration."""

    type: Literal["set"]
    to: VariableName
    value: Expression
    source: Source | None = None


class Python(Part):
    """
    Have a function of Python make a value, in a process of its own. It is counted as a check; where it raises, the
    iteration has failed.
    """

    type: Literal["python"]
    function: Name
    """Its qualified name. Where it is found is no part of a plan: reading one never leads to code."""
    arguments: tuple[Argument, ...] = Field(default=(), max_length=MAX_ARGUMENTS)
    to: VariableName
    source: Source | None = None


class PythonUserRequest(Part):
    """What a coroutine of Python may send, as its text has it."""

    name: Name
    """Requests of one scenario with the same name are counted together."""
    method: Method


class PythonUser(Part):
    """
    Have a coroutine of Python do what a virtual user does, in a process of its own; the engine sends its requests. That
    it came to its end is counted as a check; where it raises, the iteration has failed.
    """

    type: Literal["python_user"]
    function: Name
    """Its qualified name. Where it is found is no part of a plan: reading one never leads to code."""
    host: Name
    """A key of the plan's `hosts`: all of its requests go there."""
    arguments: tuple[Argument, ...] = Field(default=(), max_length=MAX_ARGUMENTS)
    requests: tuple[PythonUserRequest, ...] = Field(min_length=1, max_length=MAX_STEPS)
    """By the numbers under which it sends them, from 0."""
    checks: tuple[Name, ...] = Field(default=(), max_length=MAX_STEPS)
    """By the numbers under which it counts them, from 0."""
    source: Source | None = None


class Check(Part):
    """Count whether something holds. A check never changes what a virtual user does."""

    type: Literal["check"]
    name: Name
    condition: Expression
    source: Source | None = None


class When(Part):
    """Do something only where a condition holds, and something else where not."""

    type: Literal["when"]
    condition: Expression
    steps: "tuple[Step, ...]" = Field(default=(), max_length=MAX_STEPS)
    otherwise: "tuple[Step, ...]" = Field(default=(), max_length=MAX_STEPS)
    source: Source | None = None


class Repeat(Part):
    """Do something several times."""

    type: Literal["repeat"]
    times: Expression
    """A whole number from 0 to 1,000,000, worked out once."""
    steps: "tuple[Step, ...]" = Field(min_length=1, max_length=MAX_STEPS)
    source: Source | None = None


class Group(Part):
    """Do something that is counted and timed as a whole, without the pauses in it."""

    type: Literal["group"]
    name: Name
    """Groups of one scenario with the same name are counted together. No request has it."""
    steps: "tuple[Step, ...]" = Field(min_length=1, max_length=MAX_STEPS)
    source: Source | None = None


class Leave(Part):
    """Go on behind the `repeat` that it stands in, the innermost."""

    type: Literal["leave"]
    source: Source | None = None


class End(Part):
    """The iteration is over, and all of it was as it should be unless something has failed."""

    type: Literal["end"]
    source: Source | None = None


class Case(Part):
    """One way to go; `weight` says how often, against the other cases."""

    weight: Annotated[int, Strict(), Field(ge=1, le=1_000_000)] = 1
    steps: "tuple[Step, ...]" = Field(min_length=1, max_length=MAX_STEPS)


class Pick(Part):
    """Go one of several ways: drawn `by: weight`, or each in its turn, as often as its weight says."""

    type: Literal["pick"]
    by: Literal["weight", "turn"] = "weight"
    cases: tuple[Case, ...] = Field(min_length=1, max_length=MAX_STEPS)
    source: Source | None = None


Step = Annotated[
    Request
    | Think
    | Pace
    | Pick
    | Extract
    | Feed
    | Set
    | Python
    | PythonUser
    | Check
    | When
    | Repeat
    | Group
    | Leave
    | End,
    Field(discriminator="type"),
]
for _holder in (Case, When, Repeat, Group):
    _holder.model_rebuild()


def inside(step: Step) -> Iterator[tuple[Step, ...]]:
    """The lists of steps that a step holds, in order."""
    if isinstance(step, Pick):
        yield from (case.steps for case in step.cases)
    elif isinstance(step, When):
        yield from (step.steps, step.otherwise)
    elif isinstance(step, Repeat | Group):
        yield step.steps
