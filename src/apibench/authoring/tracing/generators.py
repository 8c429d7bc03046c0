"""The words of a scenario for values that nobody has written down: random ones, the time of day, counters."""

from datetime import date
from typing import Any, Literal

from apibench.authoring.tracing import trace
from apibench.authoring.tracing.arguments import a_word, of_words
from apibench.authoring.tracing.late import Document, Late, read
from apibench.model.function import MAX_COUNTER_NAME
from apibench.model.moment import is_offset, moment_of

_COUNTERS = {"run": "counter", "vu": "vu_counter"}


@of_words
class Random:
    """Random values, drawn where they are written, once in each iteration that comes by; they follow from the seed."""

    def int(self, low: Any, high: Any) -> Late:
        """A whole number from `low` to `high`, both included, all equally likely; known or late, of 64 bits."""
        return _made("number", "random_integer", low, high)

    def choice(self, *values: Any) -> Late:
        """One of these values, known or late, all equally likely; up to 1,000."""
        return _made("choice", "random_choice", *values)

    def text(self, length: Any) -> Late:
        """So many letters and digits, A to Z, a to z and 0 to 9; up to 1,048,576."""
        return _made("text", "random_text", length)

    def uuid(self) -> Late:
        """A UUID of version 4, as text in small letters."""
        return _made("uuid", "random_uuid")

    def first_name(self) -> Late:
        """A person's first name."""
        return _made("first_name", "random_first_name")

    def last_name(self) -> Late:
        """A person's last name."""
        return _made("last_name", "random_last_name")

    def name(self) -> Late:
        """Both: `Nora Keller`."""
        return _made("name", "random_name")

    def email(self) -> Late:
        """An address at a domain that is reserved for examples: `nora.keller4821@example.org`."""
        return _made("email", "random_email")

    def street(self) -> Late:
        """With a number: `12 Maple Avenue`."""
        return _made("street", "random_street")

    def city(self) -> Late:
        """A town."""
        return _made("city", "random_city")

    def postcode(self) -> Late:
        """Five digits."""
        return _made("postcode", "random_postcode")

    def country(self) -> Late:
        """A country's name in English."""
        return _made("country", "random_country")

    def phone(self) -> Late:
        """A telephone number as E.164 writes it, which is nobody's: `+12025550143`."""
        return _made("phone", "random_phone")

    def company(self) -> Late:
        """A company's name: `Keller Ltd`."""
        return _made("company", "random_company")

    def seconds(self, start: Any, end: Any) -> Late:
        """
        A moment from one to another, both included, in whole seconds since 1970.

        `rand.seconds("2024-01-01", "2024-12-31T23:59:59Z")`, or `rand.seconds(now.seconds("-30d"), now.seconds())`.
        """
        return _between("seconds", "random_seconds", start, end)

    def milliseconds(self, start: Any, end: Any) -> Late:
        """Likewise, in whole milliseconds."""
        return _between("milliseconds", "random_milliseconds", start, end)

    def iso(self, start: Any, end: Any) -> Late:
        """Likewise, as ISO 8601 in UTC: `2024-08-30T12:36:00.000Z`."""
        return _between("time", "random_iso", start, end)

    def date(self, start: Any, end: Any) -> Late:
        """A day from one to another, both included: `rand.date("1950-01-01", "2005-12-31")`."""
        return _between("date", "random_date", start, end)


rand = Random()


@of_words
class Now:
    """
    The time of day where it is written, by the clock of the machine that makes the load.

    `offset` is how much later: whole seconds, or a text like `"90s"`, `"-1d"`, `"1h30m"`.
    """

    def seconds(self, offset: Any = None) -> Late:
        """Whole seconds since 1970."""
        return _later("seconds", "now_seconds", offset)

    def milliseconds(self, offset: Any = None) -> Late:
        """Whole milliseconds since 1970."""
        return _later("milliseconds", "now_milliseconds", offset)

    def iso(self, offset: Any = None) -> Late:
        """ISO 8601 in UTC: `2015-08-30T12:36:00.000Z`."""
        return _later("time", "now_iso", offset)

    def date(self, offset: Any = None) -> Late:
        """The day in UTC: `2015-08-30`."""
        return _later("date", "now_date", offset)


now = Now()


@of_words
class Counter:
    """Whole numbers, one after the other."""

    def __init__(self, name: str, function: str, start: int) -> None:
        """`function`: of the engine, which counts from 1."""
        self._name = name
        self._function = function
        self._start = start

    def next(self) -> Late:
        """The next number, for this iteration. Called twice, it is two numbers."""
        count: Document = {
            "type": "call",
            "function": self._function,
            "arguments": [{"type": "constant", "value": self._name}],
        }
        if self._start != 1:
            offset = {"type": "constant", "value": self._start - 1}
            count = {"type": "call", "function": "add", "arguments": [count, offset]}
        variable = trace.current().drawn(self._name, count)
        return Late(lambda: variable)


@a_word
def counter(name: str, *, start: int = 1, per: Literal["run", "vu"] = "run") -> Counter:
    """
    Counts:

        orders = counter("orders")      # beside the scenario's function
        number = orders.next()          # in it

    Args:
        name: counters of one name are one counter, in all scenarios of a file.
        start: the first number.
        per: `run`: no number comes twice, on however many threads and workers; which iteration has which is not
            settled, and there are gaps where a worker is lost. `vu`: each virtual user counts for itself.

    Raises NotTraceable: the name is no text of 1 to 100 letters, or the start no whole number.
    """
    if type(name) is not str or not 0 < len(name) <= MAX_COUNTER_NAME:
        message = f"a counter's name is text of 1 to {MAX_COUNTER_NAME} letters, and not {name!r}"
        raise trace.refused("AB140", message, 'Write:  orders = counter("orders")')
    if type(start) is not int:
        raise trace.refused("AB140", f"a counter starts at a whole number, and not at {start!r}", "Write:  start=1000")
    if per not in _COUNTERS:
        raise trace.refused("AB140", f"nobody counts per {per!r}", 'Write:  per="run"  or  per="vu"')
    return Counter(name, _COUNTERS[per], start)


def _between(wanted: str, function: str, start: Any, end: Any) -> Late:
    for moment in (start, end):
        if isinstance(moment, date):
            # A plan is made once, and holds for ever.
            remedy = f'Write it as text:  "{moment.isoformat()}"'
            raise trace.refused("AB140", f"a moment is text or late, and not {moment!r}", remedy)
        if isinstance(moment, str) and read(moment)["type"] == "constant" and moment_of(moment) is None:
            remedy = 'Write it like "2024-12-31" or "2024-12-31T23:59:59Z".'
            raise trace.refused("AB140", f"'{moment}' is no moment", remedy)
    return _made(wanted, function, start, end)


def _later(wanted: str, function: str, offset: Any) -> Late:
    if offset is None:
        return _made(wanted, function)
    if isinstance(offset, str) and read(offset)["type"] == "constant" and not is_offset(offset):
        raise trace.refused("AB140", f"'{offset}' is no span of time", 'Write it like "90s", "-1d" or "1h30m".')
    return _made(wanted, function, offset)


def _made(wanted: str, function: str, *arguments: Any) -> Late:
    expression = {"type": "call", "function": function, "arguments": [read(each) for each in arguments]}
    variable = trace.current().drawn(wanted, expression)
    return Late(lambda: variable)
