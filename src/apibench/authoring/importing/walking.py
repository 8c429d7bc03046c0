"""All values of a scenario's steps, in the order in which they come by."""

from apibench.authoring.importing.journey import (
    Assign,
    Check,
    Each,
    Group,
    Pick,
    Repeat,
    Request,
    SetHeader,
    Step,
    When,
)
from apibench.authoring.importing.values import Value


class Walk:
    """Goes through steps, and puts what it is told in place of their values and variables."""

    def value(self, value: Value) -> Value:
        """What is to stand there for a value."""
        raise NotImplementedError

    def variable(self, name: str) -> str:
        """What a variable that is set there is to be called."""
        raise NotImplementedError

    def assign(self, step: Assign) -> None:
        """Go through one."""
        step.value = self.value(step.value)
        step.name = self.variable(step.name)

    def steps(self, steps: list[Step]) -> None:
        """Go through them."""
        for step in steps:
            match step:
                case Request():
                    self._request(step)
                case Assign():
                    self.assign(step)
                case SetHeader(_, value):
                    step.value = self.value(value)
                case Check(condition, _):
                    step.condition = self.value(condition)
                case Repeat(times, inner):
                    step.times = self.value(times)
                    self.steps(inner)
                case Each(name, values, inner):
                    step.values = self.value(values)
                    step.name = self.variable(name)
                    self.steps(inner)
                case Group(_, inner):
                    self.steps(inner)
                case When(condition, inner, otherwise):
                    step.condition = self.value(condition)
                    self.steps(inner)
                    self.steps(otherwise)
                case Pick(cases):
                    for case in cases:
                        self.steps(case.steps)
                case _:
                    pass

    def _request(self, request: Request) -> None:
        request.path = self.value(request.path)
        request.query = [(name, self.value(value)) for name, value in request.query]
        request.headers = [(name, self.value(value)) for name, value in request.headers]
        request.json = None if request.json is None else self.value(request.json)
        request.data = None if request.data is None else self.value(request.data)
        if request.answer:
            request.answer = self.variable(request.answer)
