"""What an input comes to: scenarios in the words of ours, and what of it was not converted, each with its place."""

import re
from dataclasses import dataclass, field

from apibench.authoring.importing.values import Known, Value

_OTHERS = re.compile(r"[^A-Za-z0-9]+")


@dataclass(slots=True)
class Request:
    """A request. `place` is where in the input it stands."""

    method: str
    path: Value
    place: str = ""
    query: list[tuple[str, Value]] = field(default_factory=list)
    """Pairs that are not percent-encoded yet; what is encoded stands in the path."""
    headers: list[tuple[str, Value]] = field(default_factory=list)
    json: Value | None = None
    data: Value | None = None
    expect: tuple[str | int, ...] = ()
    """Statuses that are ok; empty: every one below 400."""
    name: str = ""
    answer: str = ""
    """The variable that holds its answer; empty where nobody uses it."""


@dataclass(slots=True)
class Pause:
    """A pause of any length from one to the other."""

    low_ns: int
    high_ns: int


@dataclass(slots=True)
class Pace:
    """Until so long after the iteration began."""

    period_ns: int


@dataclass(slots=True)
class Assign:
    """A variable."""

    name: str
    value: Value


@dataclass(slots=True)
class SetHeader:
    """A header of all requests from there on."""

    name: str
    value: Value


@dataclass(slots=True)
class Check:
    """A check."""

    condition: Value
    name: str


@dataclass(slots=True)
class Comment:
    """A line for readers."""

    text: str


@dataclass(slots=True)
class Case:
    """One way of a `Pick`."""

    weight: int
    name: str
    steps: "list[Step]"


@dataclass(slots=True)
class Pick:
    """One of several ways."""

    cases: list[Case]


@dataclass(slots=True)
class Repeat:
    """Several times."""

    times: Value
    steps: "list[Step]"


@dataclass(slots=True)
class Each:
    """With each item of an array; `name` is the variable that holds it."""

    name: str
    values: Value
    steps: "list[Step]"


@dataclass(slots=True)
class Group:
    """Counted and timed as a whole."""

    name: str
    steps: "list[Step]"


@dataclass(slots=True)
class Leave:
    """Out of the loop that it stands in."""


@dataclass(slots=True)
class End:
    """The end of the iteration."""


@dataclass(slots=True)
class When:
    """Only where a condition holds."""

    condition: Value
    steps: "list[Step]"
    otherwise: "list[Step]" = field(default_factory=list)


Step = Request | Pause | Pace | Assign | SetHeader | Check | Comment | Pick | Repeat | Each | Group | Leave | End | When


@dataclass(slots=True)
class Stage:
    """A stage of a load; without a level it stays where it is."""

    level: str
    length: str


@dataclass(slots=True)
class Behaviour:
    """A scenario to be written. The load is one user for a while, unless the input says another: flags change it."""

    name: str
    base_url: str
    steps: list[Step] = field(default_factory=list)
    starting: list[Step] = field(default_factory=list)
    """What each virtual user does once, before its iterations."""
    stopping: list[Step] = field(default_factory=list)
    """The same behind its last."""
    load: str | list[Stage] = "1 vu"
    duration: str = "10s"
    iterations: int | None = None
    thresholds: list[str] = field(default_factory=list)
    goes_on: bool = False
    """Whether an iteration goes on behind a failed request."""
    cookies: str = ""
    """How long they are kept; empty: as long as their user acts."""

    def parts(self) -> "tuple[list[Step], list[Step], list[Step]]":
        """All of its steps, in the order in which they come by."""
        return self.starting, self.steps, self.stopping


@dataclass(frozen=True, slots=True)
class Left:
    """Something that was not converted, or not quite, and where it stands in the input."""

    place: str
    what: str

    def __str__(self) -> str:
        return f"{self.place}: {self.what}" if self.place else self.what


@dataclass(slots=True)
class Journey:
    """All that an input comes to."""

    kind: str
    source: str
    scenarios: list[Behaviour] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)
    secrets: dict[str, str] = field(default_factory=dict)
    """Names that secrets of the input were given, by their values."""
    known_secrets: dict[str, str] = field(default_factory=dict)
    """Values that the input says are secret, used or not, with what it calls them."""

    made_up: bool = False
    """Whether its values are nobody's, so that none of them is secret."""

    def secret(self, wanted: str, value: str) -> str:
        """What a secret is called: the same for the same value."""
        if value not in self.secrets:
            called = self.known_secrets.get(value, wanted)
            first = (_OTHERS.sub("_", called).strip("_").upper() or "SECRET")[:50]
            first = name = first if not first[0].isdigit() else f"SECRET_{first}"
            number = 1
            while name in self.secrets.values():
                number += 1
                name = f"{first}_{number}"
            self.secrets[value] = name
        return self.secrets[value]

    def leave(self, place: str, what: str) -> None:
        """Put down what was not converted, once."""
        line = Left(place, what)
        if line not in self.left:
            self.left.append(line)


def inner(step: Step) -> list[list[Step]]:
    """The lists of steps that a step holds, in order."""
    if isinstance(step, Pick):
        return [case.steps for case in step.cases]
    if isinstance(step, Repeat | Each | Group):
        return [step.steps]
    return [step.steps, step.otherwise] if isinstance(step, When) else []


def requests(steps: list[Step]) -> list[Request]:
    """All requests, in order."""
    found: list[Request] = []
    for step in steps:
        if isinstance(step, Request):
            found.append(step)
        for steps_inside in inner(step):
            found += requests(steps_inside)
    return found


def whole_text(value: Value | None) -> str | None:
    """The text, where it is one that is known."""
    return value.value if isinstance(value, Known) and isinstance(value.value, str) else None
