"""What is set before the iterations and used in them is kept in the user: `u.token`."""

from apibench.authoring.importing.journey import Behaviour
from apibench.authoring.importing.values import Named, Value, parts_of, replaced
from apibench.authoring.importing.walking import Walk

_OF_USERS = ("delete", "end", "get", "head", "headers", "options", "patch", "post", "put", "request", "var")


def keep(scenario: Behaviour) -> None:
    """Move such variables into the user, wherever they stand."""
    first, used = _Seen(), _Seen()
    first.steps(scenario.starting)
    used.steps(scenario.steps)
    used.steps(scenario.stopping)
    lasting = first.set & used.asked
    renaming = _Renaming({name: f"u.{name}_value" if name in _OF_USERS else f"u.{name}" for name in lasting})
    for steps in scenario.parts() if lasting else ():
        renaming.steps(steps)


class _Seen(Walk):
    """The variables that are set and asked for."""

    def __init__(self) -> None:
        self.set: set[str] = set()
        self.asked: set[str] = set()

    def value(self, value: Value) -> Value:
        self.asked |= {each.name for each in parts_of(value) if isinstance(each, Named)}
        return value

    def variable(self, name: str) -> str:
        self.set.add(name)
        return name


class _Renaming(Walk):
    """Other names for variables."""

    def __init__(self, names: dict[str, str]) -> None:
        self._names = names

    def value(self, value: Value) -> Value:
        return replaced(value, self._renamed)

    def variable(self, name: str) -> str:
        return self._names.get(name, name)

    def _renamed(self, value: Value) -> Value | None:
        known = self._names.get(value.name) if isinstance(value, Named) else None
        return None if known is None else Named(known)
