"""Which scenario a request belongs to: each host has one, since a scenario has one `base_url`."""

from apibench.authoring.importing.journey import Behaviour, Journey, Request, Step


class Hosts:
    """The scenarios of a journey by their hosts."""

    def __init__(self, journey: Journey, name: str) -> None:
        """`name`: of the first scenario; the others are called after their hosts."""
        self._journey = journey
        self._name = name
        self._known: dict[str, Behaviour] = {}
        self.last: Behaviour | None = None
        """The one that a request was added to last."""

    def of(self, origin: str) -> Behaviour:
        """The scenario of a host, made if there is none."""
        if origin not in self._known:
            name = self._name if not self._known else origin.partition("://")[2]
            self._known[origin] = Behaviour(name, origin)
            self._journey.scenarios.append(self._known[origin])
            if len(self._known) == 2:
                self._journey.leave("", "each host has a scenario of its own, and they run side by side")
        self.last = self._known[origin]
        return self.last

    def add(self, origin: str, *steps: Step | Request) -> None:
        """Add steps to the scenario of a host."""
        self.of(origin).steps += steps
