"""A variable holds in the scenario that sets it: what another one asks for is read from the environment, and told."""

from apibench.authoring.importing.journey import (
    Assign,
    Behaviour,
    Check,
    Journey,
    Pick,
    Repeat,
    Request,
    SetHeader,
    Step,
    When,
)
from apibench.authoring.importing.values import Named, Value, environment, parts_of, replaced

_OURS = frozenset(("rand", "environ", "quote", "u", "between", "status"))


class Scope:
    """The variables of one scenario, in the order of its steps."""

    def __init__(self, scenario: Behaviour, journey: Journey) -> None:
        self._scenario = scenario
        self._journey = journey
        self._known: set[str] = set()

    def settle(self) -> None:
        """Put something else in place of every variable that is not set before it is used."""
        self._steps(self._scenario.steps)

    def _steps(self, steps: list[Step]) -> None:
        for step in steps:
            match step:
                case Request():
                    self._request(step)
                case Assign(name, value):
                    step.value = self._value(value)
                    self._known.add(name)
                case SetHeader(_, value):
                    step.value = self._value(value)
                case Check(condition, _):
                    step.condition = self._value(condition)
                case Repeat(times, inner):
                    step.times = self._value(times)
                    self._steps(inner)
                case When(condition, inner, otherwise):
                    step.condition = self._value(condition)
                    self._steps(inner)
                    self._steps(otherwise)
                case Pick(cases):
                    for case in cases:
                        self._steps(case.steps)
                case _:
                    pass

    def _request(self, request: Request) -> None:
        request.path = self._value(request.path)
        request.query = [(name, self._value(value)) for name, value in request.query]
        request.headers = [(name, self._value(value)) for name, value in request.headers]
        request.json = None if request.json is None else self._value(request.json)
        request.data = None if request.data is None else self._value(request.data)
        if request.answer:
            self._known.add(request.answer)

    def _value(self, value: Value) -> Value:
        names = {each.name for each in parts_of(value) if isinstance(each, Named)}
        unknown = {name for name in names if name.partition(".")[0] not in _OURS | self._known}
        if not unknown:
            return value
        for name in sorted(unknown):
            told = f"'{name}' is set elsewhere, after it or for another host"
            self._journey.leave(self._scenario.name, f"{told}: it is read from APIBENCH_VARIABLE_{name.upper()}")
        return replaced(value, lambda each: _read(each) if isinstance(each, Named) and each.name in unknown else None)


def _read(variable: Named) -> Value:
    return environment(f"VARIABLE_{variable.name.upper()}")
