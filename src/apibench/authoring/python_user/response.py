"""An answer, as a user of Python has it."""

import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any


class RequestFailed(Exception):
    """
    No answer came to a request of a user of Python, or not all of one. `error` is its name in results, like
    `tcp.refused` or `timeout.first_byte`.
    """

    def __init__(self, error: str) -> None:
        """`error`: its name in results."""
        super().__init__(f"the request has failed: {error}")
        self.error = error


class ResponseHeaders(Mapping[str, str]):
    """Headers by name in any case; of several of one name the first."""

    def __init__(self, head: bytes) -> None:
        """`head`: as it came."""
        lines = head.decode("latin-1").split("\n")[1:]
        fields = (line.split(":", 1) for line in lines if ":" in line)
        self._fields = [(name.strip().lower(), value.strip()) for name, value in fields]
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


class PythonResponse:
    """An answer to a request of a user of Python."""

    def __init__(self, status: int, failure: str, time_ns: int, head: bytes, body: bytes | None) -> None:
        """`failure`: empty if it has not failed. `body`: None where it can't be had."""
        self.status = status
        """The status, a whole number."""
        self.failure = failure or None
        """Why it counts as failed, like `http.4xx` or `expect.failed`; None if it does not."""
        self.seconds = time_ns / 1e9
        """Its service time: from its first byte sent to the last byte of the answer read."""
        self._head = head
        self._body = body

    def __repr__(self) -> str:
        return f"<PythonResponse {self.status}{f' {self.failure}' if self.failure else ''}>"

    @property
    def ok(self) -> bool:
        """Whether it does not count as failed."""
        return self.failure is None

    @property
    def body(self) -> bytes:
        """The body, decoded where it came compressed. Raises ValueError for one longer than 1 MiB, or that is not coded as it says."""
        if self._body is None:
            message = "the body is longer than 1 MiB, or not coded as its head says"
            raise ValueError(message)
        return self._body

    @cached_property
    def headers(self) -> ResponseHeaders:
        """Its headers, by name in any case."""
        return ResponseHeaders(self._head)

    @cached_property
    def text(self) -> str:
        """The body as text. Raises UnicodeDecodeError for what is no UTF-8."""
        return self.body.decode()

    @cached_property
    def json(self) -> Any:
        """The body read as JSON. Raises ValueError for what is none."""
        return json.loads(self.body)
