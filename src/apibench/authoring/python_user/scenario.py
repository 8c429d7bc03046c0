"""Whole users in Python: a coroutine function under `@python_user`, which is run once in each iteration of the load."""

import inspect
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any, Literal, Never, ParamSpec, TypeVar

from apibench.authoring.python_user.written import written_requests
from apibench.authoring.tracing import trace
from apibench.authoring.tracing.any_scenario import AnyScenario, Document, check_texts, list_of_text
from apibench.authoring.tracing.arguments import a_word, of_words
from apibench.authoring.tracing.calls import callee_of_user
from apibench.authoring.tracing.data import DataFile
from apibench.authoring.tracing.loads import Stage
from apibench.authoring.tracing.trouble import Spot, here, not_traceable
from apibench.model.callee import Callee
from apibench.model.errors import NotTraceable
from apibench.model.suggestion import did_you_mean

_Given = ParamSpec("_Given")
_Made = TypeVar("_Made")
_Behaviour = Callable[..., Coroutine[Any, Any, object]]
_ONCE = 'if not hasattr(u, "token"):  and keep it there:  u.token = login.json["token"]'
_ELSEWHERE = {
    "on_start": ("a user does in its own code what it does first", f"Ask the user whether it has been done:  {_ONCE}"),
    "on_stop": (
        "a user in Python is not told which iteration is its last",
        "Do it at the end of each iteration, or once in a run under @shopper.teardown.",
    ),
    "on_fail": (
        "a failed request ends no iteration of a user in Python, whose code sees how it went",
        "Leave it out; to end the iteration, return, or raise an error.",
    ),
}
"""Words of other scenarios that users in Python have not, and what they have instead."""


@of_words
@dataclass(frozen=True, slots=True, kw_only=True)
class PythonScenario(AnyScenario):
    """What a virtual user does in Python, and how many or how often: a function under `@python_user`."""

    function: _Behaviour
    data: Mapping[str, DataFile]
    """What its rows are taken from, by the names of its parameters and in their order."""
    helpers: Sequence[Callable[..., object]]
    """Functions beside those of its file that send requests for it."""

    @property
    def rows(self) -> int:
        """How many of its arguments are rows; behind them come names and values of what set-up hands over."""
        return len(self.data)

    @property
    def on_start(self) -> Never:
        """Refused: it is told what to do instead."""
        raise _not_here("on_start", here())

    @property
    def on_stop(self) -> Never:
        """Refused likewise."""
        raise _not_here("on_stop", here())

    def steps(
        self,
        host: str,
        feeders: dict[str, Document],
        callees: dict[str, Callee],
        shared: Collection[str] = (),
    ) -> dict[str, list[Document]]:
        """Its steps: one for each row that it takes, and then itself. Raises NotTraceable."""
        written = written_requests(self)
        with trace.tracing(feeders, callees, shared) as running:
            arguments = [file.fed(name, self.spot) for name, file in self.data.items()]
            for name in shared:
                arguments += [{"type": "constant", "value": name}, {"type": "shared", "name": name}]
            step = {
                "type": "python_user",
                "function": running.callee(callee_of_user(self, self.function, self.spot)),
                "host": host,
                "arguments": arguments,
                "requests": [{"name": name, "method": method} for name, method in written.requests],
                "checks": list(written.checks),
            }
            running.add(step, self.spot)
        return {"steps": running.steps}


def _tells_elsewhere(word: Callable[_Given, _Made]) -> Callable[_Given, _Made]:
    """What it is called with and other scenarios have is answered with what to do instead."""

    @wraps(word)
    def called(*arguments: _Given.args, **words: _Given.kwargs) -> _Made:
        for each in _ELSEWHERE.keys() & words.keys():
            raise _not_here(each, here())
        return word(*arguments, **words)

    return called


