"""A variable holds in the scenario that sets it: what another one asks for is read from the environment, and told."""

from apibench.authoring.importing.journey import Assign, Behaviour, Journey
from apibench.authoring.importing.values import Named, Value, environment, is_environment, parts_of, replaced
from apibench.authoring.importing.walking import Walk

_OURS = frozenset(("rand", "environ", "quote", "u", "between", "status"))


class Scope(Walk):
    """The variables of one scenario, in the order of its steps."""

    def __init__(self, scenario: Behaviour, journey: Journey) -> None:
        self._scenario = scenario
        self._journey = journey
        self._known: set[str] = set()
        self._instead: dict[str, Value] = {}
        """Variables that hold what is read from the environment: nothing can be taken out of that."""

    def settle(self) -> None:
        """Put something else in place of every variable that is not set before it is used."""
        self.steps(self._scenario.starting)
        lasting = set(self._known)
        self.steps(self._scenario.steps)
        self._known = lasting  # the iterations are over
        self.steps(self._scenario.stopping)

    def assign(self, step: Assign) -> None:
        """What is nothing but a variable of the environment stands for the variable itself."""
        super().assign(step)
        if is_environment(step.value):
            self._instead[step.name] = step.value

    def variable(self, name: str) -> str:
        """From here on it is known."""
        self._known.add(name)
        return name

    def value(self, value: Value) -> Value:
        """The same value, of known variables."""
        value = replaced(value, lambda each: self._instead.get(each.name) if isinstance(each, Named) else None)
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
