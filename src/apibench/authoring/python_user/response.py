"""An answer, as a user of Python has it."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any


class RequestFailed(Exception):
    """
    No answer came to a request of a user of Python, or not all of one. `error` is its name in results, like
    `tcp.refused` or `timeout.first_byte`.
    """

    def __init__(self, error: str) -> None:
        """`error`: its name in results."""
        super().__init__(f"no answer: {error}")
        self.error = error


class ResponseHeaders(Mapping[str, str]):
    """Headers by name in any case; of several of one name the first."""

    def __init__(self, head: bytes) -> None:
        """`head`: as it came."""
        fields = (line.split(":", 1) for line in head.decode("latin-1").split("\n")[1:] if ":" in line)
        self._fields = [(name.lower(), value.strip()) for name, value in fields]
        self._first = dict(reversed(self._fields))

    def __getitem__(self, name: str) -> str:
        return self._first[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._first)

    def __len__(self) -> int:
        return len(self._first)

    def all(self, name: str) -> list[str]:
        """All values of a name, in their order."""
        return [value for own, value in self._fields if own == name.lower()]


_UNREAD: Any = object()
_decoder = json.JSONDecoder()
_scan: Callable[[str, int], tuple[Any, int]] = _decoder.scan_once  # type: ignore[attr-defined]


class PythonResponse:
    """An answer to a request of a user of Python."""

    __slots__ = ("_body", "_head", "_json", "failure", "seconds", "status")

    status: int
    """The status, a whole number."""
    failure: str | None
    """Why it counts as failed, like `http.4xx` or `expect.failed`; None if it does not."""
    seconds: float
    """Its service time: from its first byte sent to the last byte of the answer read."""

    def __init__(self, status: int, failure: str | None, seconds: float, head: bytes, body: bytes | None) -> None:
        """`head`: as it came. `body`: None where it can't be had."""
        self.status = status
        self.failure = failure
        self.seconds = seconds
        self._head = head
        self._body = body
        self._json = _UNREAD

    def __repr__(self) -> str:
        return f"<PythonResponse {self.status}{f' {self.failure}' if self.failure else ''}>"

    @property
    def ok(self) -> bool:
        """Whether it does not count as failed."""
        return self.failure is None

    @property
    def headers(self) -> ResponseHeaders:
        """Its headers, by name in any case."""
        return ResponseHeaders(self._head)

    @property
    def body(self) -> bytes:
        """
        The body, decoded where it came compressed. Raises ValueError for one longer than 1 MiB, and for one that is not
        coded as its head says.
        """
        if self._body is None:
            message = "the body is longer than 1 MiB, or not coded as its head says"
            raise ValueError(message)
        return self._body

    @property
    def text(self) -> str:
        """The body as text. Raises ValueError for what is no UTF-8."""
        return self.body.decode()

    @property
    def json(self) -> Any:
        """The body read as JSON, once. Raises ValueError for what is none."""
        if self._json is _UNREAD:
            self._json = _read(self.body.decode())
        return self._json


def _read(text: str) -> Any:
    """JSON, for which Python's own way looks three times for white space around it."""
    try:
        value, end = _scan(text, 0)
    except StopIteration:
        return _decoder.decode(text)
    return value if not text[end:].strip(" \t\n\r") else _decoder.decode(text)
