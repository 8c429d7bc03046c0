"""Values that can't stand within an f-string get a name of their own in front of it."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from apibench.authoring.importing.python_text import in_braces
from apibench.authoring.importing.values import (
    Called,
    Item,
    Joined,
    Listing,
    Mapping,
    Member,
    Named,
    Negated,
    Operation,
    Secret,
    Value,
    joined,
)


@dataclass(slots=True)
class Lifting:
    """Of one statement: what has to be said before it."""

    name: Callable[[], str]
    """A new one. Names that begin with `_` are of here alone."""
    before: list[tuple[str, Value]] = field(default_factory=list)

    def lifted(self, value: Value) -> Value:
        """The same value, such that every text in it can be written."""
        match value:
            case Joined(parts):
                return joined(*(each if isinstance(each, str) else self._part(self.lifted(each)) for each in parts))
            case Listing(items):
                return Listing(tuple(self.lifted(each) for each in items))
            case Mapping(pairs):
                return Mapping(tuple((key, self.lifted(each)) for key, each in pairs))
            case Called(function, arguments, words):
                inside = Member(self.lifted(function.of), function.name) if isinstance(function, Member) else function
                named = tuple((word, self.lifted(each)) for word, each in words)
                return Called(inside, tuple(self.lifted(each) for each in arguments), named)
            case Member(of, _) | Negated(of):
                return replace(value, of=self.lifted(of))
            case Item(of, key):
                return Item(self.lifted(of), self.lifted(key))
            case Operation(left, sign, right):
                return Operation(self.lifted(left), sign, self.lifted(right))
            case _:
                return value

    def _part(self, value: Value) -> Value:
        if isinstance(value, Secret) or in_braces(value) is not None:
            return value
        name = self.name()
        self.before.append((name, value))
        return Named(name)
