"""What scenarios of Python have done once in a run: functions like theirs, traced to its set-up and tear-down."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from apibench.authoring.tracing import trace
from apibench.authoring.tracing.late import known, read
from apibench.authoring.tracing.loads import read_duration
from apibench.authoring.tracing.running import difference, run_function
from apibench.authoring.tracing.trouble import Spot, here, not_traceable
from apibench.authoring.tracing.user import User
from apibench.model.errors import UnitInvalid

Document = dict[str, Any]
Function = TypeVar("Function", bound=Callable[[User], object])


@dataclass(frozen=True, slots=True)
class Errand:
    """A function, how long it may take, and where that was said."""

    function: Callable[[User], object]
    timeout_ns: int
    spot: Spot


class Kind:
    """The set-ups of a scenario, or its tear-downs."""

    def __init__(self) -> None:
        self.errands: list[Errand] = []

    def add(self, function: Any, timeout: str, spot: Spot) -> Any:
        """One more; without a function, what takes one. `spot`: of the scenario."""
        try:
            timeout_ns = read_duration(timeout)
        except UnitInvalid as error:
            raise not_traceable("AB140", here(), error.message, error.hint) from error

        def made(function: Any) -> Any:
            if not callable(function):
                message = f"a function is done once in a run, and no {type(function).__name__}"
                raise not_traceable("AB140", here(), message, "Write:  @shopper.setup  above a function.")
            self.errands.append(Errand(function, timeout_ns, spot))
            return function

        return made if function is None else made(function)


@dataclass(frozen=True, slots=True)
class Errands:
    """Of one scenario."""

    setup: Kind = field(default_factory=Kind)
    teardown: Kind = field(default_factory=Kind)


Hosted = tuple[str, Errand]
"""Of the plan's hosts, the one that its requests go to; and what is done."""


def traced_setup(errands: list[Hosted]) -> Document | None:
    """The set-up of a plan; None where there is none. Raises NotTraceable."""
    return _twice(errands, (), hands_over=True)


def traced_teardown(errands: list[Hosted], shared: Collection[str]) -> Document | None:
    """The tear-down of a plan, likewise. `shared`: what set-up hands over."""
    return _twice(errands, shared, hands_over=False)


def _twice(errands: list[Hosted], shared: Collection[str], *, hands_over: bool) -> Document | None:
    # Several scenarios may share one: it is done once in a run all the same.
    errands = list({(host, each.function): (host, each) for host, each in errands}.values())
    if not errands:
        return None
    first, second = (_traced(errands, shared, hands_over=hands_over) for _ in range(2))
    if first != second:
        spot = difference(first["steps"], second["steps"]) or errands[0][1].spot
        raise not_traceable("AB110", spot)
    return first


def _traced(errands: list[Hosted], shared: Collection[str], *, hands_over: bool) -> Document:
    feeders: dict[str, Document] = {}
    values: dict[str, Document] = {}
    steps: list[Document] = []
    # What is called in them is refused behind this, as rows of feeders are.
    with trace.tracing(feeders, {}, shared) as running:
        for host, errand in errands:
            with running.part(lasts=False) as said:
                returned = run_function(errand.function, User(host), running, errand.spot)
                if hands_over and running.trouble is None:
                    _hand_over(returned, values, running, errand.spot)
            steps += said
        if running.trouble is None:
            running.end(steps)
        if running.trouble is not None:
            raise running.trouble
    document: Document = {"steps": steps, "timeout_ns": sum(each.timeout_ns for _, each in errands)}
    return {**document, "values": values} if hands_over else document


def _hand_over(returned: object, values: dict[str, Document], running: trace.Trace, spot: Spot) -> None:
    """What a set-up has returned is handed over."""
    if returned is None:
        return
    if not isinstance(returned, Mapping):
        message = f"set-up returns values by name, and no {type(returned).__name__}"
        running.refuse("AB140", message, 'Write:  return {"token": login.json["token"]}', spot)
        return
    for name, value in returned.items():
        if not isinstance(name, str) or not name.isidentifier():
            message = f"a value is handed over under a name, and {name!r} is none"
            running.refuse("AB140", message, "Use letters, digits and underscores.", spot)
            return
        if name in values:
            message = f"two set-ups of this run hand over '{name}'"
            running.refuse("AB140", message, "Give each a name of its own.", spot)
            return
        if isinstance(value, Mapping | list | tuple):
            message = f"'{name}' is put together here, and a value is text, a number, or late"
            running.refuse("AB140", message, "Hand each of its parts over under a name of its own.", spot)
            return
        values[known(name, "shared value")] = read(value)
