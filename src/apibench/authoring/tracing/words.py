"""The words of a scenario beside its requests: blocks, pauses, and checks."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from apibench.authoring.tracing import trace
from apibench.authoring.tracing.arguments import a_word, of_words
from apibench.authoring.tracing.late import Late, known, read
from apibench.authoring.tracing.loads import read_duration
from apibench.authoring.tracing.trouble import here
from apibench.model.errors import UnitInvalid

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Between:
    """Anything from one to the other, both included, all equally likely."""

    low: Any
    high: Any


@a_word
def between(low: Any, high: Any) -> Between:
    """
    Anything from one to the other, both included, all equally likely, drawn anew each time that the load comes by: how
    often `repeat(between(2, 6))`, with whole numbers, known or late; how long `think(between("1s", "3s"))`.
    """
    return Between(low, high)


@a_word
@contextmanager
def when(condition: Any) -> Iterator[None]:
    """
    Do what follows only where a condition holds:

        with when(order.status == 409):
            u.post("/retry")
    """
    running = trace.current()
    step = running.add({"type": "when", "condition": read(condition), "steps": [], "otherwise": []})
    with running.block() as steps:
        yield
    step["steps"] = steps


@a_word
@contextmanager
def otherwise() -> Iterator[None]:
    """
    Do what follows where the condition of the `when` right before did not hold, or had no value:

        with when(order.status == 409):
            u.post("/retry")
        with otherwise():
            u.get(f"/orders/{order.json['id']}")
    """
    running = trace.current()
    before = running.steps[-1] if running.steps else {}
    if before.get("type") != "when" or before["otherwise"]:
        raise trace.refused("AB140", "no `when` stands right before it", "Put it behind the block that it belongs to.")
    with running.block() as steps:
        yield
    before["otherwise"] = steps


@a_word
def repeat(times: Any) -> Iterator[None]:
    """
    Do what follows several times, from 0 to 1,000,000; how often is known before the load runs, late, or drawn by
    `between`:

        for _ in repeat(between(2, 6)):
            u.get("/products")
    """
    running = trace.current()
    if isinstance(times, Between):
        arguments = [read(times.low), read(times.high)]
        count: Document = {"type": "call", "function": "random_integer", "arguments": arguments}
    else:
        count = read(times)
    step = running.add({"type": "repeat", "times": count, "steps": []})
    with running.block() as steps:
        try:
            yield
        except GeneratorExit:
            running.refuse("AB106")
            raise
    step["steps"] = steps


@a_word
def each(values: Any) -> Iterator[Late]:
    """
    Do what follows with each item of a late array, one after the other:

        for item in each(page.json["items"]):
            u.get(f"/products/{item['id']}")
    """
    running, given = trace.current(), read(values)
    array = running.drawn("items", given)
    # By itself, for its check has its name: where there are no items, that is what is told to have failed.
    known = given["name"] if given["type"] == "variable" else "items"
    length = running.drawn(f"length_of_{known}", _call("length", array))
    number, item = running.name("number"), running.name("item")
    at: Document = {"type": "variable", "name": number}
    running.add({"type": "set", "to": number, "value": {"type": "constant", "value": 0}})
    step = running.add({"type": "repeat", "times": length, "steps": []})
    with running.block() as steps:
        running.add({"type": "set", "to": item, "value": _call("member", array, at)})
        running.add({"type": "set", "to": number, "value": _call("add", at, {"type": "constant", "value": 1})})
        try:
            yield Late(lambda: {"type": "variable", "name": item})
        except GeneratorExit:
            running.refuse("AB106")
            raise
    step["steps"] = steps


@a_word
@contextmanager
def group(name: str) -> Iterator[None]:
    """
    Count and time what follows as a whole, without the pauses in it:

        with group("checkout"):
            u.post("/orders")
            u.post("/payments")
    """
    running = trace.current()
    step = running.add({"type": "group", "name": known(name, "group"), "steps": []})
    spot = here()
    with running.block(lasts=True) as steps:
        yield
    if not steps:
        raise running.refuse("AB140", "no step stands in a group", "Put one into it, or leave it out.", spot)
    step["steps"] = steps


@a_word
def leave_loop() -> None:
    """
    Go on behind the loop, the innermost `repeat` or `each`:

        for _ in repeat(5):
            page = u.get("/items")
            with when(page.json["next"].is_null()):
                leave_loop()
    """
    trace.current().add({"type": "leave"})


def _call(function: str, *arguments: Document) -> Document:
    return {"type": "call", "function": function, "arguments": list(arguments)}


@of_words
class Picking:
    """The cases of a `pick`."""

    def __init__(self, step: Document, block: list[Document]) -> None:
        """`block`: where its cases stand."""
        self._step = step
        self._block = block

    @contextmanager
    def weight(self, weight: int, name: str = "") -> Iterator[None]:
        """One of the cases: how often, a whole number from 1, against the others; `name` is for readers."""
        if type(weight) is not int or weight < 1:
            raise trace.refused("AB140", "a weight is a whole number from 1", f"Write:  with p.weight(7, {name!r}):")
        if trace.current().steps is not self._block:
            # A `pick` within another has taken its name, or the case hangs on a condition that nobody would look at.
            remedy = "Put it right into its own, and call one within another otherwise:  with pick() as inner:"
            raise trace.refused("AB140", "a case does not stand right in its `pick`", remedy)
        spot = here()
        with trace.current().block() as steps:
            yield
        if not steps:
            remedy = 'Put one into it, like think("0s"), or leave it out.'
            raise trace.current().refuse("AB140", "no step stands in a case", remedy, spot)
        self._step["cases"].append({"weight": weight, "steps": steps})


@a_word
@contextmanager
def pick(by: Literal["weight", "turn"] = "weight") -> Iterator[Picking]:
    """
    Do one of several things, drawn by weight or each in its turn:

        with pick() as p:
            with p.weight(7, "browse"):
                u.get("/products")
            with p.weight(1, "buy"):
                u.post("/orders")
    """
    step = trace.current().add({"type": "pick", "by": by, "cases": []})
    with trace.current().block() as steps:
        yield Picking(step, steps)
    if steps:
        raise trace.refused("AB140", "a step stands in a `pick` and in none of its cases", "Put it into a `weight`.")


@a_word
def think(pause: str | Between) -> None:
    """Pause, as a person would: `think("500ms")`, `think(between("1s", "3s"))`. Up to 30 days."""
    if isinstance(pause, Between):
        uniform = {"min_ns": _duration(pause.low), "max_ns": _duration(pause.high)}
        trace.current().add({"type": "think", "uniform": uniform})
    else:
        trace.current().add({"type": "think", "constant_ns": _duration(pause)})


@a_word
def pace(period: str) -> None:
    """
    Wait until so long after the iteration began: as the last step, `pace("10s")` has each user begin one every 10 s. No
    wait where so much time has passed.
    """
    trace.current().add({"type": "pace", "period_ns": _duration(period)})


@a_word
def check(condition: Any, name: str) -> None:
    """
    Count whether a condition holds, under a name: `check(item.json["price_cents"] > 0, "has a price")`. A condition
    without a value has not held. It changes nothing else: use `expect` to have a request fail.
    """
    trace.current().add({"type": "check", "name": known(name, "check"), "condition": read(condition)})


def _duration(text: Any) -> int:
    try:
        return read_duration(text)
    except UnitInvalid as error:
        raise trace.refused("AB140", error.message, error.hint) from error
