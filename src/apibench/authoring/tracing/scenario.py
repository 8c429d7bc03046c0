"""A scenario in Python: a function under `@scenario`, run twice when it is loaded, and never while the load runs."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, overload

from apibench.authoring.tracing import trace
from apibench.authoring.tracing.arguments import a_word, of_words
from apibench.authoring.tracing.errands import Errands, Function
from apibench.authoring.tracing.loads import Stage
from apibench.authoring.tracing.running import difference, run_function
from apibench.authoring.tracing.trouble import Spot, here, not_traceable
from apibench.authoring.tracing.user import User
from apibench.model.callee import Callee

Document = dict[str, Any]


@of_words
@dataclass(frozen=True, slots=True)
class Scenario:
    """
    What a virtual user does, and how many or how often: a function under `@scenario`. `apibench.run(shopper)` and
    `apibench run FILE.py:shopper` make its load.
    """

    function: Callable[[User], object]
    name: str
    base_url: str
    load: str | Sequence[Stage]
    duration: str | None
    iterations: int | str | None
    thresholds: Sequence[str]
    on_fail: Literal["end_iteration", "continue"]
    cookies: Literal["keep", "iteration", "off"]
    spot: Spot
    start: str
    after: "Scenario | None"
    starting: list[Callable[[User], object]] = field(default_factory=list)
    stopping: list[Callable[[User], object]] = field(default_factory=list)
    errands: Errands = field(default_factory=Errands)

    def on_start(self, function: Callable[[User], object]) -> Callable[[User], object]:
        """
        Has each virtual user do something once, before its first iteration:

            @shopper.on_start
            def log_in(u):
                login = u.post("/login", json={"user": "ann"})
                u.headers["Authorization"] = f"Bearer {login.json['token']}"

        Its headers hold for all that follows, as does what is kept in the user: `u.token = login.json["token"]`. In an
        open load users are made as arrivals need them, and the arrival waits meanwhile.
        """
        self.starting.append(function)
        return function

    def on_stop(self, function: Callable[[User], object]) -> Callable[[User], object]:
        """
        Has each virtual user do something once, behind its last iteration; not behind a stop:

            @shopper.on_stop
            def log_out(u):
                u.post("/logout")
        """
        self.stopping.append(function)
        return function

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
        first, second = (self._traced(host, feeders, callees, shared) for _ in range(2))
        for word, steps in first.items():
            if steps != second[word]:
                raise not_traceable("AB110", difference(steps, second[word]) or self.spot)
        return first

    def _traced(
        self, host: str, feeders: dict[str, Document], callees: dict[str, Callee], shared: Collection[str]
    ) -> dict[str, list[Document]]:
        user, found = User(host), dict[str, list[Document]]()
        parts = (("on_start", self.starting), ("steps", [self.function]), ("on_stop", self.stopping))
        with trace.tracing(feeders, callees, shared) as running:
            for word, functions in parts:
                with running.part(lasts=word == "on_start") as found[word]:
                    for function in functions:
                        run_function(function, user, running, self.spot)
            if running.trouble is None:
                running.end([step for steps in found.values() for step in steps])
            if running.trouble is not None:
                raise running.trouble
            return found


@a_word
def scenario(  # noqa: PLR0913 - what a scenario is
    *,
    base_url: str,
    load: str | Sequence[Stage] = "1 vu",
    duration: str | None = None,
    iterations: int | str | None = None,
    thresholds: Sequence[str] = (),
    slo: Sequence[str] = (),
    name: str = "",
    on_fail: Literal["end_iteration", "continue"] = "end_iteration",
    cookies: Literal["keep", "iteration", "off"] = "keep",
    start: str = "0s",
    after: Scenario | None = None,
) -> Callable[[Callable[[User], object]], Scenario]:
    """
    Makes a scenario of a function that takes a virtual user:

        @scenario(base_url="http://127.0.0.1:8089", load="200/s", duration="1m", thresholds=["p99 < 200ms"])
        def shopper(u):
            page = u.get("/products")
            u.get(f"/products/{page.json['items'].random()['id']}")

    The function is run twice when it is loaded, and never while the load runs: what it does with late values is
    written down.

    Args:
        base_url: where its requests go: `"https://shop.example"`.
        load: `"50 vus"` (closed model), `"200/s"` (open model), or stages: `[ramp("200/s", over="1m"), hold("5m")]`.
        duration: how long, where the load is no list of stages: `"30s"`, `"1h30m"`. Whoever runs it may say it instead.
        iterations: after how many iterations it ends, if before that: `1000`, `"10k"`.
        thresholds: what the run must hold: `"p99 < 200ms"`, `"errors < 1%"`, `"p95 of 'GET /products/{id}' < 150ms"`,
            `"checks > 99%"`; with `for 10s` in each window of so long, with `abort` the run ends where one does not.
        slo: another word for `thresholds`.
        name: in results; the function's own unless told.
        on_fail: what a failed request, or a value that is not there, does to its iteration.
        cookies: `keep`: what responses set is sent by their user from then on; `iteration`: to the end of its
            iteration; `off`: never.
        start: when it begins, after the start of the run: `"30s"`.
        after: another scenario of the run, behind whose planned end it begins; `start` counts from there.

    Raises NotTraceable for an argument that it does not take; what the function does wrong is told when it is loaded.
    """
    spot = here()
    for word, text in (("base_url", base_url), ("name", name)):
        if not isinstance(text, str):
            raise not_traceable("AB140", spot, f"{word} is text, and not {text!r}", f'Write:  {word}="..."')
    given = (*_list_of_text("thresholds", thresholds, spot), *_list_of_text("slo", slo, spot))

    def made(function: Callable[[User], object]) -> Scenario:
        known = name or function.__name__
        return Scenario(
            function, known, base_url, load, duration, iterations, given, on_fail, cookies, spot, start, after
        )

    return made


def _list_of_text(word: str, given: Any, spot: Spot) -> Sequence[str]:
    if isinstance(given, list | tuple) and all(isinstance(each, str) for each in given):
        return given
    message, remedy = f"{word} is a list of text, and not {given!r}", f'Write:  {word}=["p99 < 200ms"]'
    raise not_traceable("AB140", spot, message, remedy)
