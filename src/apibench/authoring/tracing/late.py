"""
Late values: they stand for what is known only while the load runs, and write expressions down instead of working them
out.

The one invariant: no late value ever becomes a plausible text, number or truth. Whatever Python would do with the value
itself is refused; what is left makes another late value.
"""

from collections.abc import Callable, Iterator
from typing import Any, Never

from apibench.authoring.tracing import trace
from apibench.authoring.tracing.arguments import of_words

Document = dict[str, Any]


@of_words
class Late:
    """
    A value that is known only while the load runs: text, a whole number or one with a fraction, true or false, null, or
    JSON of these.

    It is compared with `==`, `!=`, `<`, `<=`, `>` and `>=`, and conditions are joined with `&`, `|` and `~`, each in
    brackets: `(r.status == 409) | (r.status == 503)`. `+`, `-`, `*`, `/` and `%` work out numbers, of 64 bits where
    they are whole; `+` puts text together, as f-strings do. `x["id"]` is a member of JSON, `x[0]` an item, `x[n]` that
    at a late place.

    What it can't be (a number out of text, a member that is not there) it is not: the check of the step that needs it
    fails by name, and nothing is sent half filled. Whatever Python would do with the value itself raises NotTraceable.
    """

    __slots__ = ("expression",)

    def __init__(self, expression: Callable[[], Document]) -> None:
        """`expression` tells it in the plan's form, once it is needed."""
        self.expression = expression

    def __eq__(self, other: object) -> "Late":  # type: ignore[override]
        return call("equal", self, other)

    def __ne__(self, other: object) -> "Late":  # type: ignore[override]
        return call("not_equal", self, other)

    def __lt__(self, other: Any) -> "Late":
        return call("less", self, other)

    def __le__(self, other: Any) -> "Late":
        return call("less_or_equal", self, other)

    def __gt__(self, other: Any) -> "Late":
        return call("greater", self, other)

    def __ge__(self, other: Any) -> "Late":
        return call("greater_or_equal", self, other)

    def __and__(self, other: Any) -> "Late":
        return call("and", self, other)

    def __or__(self, other: Any) -> "Late":
        return call("or", self, other)

    def __invert__(self) -> "Late":
        return call("not", self)

    def __add__(self, other: Any) -> "Late":
        return call("concat" if isinstance(other, str) else "add", self, other)

    def __radd__(self, other: Any) -> "Late":
        return call("concat" if isinstance(other, str) else "add", other, self)

    def __sub__(self, other: Any) -> "Late":
        return call("subtract", self, other)

    def __rsub__(self, other: Any) -> "Late":
        return call("subtract", other, self)

    def __mul__(self, other: Any) -> "Late":
        return call("multiply", self, other)

    def __rmul__(self, other: Any) -> "Late":
        return call("multiply", other, self)

    def __truediv__(self, other: Any) -> "Late":
        return call("divide", self, other)

    def __rtruediv__(self, other: Any) -> "Late":
        return call("divide", other, self)

    def __mod__(self, other: Any) -> "Late":
        return call("remainder", self, other)

    def __getitem__(self, key: Any) -> "Late":
        if isinstance(key, slice):
            raise trace.refused("AB140", "a late value cannot be sliced", "Write:  value.slice(0, 3)")
        return call("member", self, key)

    def length(self) -> "Late":
        """Characters of a text, items of an array, members of an object: a whole number."""
        return call("length", self)

    def text(self) -> "Late":
        """It as text: a number as it is written, JSON as JSON."""
        return call("text", self)

    def int(self) -> "Late":
        """It as a whole number of 64 bits: the digits of a text, a fraction without what is behind its point."""
        return call("integer", self)

    def number(self) -> "Late":
        """It as a number: a text as JSON writes numbers."""
        return call("number", self)

    def lower(self) -> "Late":
        """A text in small letters."""
        return call("lower", self)

    def upper(self) -> "Late":
        """A text in capitals."""
        return call("upper", self)

    def strip(self) -> "Late":
        """A text without white space at its ends."""
        return call("strip", self)

    def slice(self, start: Any, end: Any) -> "Late":
        """The characters of a text from `start` up to before `end`, counted from 0; from its end if negative."""
        return call("slice", self, start, end)

    def replace(self, old: Any, new: Any) -> "Late":
        """A text, each `old` in it replaced by `new`."""
        return call("replace", self, old, new)

    def contains(self, text: Any) -> "Late":
        """Whether a text holds another."""
        return call("contains", self, text)

    def startswith(self, text: Any) -> "Late":
        """Whether a text begins with another."""
        return call("starts_with", self, text)

    def endswith(self, text: Any) -> "Late":
        """Whether a text ends with another."""
        return call("ends_with", self, text)

    def is_null(self) -> "Late":
        """Whether it is the null of JSON."""
        return call("is_null", self)

    def between(self, low: Any, high: Any) -> "Late":
        """Whether it lies from `low` to `high`, both included."""
        return call("and", self >= low, self <= high)

    def urlquote(self) -> "Late":
        """As text, percent-encoded, also where a path could hold it as it is: `/` becomes `%2F`."""
        return call("url_encoded", self)

    def base64(self) -> "Late":
        """Base64 of a text, with padding."""
        return call("base64_encoded", self)

    def base64url(self) -> "Late":
        """Base64 of a text in the alphabet of URLs, without padding."""
        return call("base64url_encoded", self)

    def from_base64(self) -> "Late":
        """The text that base64 stands for, in either alphabet, with padding or without."""
        return call("base64_decoded", self)

    def random(self) -> "Late":
        """One of the items of an array, all equally likely, drawn here, once in each iteration that comes by."""
        drawn = {"type": "call", "function": "random_item", "arguments": [read(self)]}
        variable = trace.current().drawn("item", drawn)
        return Late(lambda: variable)

    def __format__(self, form: str) -> str:
        if form:
            remedy = "Write the value without a format, like f'{x}'."
            raise trace.refused("AB105", f"a late value cannot be formatted with '{form}'", remedy)
        return trace.current().marked(read(self))

    def __bool__(self) -> Never:
        raise trace.refused("AB101")

    def __contains__(self, _item: object) -> Never:
        raise trace.refused("AB101", remedy="Write:  with when(value.contains(text)):")

    def __iter__(self) -> Iterator[Never]:
        raise trace.refused("AB102")

    def __len__(self) -> Never:
        raise trace.refused("AB103")

    def __int__(self) -> Never:
        raise trace.refused("AB103", remedy="Write:  value.int()")

    def __float__(self) -> Never:
        raise trace.refused("AB103", remedy="Write:  value.number()")

    def __index__(self) -> Never:
        raise trace.refused("AB103")

    def __hash__(self) -> Never:
        raise trace.refused("AB103", "a late value cannot be a key of a dictionary or a member of a set", "Use text.")

    def __str__(self) -> Never:
        raise trace.refused("AB104")

    def __repr__(self) -> str:
        # For debuggers and tracebacks, which must not fail. The mark has any text refused that gets it by `!r`.
        return f"<late value{trace.MARK}>"


