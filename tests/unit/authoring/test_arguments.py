"""A word of scenarios that is called with what it does not take is refused at its line, with what was meant."""

import inspect
from pathlib import Path
from types import FunctionType

import pytest

import apibench
from apibench.authoring.any_plan import read_any_plan
from apibench.model.errors import NotTraceable

HEAD = """\
from apibench import *

users = csv("users.csv")

@scenario(base_url="http://127.0.0.1:1", load="1 vu", iterations=1)
def journey(u):
    r = u.get("/first")
"""


def refused(folder: Path, text: str) -> NotTraceable:
    (folder / "users.csv").write_text("name\nann\n")
    path = folder / "journey.py"
    path.write_text(text)
    with pytest.raises(NotTraceable) as caught:
        read_any_plan(str(path))
    return caught.value


@pytest.mark.parametrize(
    ("written", "says", "remedy"),
    [
        ("u.get('/a', header={})", "`get` takes no `header`", "Did you mean `headers`?"),
        (
            "u.post('/a', jsn={}, dta=1)",
            "`post` takes no `jsn` and no `dta`",
            "Did you mean `json`? Did you mean `data`?",
        ),
        ("u.request('GET', '/a', timeout=3)", "`request` takes no `timeout`", "Known here: `data`, `expect`"),
        ("u.get()", "`get` lacks `path`", "It takes: path."),
        ("csv('users.csv', ordr='random')", "`csv` takes no `ordr`", "Did you mean `order`?"),
        ("csv('users.csv', 'random', 'stop')", "too many positional arguments", "It takes: path, order, when_dry"),
        ("csv('users.csv', path='a')", "multiple values for argument 'path'", "It takes: path"),
        ("check(r.status == 200)", "`check` lacks `name`", "It takes: condition, name."),
        ("rand.int(1, hi=6)", "`int` takes no `hi`", "Did you mean `high`?"),
        ("rand.uuid(4)", "too many positional arguments", "It takes nothing."),
        ("r.regex('a', grup=1)", "`regex` takes no `grup`", "Did you mean `group`?"),
        ("r.json['a'].slice(1)", "`slice` lacks `end`", "It takes: start, end."),
        ("ramp('5/s')", "`ramp` lacks `over`", "It takes: level, over."),
        ("hold(length='5s', over='1s')", "`hold` takes no `over`", "Known here: `length`."),
        ("users.next(1)", "too many positional arguments", "It takes nothing."),
        ("with when(r.status == 200, 'ok'):\n        pass", "too many positional arguments", "It takes: condition."),
        ("with pick() as p, p.weight(wait=3):\n        pass", "`weight` takes no `wait`", "Did you mean `weight`?"),
        ("for _ in repeat(time=3):\n        pass", "`repeat` takes no `time`", "Did you mean `times`?"),
        ("crypto.sha256('a', 'hex', 'b')", "too many positional arguments", "It takes: text, form."),
    ],
)
def test_what_a_word_does_not_take_is_refused_at_its_line(written: str, says: str, remedy: str, tmp_path: Path) -> None:
    trouble = refused(tmp_path, f"{HEAD}    {written}\n")
    assert (trouble.kind, trouble.line) == ("AB150", len(HEAD.splitlines()) + 1)
    assert says in trouble.message
    assert remedy in trouble.hint
    assert written.splitlines()[0] in str(trouble)


@pytest.mark.parametrize(
    ("line", "wrong", "says"),
    [
        (3, HEAD.replace('"users.csv")', '"users.csv", colums=["name"])'), "Did you mean `columns`?"),
        (5, HEAD.replace("base_url=", "base_ulr="), "Did you mean `base_url`?"),
        (5, HEAD.replace('base_url="http://127.0.0.1:1", ', ""), "`scenario` lacks `base_url`"),
        (5, HEAD.replace('load="1 vu"', 'load=[ramp("1 vus", ovr="1s")]'), "Did you mean `over`?"),
    ],
)
def test_so_it_is_beside_the_function(line: int, wrong: str, says: str, tmp_path: Path) -> None:
    trouble = refused(tmp_path, wrong)
    assert (trouble.kind, trouble.line) == ("AB150", line)
    assert says in str(trouble)


def test_an_error_within_what_a_word_calls_is_none_of_the_call(tmp_path: Path) -> None:
    shaped = HEAD.replace('load="1 vu", iterations=1', 'load=shape(lambda at: at + "a", over="10s")')
    assert "TypeError when the load was asked for" in str(refused(tmp_path, shaped))
    trouble = refused(tmp_path, f"{HEAD}    def own(a):\n        pass\n    own(b=1)\n")
    assert "TypeError while the scenario was loaded" in str(trouble)


def test_every_public_word_of_scenarios_is_held_to_what_it_takes() -> None:
    known = [getattr(apibench, name) for name in apibench.__all__ if name != "__version__"]
    ours = [each for each in known if getattr(each, "__module__", "").startswith("apibench.authoring.tracing")]
    assert len(ours) > 20
    for each in ours:
        if isinstance(each, FunctionType):
            assert_refuses(each)
            continue
        kind = each if isinstance(each, type) else type(each)
        for name, method in inspect.getmembers(kind, inspect.isfunction):
            takes_any = any(one.kind is one.VAR_KEYWORD for one in inspect.signature(method).parameters.values())
            if not name.startswith("_") and not takes_any:
                assert_refuses(method)


def assert_refuses(function: FunctionType) -> None:
    with pytest.raises(NotTraceable, match=f"`{function.__name__}` takes no `not_taken`"):
        function(not_taken=1)
