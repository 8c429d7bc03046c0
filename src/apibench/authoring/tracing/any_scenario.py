"""What scenarios of both kinds say of themselves: where their requests go, how much, and what is done once."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, overload

from apibench.authoring.tracing.arguments import of_words
from apibench.authoring.tracing.errands import Errands, Function
from apibench.authoring.tracing.loads import Stage
from apibench.authoring.tracing.trouble import Spot, not_traceable
from apibench.model.callee import Callee

Document = dict[str, Any]


@of_words
@dataclass(frozen=True, slots=True, kw_only=True)
class AnyScenario(ABC):
    """A function that says what a virtual user does, and how many or how often."""

    function: Callable[..., object]
    name: str
    base_url: str
    load: str | Sequence[Stage]
    duration: str | None
    iterations: int | str | None
    thresholds: Sequence[str]
    cookies: Literal["keep", "iteration", "off"]
    spot: Spot
    start: str
    after: "AnyScenario | None"
    errands: Errands = field(default_factory=Errands)

    @overload
    def setup(self, function: Function) -> Function: ...
    @overload
    def setup(self, *, timeout: str = "60s") -> Callable[[Function], Function]: ...
    def setup(self, function: Function | None = None, *, timeout: str = "60s") -> Any:
        """
        Has something done once in a run, by one virtual user, before any load of it begins, on however many machines:

            @shopper.setup
            def prepare(u):
                login = u.post("/login", json={"user": "admin"})
                return {"token": login.json["token"]}

        What it returns is the same for all virtual users of the run: `u.shared["token"]`. If something in it fails, a
        check too, there is no load. `timeout`: how long it may take.
        """
        return self.errands.setup.add(function, timeout, self.spot)

    @overload
    def teardown(self, function: Function) -> Function: ...
    @overload
    def teardown(self, *, timeout: str = "60s") -> Callable[[Function], Function]: ...
    def teardown(self, function: Function | None = None, *, timeout: str = "60s") -> Any:
        """
        Has something done once in a run behind its load, however that has ended; `u.shared` is what set-up has handed
        over. `timeout`: how long it may take.
        """
        return self.errands.teardown.add(function, timeout, self.spot)

    @property
    def once(self) -> list[Callable[..., object]]:
        """The functions that are done once in a run."""
        return [each.function for each in (*self.errands.setup.errands, *self.errands.teardown.errands)]

    @property
    def traced(self) -> list[Callable[..., object]]:
        """All functions that are run when it is loaded."""
        return self.once

    @property
    def defaults(self) -> Document:
        """What its requests have unless they say otherwise, as the plan has it."""
        return {"cookies": self.cookies}

    @abstractmethod
    def steps(
        self,
        host: str,
        feeders: dict[str, Document],
        callees: dict[str, Callee],
        shared: Collection[str] = (),
    ) -> dict[str, list[Document]]:
        """
        Its steps, as the plan has them, by the words under which they stand; what rows come from is added to `feeders`,
        and what is called to `callees`. `shared`: what set-up hands over.

        Raises NotTraceable.
        """


def list_of_text(word: str, given: Any, spot: Spot) -> Sequence[str]:
    """What is given under a word of a scenario. Raises NotTraceable where it is something else."""
    if isinstance(given, list | tuple) and all(isinstance(each, str) for each in given):
        return given
    message, remedy = f"{word} is a list of text, and not {given!r}", f'Write:  {word}=["p99 < 200ms"]'
    raise not_traceable("AB140", spot, message, remedy)


def check_texts(spot: Spot, **words: Any) -> None:
    """Raises NotTraceable for a word of a scenario that is no text."""
    for word, text in words.items():
        if not isinstance(text, str):
            raise not_traceable("AB140", spot, f"{word} is text, and not {text!r}", f'Write:  {word}="..."')