class Json(Late):
    """A value inside of a response's JSON body: taken out of it once it is used."""

    __slots__ = ("_path", "_take")

    def __init__(self, take: Callable[[tuple[Any, ...]], Document], path: tuple[Any, ...] = ()) -> None:
        """`take` has the value at a path taken out, and tells what then stands for it."""
        super().__init__(lambda: take(path))
        self._take = take
        self._path = path

    def __getitem__(self, key: Any) -> Late:
        known = isinstance(key, str) or (isinstance(key, int) and not isinstance(key, bool) and key >= 0)
        if known and not (isinstance(key, str) and trace.current().has_marks(key)):
            return Json(self._take, (*self._path, key))
        return super().__getitem__(key)


@of_words
class Variable(Late):
    """
    What a virtual user remembers for the rest of an iteration, and changes: `total = u.var("total", 0)`. It is a late
    value wherever it stands.
    """

    __slots__ = ("_name",)

    def __init__(self, wanted: str, start: Any) -> None:
        """Sets it where it is written; `wanted`: what it is called in the plan, if nothing else is."""
        self._name = trace.current().name(wanted)
        super().__init__(lambda: trace.current().variable(self._name))
        self.set(start)

    def set(self, value: Any) -> None:
        """From here on it is this value, in this pass of a block and in those that follow: `total.set(total + 1)`."""
        trace.current().add({"type": "set", "to": self._name, "value": read(value)})


def read(value: Any) -> Document:
    """
    A value of a scenario as an expression of the plan: late values, texts with late parts, and constants.

    Raises NotTraceable for what a plan cannot hold.
    """
    if isinstance(value, Late):
        return value.expression()
    if isinstance(value, str):
        return trace.current().read_text(value)
    if value is None or isinstance(value, bool | int):
        return {"type": "constant", "value": value}
    if isinstance(value, float):
        remedy = "Compare parts: write x * 10 > 5 for x > 0.5."
        raise trace.refused("AB140", f"{value} is a fraction, and plans hold whole numbers", remedy)
    raise trace.refused("AB140", f"a {type(value).__name__} is no value that a plan can hold", "Use text or a number.")


def known(name: str, of: str) -> str:
    """A name, which is never late. Raises NotTraceable."""
    if isinstance(read(name).get("value"), str):
        return name
    raise trace.refused("AB140", f"the name of a {of} is text that is known", "Write the name itself.")


def call(function: str, *arguments: Any) -> Late:
    """What a function of the engine makes of values."""
    document = {"type": "call", "function": function, "arguments": [read(each) for each in arguments]}
    return Late(lambda: document)