@_tells_elsewhere
@a_word
def python_user(  # noqa: PLR0913 - what a scenario is
    *,
    base_url: str,
    load: str | Sequence[Stage] = "1 vu",
    duration: str | None = None,
    iterations: int | str | None = None,
    data: Mapping[str, DataFile] | None = None,
    helpers: Sequence[Callable[..., object]] = (),
    thresholds: Sequence[str] = (),
    slo: Sequence[str] = (),
    name: str = "",
    cookies: Literal["keep", "iteration", "off"] = "keep",
    start: str = "0s",
    after: AnyScenario | None = None,
) -> Callable[[_Behaviour], PythonScenario]:
    """
    Makes a scenario of a coroutine function, which is run while the load goes, once in each iteration:

        @python_user(base_url="https://shop.example", load="10 vus", duration="30s")
        async def shopper(u):
            page = await u.get("/products")
            for item in page.json["items"]:
                await u.get(f"/products/{item['id']}")
            u.check(len(page.json["items"]) > 0, "has products")

    All of Python may stand in it. That costs: a process of Python makes some thousands of requests a second, and
    `@scenario` many times as much. The engine sends the requests, and keeps connections, cookies and times.

    What requests are counted under is read from the text, before the load: method and path, of a part in braces its
    last name, like `GET /products/{id}`; or the text behind `name=`.

    Args:
        base_url: where its requests go: `"https://shop.example"`.
        load: `"50 vus"` (closed model), `"200/s"` (open model), or stages: `[ramp("200/s", over="1m"), hold("5m")]`.
        duration: how long, where the load is no list of stages: `"30s"`, `"1h30m"`. Whoever runs it may say it instead.
        iterations: after how many iterations it ends, if before that: `1000`, `"10k"`.
        data: files of rows, by the names of the function's parameters behind the user: `{"me": csv("users.csv")}`. Each
            iteration is given a row of each, a dictionary.
        helpers: functions of other files that it hands itself to, so that their requests have names, too. Each knows
            the user under its first parameter. Functions of its own file need not be named.
        thresholds: what the run must hold, as of `scenario`: `"p99 < 200ms"`, `"checks > 99%"`.
        slo: another word for `thresholds`.
        name: in results; the function's own unless told.
        cookies: `keep`: what responses set is sent by their user from then on; `iteration`: to the end of its
            iteration; `off`: never.
        start: when it begins, after the start of the run: `"30s"`.
        after: another scenario of the run, behind whose planned end it begins; `start` counts from there.

    Raises NotTraceable for an argument that it does not take, and for a function that is no coroutine function or takes
    other arguments.
    """
    spot = here()
    check_texts(spot, base_url=base_url, name=name)
    given = (*list_of_text("thresholds", thresholds, spot), *list_of_text("slo", slo, spot))
    files, functions = _files({} if data is None else data, spot), _functions(helpers, spot)

    def made(function: _Behaviour) -> PythonScenario:
        return PythonScenario(
            function=function,
            name=name or getattr(function, "__name__", ""),
            base_url=base_url,
            load=load,
            duration=duration,
            iterations=iterations,
            thresholds=given,
            cookies=cookies,
            spot=spot,
            start=start,
            after=after,
            data={each: files[each] for each in _parameters(function, files, spot)},
            helpers=functions,
        )

    return made


def _files(data: Any, spot: Spot) -> Mapping[str, DataFile]:
    remedy = 'Write:  data={"me": csv("users.csv")}'
    if not isinstance(data, Mapping):
        raise not_traceable("AB140", spot, f"data is files by name, and not {data!r}", remedy)
    for name, file in data.items():
        if not isinstance(name, str) or not isinstance(file, DataFile):
            raise not_traceable("AB140", spot, f"data has a file for each name, and not {name!r}: {file!r}", remedy)
    return data


def _functions(helpers: Any, spot: Spot) -> Sequence[Callable[..., object]]:
    remedy = "Write:  helpers=[log_in, browse]"
    if not isinstance(helpers, list | tuple):
        raise not_traceable("AB140", spot, f"helpers is a list of functions, and not {helpers!r}", remedy)
    for each in helpers:
        if not inspect.isfunction(inspect.unwrap(each)) or not inspect.signature(each).parameters:
            raise not_traceable("AB140", spot, f"a helper is a function that takes the user, and not {each!r}", remedy)
    return helpers


def _parameters(function: Any, files: Mapping[str, DataFile], spot: Spot) -> Sequence[str]:
    """Those that rows are given to, in their order. Raises NotTraceable for a function that can't be run so."""
    name = getattr(function, "__name__", "")
    written = f"async def {name or 'shopper'}({', '.join(('u', *files))}):"
    if inspect.isasyncgenfunction(function):
        message = f"`{name}` yields, and nobody would take what it does"
        raise not_traceable("AB171", spot, message, "Take the `yield` out of it.")
    if not inspect.iscoroutinefunction(function):
        told = f"`{name}`" if name else f"an object of {type(function).__name__}"
        remedy = f"Write:  {written}  and await its requests. Without async it is a function for @scenario."
        raise not_traceable("AB171", spot, f"{told} is no coroutine function", remedy)
    known = list(inspect.signature(function).parameters.values())
    plain = [each.name for each in known if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)]
    if not known or len(plain) < len(known):
        message = f"`{name}` takes the user and its rows one by one, and nothing else"
        raise not_traceable("AB171", spot, message, f"Write:  {written}")
    rows = plain[1:]
    for each in files:
        if each not in rows:
            message = f"`{name}` has no parameter `{each}` for the rows of that name"
            remedy = did_you_mean(each, rows) if rows else f"Write:  {written}"
            raise not_traceable("AB171", spot, message, remedy)
    for each in rows:
        if each not in files:
            remedy = f'Say what it is a row of:  data={{"{each}": csv("users.csv")}}'
            raise not_traceable("AB171", spot, f"nothing in `data` is called `{each}`, as a parameter is", remedy)
    return rows


def _not_here(word: str, spot: Spot) -> NotTraceable:
    message, remedy = _ELSEWHERE[word]
    return not_traceable("AB174", spot, message, remedy)
