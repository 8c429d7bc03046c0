"""A scenario in Python: a function under `@scenario`, run twice when it is loaded, and never while the load runs."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Literal

from apibench.authoring.tracing import trace
from apibench.authoring.tracing.any_scenario import AnyScenario, Document, check_texts, list_of_text
from apibench.authoring.tracing.arguments import a_word, of_words
from apibench.authoring.tracing.loads import Stage
from apibench.authoring.tracing.running import difference, run_function
from apibench.authoring.tracing.trouble import here, not_traceable
from apibench.authoring.tracing.user import User
from apibench.model.callee import Callee


@of_words
@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario(AnyScenario):
    """
    What a virtual user does, and how many or how often: a function under `@scenario`. `apibench.run(shopper)` and
    `apibench run FILE.py:shopper` make its load.
    """

    on_fail: Literal["end_iteration", "continue"]
    starting: list[Callable[[User], object]] = field(default_factory=list)
    stopping: list[Callable[[User], object]] = field(default_factory=list)

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

    @property
    def traced(self) -> list[Callable[..., object]]:
        """All functions that are run when it is loaded."""
        return [*self.starting, self.function, *self.stopping, *self.once]

    @property
    def defaults(self) -> Document:
        """What its requests have unless they say otherwise, as the plan has it."""
        return {"on_fail": self.on_fail, "cookies": self.cookies}

    def steps(
        self,
        host: str,
        feeders: dict[str, Document],
        callees: dict[str, Callee],
        shared: Collection[str] = (),
    ) -> dict[str, list[Document]]:
        """Its steps: what two readings of its functions have left, which are the same. Raises NotTraceable."""
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
    after: AnyScenario | None = None,
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
    check_texts(spot, base_url=base_url, name=name)
    given = (*list_of_text("thresholds", thresholds, spot), *list_of_text("slo", slo, spot))

    def made(function: Callable[[User], object]) -> Scenario:
        return Scenario(
            function=function,
            name=name or function.__name__,
            base_url=base_url,
            load=load,
            duration=duration,
            iterations=iterations,
            thresholds=given,
            on_fail=on_fail,
            cookies=cookies,
            spot=spot,
            start=start,
            after=after,
        )

    return made
