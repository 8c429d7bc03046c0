"""Files of data: each `next()` is one row for the iteration, whose columns are late values."""

import csv as plain_csv
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, Never, get_args

from apibench.authoring.file_names import as_seen
from apibench.authoring.tracing import trace
from apibench.authoring.tracing.arguments import a_word, of_words
from apibench.authoring.tracing.late import Late, call
from apibench.authoring.tracing.trouble import Spot, here
from apibench.model.suggestion import did_you_mean

Document = dict[str, Any]
Order = Literal["sequential", "shuffle", "random", "unique"]
WhenDry = Literal["recycle", "stop", "fail"]
is_here = True
"""Whether files of data lie where they are named. They do not where a scenario is loaded only to have functions of it
called, on another machine than the one that has made the plan: nobody reads a row there."""
MAX_HEAD = 1024 * 1024
"""Characters of the line that names the columns."""


class Row:
    """
    What an iteration has got: its columns by name, `me.user` or `me["user name"]`, each a late value. Of CSV each is
    text, `me.count.int()` its number; of JSON Lines what the object has. A column that a file does not name raises
    NotTraceable.
    """

    def __init__(self, data: "DataFile", variable: Document) -> None:
        self._data = data
        self._whole = Late(lambda: variable)

    def __str__(self) -> Never:
        raise trace.refused("AB104", "a row has no text", 'Write the column that is wanted:  f"/{me.name}"')

    def __bool__(self) -> Never:
        message = "whether there is a row is known only while the load runs"
        raise trace.refused("AB101", message, 'Say what happens behind the last:  csv("users.csv", when_dry="stop")')

    def __getattr__(self, column: str) -> Late:
        if column.startswith("__"):
            raise AttributeError(column)
        return self[column]

    def __getitem__(self, column: str) -> Late:
        known = self._data.columns
        if known and column not in known:
            message = f"{self._data.path} has no column '{column}'"
            raise trace.refused("AB160", message, did_you_mean(column, known))
        return call("member", self._whole, column)


@of_words
class DataFile:
    """Rows that iterations take, in some order. The same file, named twice with the same words, is the same rows."""

    def __init__(self, path: str, columns: Sequence[str], feeder: Document) -> None:
        """`columns`: none where each row says it for itself."""
        self.path = path
        self.columns = tuple(columns)
        self.feeder = feeder

    def next(self) -> Row:
        """The next row, for this iteration, where it is written. Called twice, it is two rows."""
        return Row(self, self.fed())

    def fed(self, wanted: str = "", spot: Spot | None = None) -> Document:
        """
        The next row as an expression: a step takes it, into a variable that is called as `wanted`, or like the feeder.
        `spot`: where that is said, if not where it is written.
        """
        running = trace.current()
        name = running.feeder(Path(self.path).stem, self.feeder)
        variable = running.name(wanted or name)
        running.add({"type": "feed", "feeder": name, "to": variable}, spot)
        return {"type": "variable", "name": variable}


@a_word
def csv(
    path: str,
    order: Order = "sequential",
    *,
    when_dry: WhenDry | None = None,
    columns: Sequence[str] = (),
    delimiter: str = ",",
) -> DataFile:
    """
    A file of comma-separated values, of any size:

        users = csv("users.csv")    # beside the scenario's function
        me = users.next()           # in it

    Args:
        path: as seen from the file in which it is written. UTF-8, as RFC 4180 says; a row has at most 1 MiB.
        order: `sequential`; `shuffle`, each once before any comes again; `random`, any at any time; `unique`, each once
            at most in the whole run, on however many workers.
        when_dry: behind the last row: `recycle` begins again, `stop` ends who needs one, `fail` has its iteration fail.
            Unless told unique rows fail, and others come again.
        columns: what they are called, if the first line does not say it.
        delimiter: what stands between two fields, one sign of ASCII.

    Raises NotTraceable: there is no such file, its first line can't be read, or there is no such order. The rest of it
    is looked through before the first request, and all that is wrong with it told with its lines.
    """
    file = _found(path)
    if isinstance(columns, str):
        raise trace.refused("AB140", f"the columns are a list, and not {columns!r}", 'Write:  columns=["user", "city"]')
    feeder: Document = _feeder("csv", file, order, when_dry) | {"columns": list(columns), "delimiter": delimiter}
    return DataFile(file, columns or _head(file, delimiter), feeder)


@a_word
def jsonl(path: str, order: Order = "sequential", *, when_dry: WhenDry | None = None) -> DataFile:
    """
    A file with a JSON object in each line; `order` and `when_dry` are those of `csv`. `me.address["city"]` is a member
    of a member.
    """
    file = _found(path)
    return DataFile(file, (), _feeder("jsonl", file, order, when_dry))


def _feeder(kind: str, file: str, order: Order, when_dry: WhenDry | None) -> Document:
    """As a plan has it, and with its place, at which its faults are told."""
    _one_of("order", order, get_args(Order))
    feeder: Document = {"format": kind, "path": file, "order": order, "source": here().document()}
    if when_dry is not None:
        _one_of("when_dry", when_dry, get_args(WhenDry))
        feeder["when_dry"] = when_dry
    return feeder


def _one_of(argument: str, given: object, known: Sequence[str]) -> None:
    if not isinstance(given, str) or given not in known:
        raise trace.refused("AB140", f"there is no {argument} {given!r}", did_you_mean(f"{given}", known))


def _found(path: str) -> str:
    spot = here()
    if not isinstance(path, str | os.PathLike):
        raise trace.refused("AB140", f"a file's name is text, and not {path!r}", 'Write:  csv("users.csv")')
    file, here_from = Path(spot.file).parent / path, Path.cwd()
    if is_here and not file.is_file():
        message = f"there is no file {as_seen(str(file))}"
        raise trace.refused("AB140", message, "Name it as seen from the file of the scenario.")
    return str(file.relative_to(here_from) if file.is_relative_to(here_from) else file)


def _head(file: str, delimiter: str) -> Sequence[str]:
    """The names of the columns; the engine looks through the rest."""
    if not is_here:
        return ()
    try:
        with Path(file).open(encoding="utf-8-sig", newline="") as opened:
            return [name.strip() for name in next(plain_csv.reader(_bounded(opened), delimiter=delimiter), [])]
    except (OSError, UnicodeDecodeError, plain_csv.Error, TypeError) as error:
        message = f"the first line of {file} can't be read: {error}"
        remedy = 'Save it as UTF-8, with the names of its columns: "user,password".'
        raise trace.refused("AB140", message, remedy) from error


def _bounded(opened: Any) -> Iterator[str]:
    while line := opened.readline(MAX_HEAD):
        yield line
