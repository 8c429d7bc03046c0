"""Functions of Python that random scenarios have called, and what a call comes to, as docs/scenarios.md says it."""

import json
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tests.unit.differential.values import NothingThereError, Value, as_json, of_json

from apibench.assembly.python_process import SHARED_BYTES, serve
from apibench.engine.seam import PythonProcess

_NO_LIMIT = 2**62


def measured(value: Any) -> int:
    """Raises for whatever has no length."""
    return len(value)


def joined(*values: Any) -> str:
    return "-".join(map(str, values))


def held(value: Any) -> bool:
    return bool(value)


def wrapped(value: Any, name: str) -> dict[str, Any]:
    """Raises for a text that is empty."""
    return {"id": 1 // len(str(name)), "name": name, "items": [value, {"id": value}]}


def handed_back(value: Any) -> Any:
    return value


FUNCTIONS = {each.__name__: each for each in (measured, joined, held, wrapped, handed_back)}


def called(function: str, values: Sequence[Value]) -> Value:
    """What a call comes to, through JSON there and back. Raises NothingThereError where it fails."""
    given = [json.loads(as_json(each)) for each in values]
    try:
        made = FUNCTIONS[function](*given)
        text = json.dumps(made, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        text.encode()
    except (TypeError, ValueError, ArithmeticError):
        raise NothingThereError from None
    if type(made) is int and not -(2**63) <= made < 2**63:
        raise NothingThereError
    return of_json(text)


@contextmanager
def answering_calls(names: Sequence[str]) -> Iterator[list[PythonProcess]]:
    """What calls them for a load of one thread: the loop of such a process, in a thread of this one."""
    if not names:
        yield []
        return
    functions = [FUNCTIONS[name.rpartition(".")[2]] for name in names]
    own, other = socket.socketpair()
    own.setblocking(False)  # noqa: FBT003 - its only parameter
    cells = memoryview(bytearray(SHARED_BYTES)).cast("Q")
    thread = threading.Thread(target=serve, args=([other], functions, cells, _NO_LIMIT))
    thread.start()
    try:
        yield [PythonProcess(1, (own.fileno(),))]
    finally:
        # The load has a copy of its own. When that is closed too, the loop ends.
        own.close()
        thread.join()
