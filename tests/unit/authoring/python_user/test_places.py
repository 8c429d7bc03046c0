"""
The places that are read from a user's text are those that its code tells while it runs: each request is known there by
the number that it has in the plan.
"""

import asyncio
import itertools
import linecache
import sys
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from apibench.authoring.python_user.scenario import PythonScenario
from apibench.authoring.python_user.written import METHODS, written_requests

NUMBERS = itertools.count()
HEAD = """\
from apibench import python_user

class Keeper:
    def __init__(self, u):
        self.u = u

    async def send(self):
        return await self.u.get("/kept")

async def log_in(visitor):
    "ä"; return await visitor.post("/login")

async def browse(count, who=None):
    for _ in range(count): "€"; answer = await who.get(f"/browse/{count}")
    return answer

async def never(u):
    return await u.get("/never")

"""
DECORATOR = '@python_user(base_url="http://127.0.0.1:1", load="1 vu", iterations=1)\n'


class Answer:
    """Of anything there is some more."""

    def __getitem__(self, key: object) -> "Answer":
        return self

    def __getattr__(self, name: str) -> "Answer":
        return self

    def __str__(self) -> str:
        return "x"


class Teller:
    """A user that tells where it is asked, and for which name."""

    def __init__(self) -> None:
        self.asked: list[tuple[tuple[str, Any, Any, Any, Any], str, str]] = []

    def __getattr__(self, word: str) -> Any:
        if word not in (*METHODS, "request"):
            raise AttributeError(word)
        return lambda *given, **named: self._tell(word, given, named)

    async def _answer(self) -> Answer:
        return Answer()

    def _tell(self, word: str, given: tuple[Any, ...], named: dict[str, Any]) -> Any:
        frame = sys._getframe(2)
        place = list(frame.f_code.co_positions())[frame.f_lasti // 2]
        known = dict(zip(("method", "path"), given if word == "request" else (word.upper(), *given), strict=False))
        method, path = (known | named)["method"], (known | named)["path"]
        self.asked.append(((frame.f_code.co_filename, *place), method, path))
        return self._answer()


def load(text: str) -> PythonScenario:
    """The user in a text, as if that were a file."""
    name = f"/made up/{next(NUMBERS)}.py"
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    module: dict[str, Any] = {"__name__": "made_up"}
    exec(compile(text, name, "exec"), module)  # noqa: S102 - that is the test
    found: PythonScenario = module["buyer"]
    return found


def hold(text: str) -> list[str]:
    """The names of what it sends, in the order in which it does; each is held to its place."""
    scenario = load(text)
    written = written_requests(scenario)
    teller = Teller()
    asyncio.run(scenario.function(teller))
    names = []
    for place, method, path in teller.asked:
        assert place in written.places, text
        name, its_method = written.requests[written.places[place]]
        assert its_method == method, text
        # Late parts of paths are all `x`.
        assert name.partition("{")[0] == f"{method} {path}"[: len(name.partition("{")[0])], text
        names.append(name)
    assert set(names) == {name for name, _ in written.requests}, text
    return names


paths = st.integers(0, 9).map(lambda number: f"/{number}")
words = st.sampled_from(METHODS)
befores = st.sampled_from(["", "'ä'; ", "'€😀'; x = 1; ", 'f"{1}ß"; '])
FORMS = (
    '(await u.{word}("{path}"))',
    "(await u . {word} ('{path}', json={{'ü': 1}}))",
    '(await u.{word}(path="{path}"))',
    '(await u.{word}("{path}", **{{}}))',
    '(await u.{word}("{path}", *[]))',
    '(await u.request("PURGE", "{path}"))',
    '(await u.request(\n    method="PURGE",\n  path="{path}",\n))',
    '(await u.{word}(\n            "{path}",\n            params={{"ß": "€"}},\n        ))',
    '(await (u\n            .{word}(\n"{path}")))',
    '(await (u.\n            {word}("{path}")))',
    "(await log_in(u))",
    "(await browse(1, who=u))",
    "(await Keeper(u).send())",
    "(await nested())",
    '(await (lambda u: u.{word}("{path}"))(u))',
)
"""Expressions that send something and have its answer."""


@st.composite
def expressions(draw: st.DrawFn, depth: int = 2) -> str:
    path, word = draw(paths), draw(words)
    if depth == 0 or draw(st.booleans()):
        return draw(st.sampled_from(FORMS)).format(path=path, word=word)
    first, second = draw(expressions(depth - 1)), draw(expressions(depth - 1))
    ways = [
        f'(await u.{word}("{path}", json=[{first}, {second}]))',
        f"[{first}, {second}][0]",
        f"[{first} for _ in range(2)][0]",
        f"(({first}) and {second})",
    ]
    if not {"\n", '"', "\\"} & {*first}:
        ways.append(f"(await u.{word}(f\"{path}/{{{first}['id']}}\"))")
    return draw(st.sampled_from(ways))


@st.composite
def texts(draw: st.DrawFn) -> str:
    lines = [f"    {draw(befores)}answer = {draw(expressions())}" for _ in range(draw(st.integers(1, 4)))]
    lines += draw(st.lists(expressions().map(lambda each: f"    {each}; {each}"), max_size=2))
    nested = f'    async def nested():\n        return await u.{draw(words)}("/nested")\n'
    used = nested if any("nested()" in each for each in lines) else ""
    return f"{HEAD}{DECORATOR}async def buyer(u):\n{used}" + "\n".join(lines) + "\n"


@given(texts())
def test_a_request_stands_where_its_code_says(text: str) -> None:
    assert hold(text)
