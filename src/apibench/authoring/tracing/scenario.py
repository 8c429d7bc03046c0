"""A scenario in Python: a function under `@scenario`, run twice when it is loaded, and never while the load runs."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from apibench.authoring.tracing import trace
from apibench.authoring.tracing.arguments import a_word, of_words
from apibench.authoring.tracing.loads import Stage
from apibench.authoring.tracing.trouble import Spot, here, not_traceable, spot_of
from apibench.authoring.tracing.user import User
from apibench.model.errors import NotTraceable

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

    def on_start(self, function: Callable[[User], object]) -> Callable[[User], object]:
        """
        Has each virtual user of a closed load do something once, before its first iteration:

            @shopper.on_start
            def log_in(u):
                login = u.post("/login", json={"user": "ann"})
                u.headers["Authorization"] = f"Bearer {login.json['token']}"

        Its headers hold for all that follows, as does what is kept in the user: `u.token = login.json["token"]`.
        """
        self.starting.append(function)
        return function

    def on_stop(self, function: Callable[[User], object]) -> Callable[[User], object]:
        """
        Has each virtual user of a closed load do something once, behind its last iteration; not behind a stop:

            @shopper.on_stop
            def log_out(u):
                u.post("/logout")
        """
        self.stopping.append(function)
        return function

    def steps(self, host: str, feeders: dict[str, Document]) -> dict[str, list[Document]]:
        """
        Its steps, as the plan has them, by the words under which they stand; what rows come from is added to `feeders`.

        Raises NotTraceable.
        """
        first, second = (self._traced(host, feeders) for _ in range(2))
        for word, steps in first.items():
            if steps != second[word]:
                raise not_traceable("AB110", _difference(steps, second[word]) or self.spot)
        return first

    def _traced(self, host: str, feeders: dict[str, Document]) -> dict[str, list[Document]]:
        user, found = User(host), dict[str, list[Document]]()
        parts = (("on_start", self.starting), ("steps", [self.function]), ("on_stop", self.stopping))
        with trace.tracing(feeders) as running:
            for word, functions in parts:
                with running.part(lasts=word == "on_start") as found[word]:
                    for function in functions:
                        self._run(function, user, running)
            if running.trouble is None:
                running.end([step for steps in found.values() for step in steps])
            if running.trouble is not None:
                raise running.trouble
            return found

    def _run(self, function: Callable[[User], object], user: User, running: trace.Trace) -> None:
        try:
            result = function(user)
        except NotTraceable:
            # Kept by the trace, whether the function has caught it or not.
            return
        except (Exception, SystemExit) as error:
            raise running.trouble or self._raised(error) from error
        if inspect.iscoroutine(result):
            result.close()
        if inspect.iscoroutine(result) or inspect.isgenerator(result) or inspect.isasyncgen(result):
            remedy = "Write:  def, without async and yield."
            raise not_traceable("AB140", self.spot, "a scenario is a plain function", remedy)

    def _raised(self, error: BaseException) -> NotTraceable:
        spot, frame = self.spot, error.__traceback__
        while frame is not None:
            if frame.tb_frame.f_code.co_filename == self.spot.file:
                spot = Spot(self.spot.file, frame.tb_lineno, 1, 1)
            frame = frame.tb_next
        message = f"{type(error).__name__} while the scenario was loaded: {error}"
        return not_traceable("AB150", spot, message, "Mend the function; it is run once to see what it does.")


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


def _difference(first: Any, second: Any) -> Spot | None:
    """The first step in which two traces differ."""
    if isinstance(first, list) and isinstance(second, list):
        for one, other in zip(first, second, strict=False):
            if one != other:
                return _difference(one, other)
        return _difference((first or second)[-1], None) if len(first) != len(second) else None
    if not isinstance(first, dict) or "source" not in first:
        return None
    for word in ("steps", "otherwise", "cases"):
        inner = _difference(first.get(word), second.get(word)) if isinstance(second, dict) else None
        if inner is not None:
            return inner
    return spot_of(first["source"])
