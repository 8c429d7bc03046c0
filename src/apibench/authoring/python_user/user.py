"""A virtual user whose iterations are Python: what a function under `@python_user` is given."""

import json as plain_json
import sys
from collections.abc import Awaitable, Mapping
from functools import lru_cache
from random import Random
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from apibench.authoring.python_user.line import Line
from apibench.authoring.python_user.messages import BODILESS, FAILED, RANGE, REQUEST, SLEEP
from apibench.authoring.python_user.response import PythonResponse, RequestFailed
from apibench.authoring.python_user.written import WrittenRequests
from apibench.authoring.tracing.user import Expectation
from apibench.authoring.tracing.words import Between
from apibench.model.http_text import MAX_HEADERS_TOTAL, MAX_PATH, header_name, is_one_line, is_path
from apibench.model.late_text import MAX_BODY
from apibench.model.suggestion import did_you_mean
from apibench.model.units import parse_duration

_encoded = plain_json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode

__all__ = ["PythonResponse", "PythonUser", "RequestFailed"]


class Place:
    """Where a request stands in the text, by the code that is run: looked up once."""

    def __init__(self, written: WrittenRequests) -> None:
        """`written`: what the file has."""
        self._written = written
        self._names = {name: number for number, (name, _) in enumerate(written.requests)}
        self._checks = {name: number for number, name in enumerate(written.checks)}
        self._known: dict[tuple[int, int], tuple[CodeType, int]] = {}

    def number(self, frame: FrameType, name: str) -> int:
        """Of the request that a frame calls for. Raises LookupError."""
        known = self._known.get((id(frame.f_code), frame.f_lasti))
        if known is not None:
            return known[1]
        code = frame.f_code
        position = list(code.co_positions())[frame.f_lasti // 2]
        line, end_line, column, end_column = (part or 0 for part in position)
        number = self._written.places.get((code.co_filename, line, end_line, column, end_column))
        if number is None:
            number = self._names.get(name)
        if number is None:
            message = (
                f"the request in line {line} of {code.co_filename} was not seen when the file was loaded: call it on `u` "
                f"itself, and give its function as helpers=[{code.co_name}]"
            )
            raise LookupError(message)
        # The code is held, so that no other one gets its number.
        self._known[id(code), frame.f_lasti] = code, number
        return number

    def check(self, name: str) -> int:
        """Of a check. Raises LookupError."""
        number = self._checks.get(name)
        if number is None:
            message = f"the check {name!r} was not seen when the file was loaded. {did_you_mean(name, list(self._checks))}"
            raise LookupError(message)
        return number


class PythonUser:
    """
    A virtual user whose iterations are Python. Its requests, its connections and cookies, and its clock are the engine's.
    What is to last from one iteration to the next is kept in it: `u.token = login.json["token"]`.
    """

    if TYPE_CHECKING:
        # Names of a scenario's own may be set on it.
        def __getattr__(self, name: str) -> Any: ...
        def __setattr__(self, name: str, value: Any) -> None: ...

    headers: dict[str, str]
    """What every further request sends, also of later iterations: `u.headers["Authorization"] = f"Bearer {token}"`."""

    def __init__(self, line: Line, place: Place) -> None:
        """Of one virtual user. `place`: where its requests stand."""
        self._line = line
        self._place = place
        self._seed = b""
        self._random: Random | None = None
        self.headers = {}
        self.shared: Mapping[str, Any] = {}
        """What set-up has handed over: `u.shared["token"]`."""

    def begin(self, seed: bytes, shared: Mapping[str, Any]) -> None:
        """An iteration begins."""
        self._seed, self._random, self.shared = seed, None, shared

    @property
    def random(self) -> Random:
        """Random values of the iteration, as `random.Random` makes them: the same in each run of the same seed."""
        if self._random is None:
            self._random = Random(self._seed)
        return self._random

    def get(self, path: str, **words: Any) -> Awaitable[PythonResponse]:
        """Send a GET; the words are those of `request`."""
        return self._send(self._place.number(sys._getframe(1), words.get("name", "")), path, words)

    def head(self, path: str, **words: Any) -> Awaitable[PythonResponse]:
        """Send a HEAD; the words are those of `request`."""
        return self._send(self._place.number(sys._getframe(1), words.get("name", "")), path, words)

    def post(self, path: str, **words: Any) -> Awaitable[PythonResponse]:
        """Send a POST; the words are those of `request`."""
        return self._send(self._place.number(sys._getframe(1), words.get("name", "")), path, words)

    def put(self, path: str, **words: Any) -> Awaitable[PythonResponse]:
        """Send a PUT; the words are those of `request`."""
        return self._send(self._place.number(sys._getframe(1), words.get("name", "")), path, words)

    def patch(self, path: str, **words: Any) -> Awaitable[PythonResponse]:
        """Send a PATCH; the words are those of `request`."""
        return self._send(self._place.number(sys._getframe(1), words.get("name", "")), path, words)

    def delete(self, path: str, **words: Any) -> Awaitable[PythonResponse]:
        """Send a DELETE; the words are those of `request`."""
        return self._send(self._place.number(sys._getframe(1), words.get("name", "")), path, words)

    def options(self, path: str, **words: Any) -> Awaitable[PythonResponse]:
        """Send an OPTIONS; the words are those of `request`."""
        return self._send(self._place.number(sys._getframe(1), words.get("name", "")), path, words)

    def request(self, method: str, path: str, **words: Any) -> Awaitable[PythonResponse]:
        """
        Send a request, and wait for its answer. One that is not ok counts as failed, and so does its iteration, which
        goes on all the same: look at `response.ok` or `response.status`.

        Args:
            method: GET, POST, …
            path: behind the scenario's `base_url`, from its `/` on, percent-encoded where it has to be.
            words: as below.

        - `params`: the query, by name, percent-encoded.
        - `headers`: beside and in place of those of the user.
        - `json`: the body as JSON. Sets `Content-Type`, if no header does.
        - `data`: the body as text or bytes, where it is not JSON; up to 8 MiB.
        - `expect`: which answers are ok, like `status("2xx", 404)`; every status below 400 unless told.
        - `name`: what it is counted under; method and path unless told, as they are written: `GET /products/{id}`.

        Raises RequestFailed where no answer came, and ValueError or TypeError for what can't be sent.
        """
        del method
        return self._send(self._place.number(sys._getframe(1), words.get("name", "")), path, words)

    def check(self, condition: object, name: str) -> None:
        """Count whether something holds, under a name: `u.check(item.json["price"] > 0, "has a price")`."""
        self._line.check(self._place.check(name), bool(condition))

    async def think(self, pause: "str | Between") -> None:
        """Pause, as a person would: `await u.think("500ms")`, `await u.think(between("1s", "3s"))`."""
        if isinstance(pause, Between):
            pause_ns = self.random.randint(_duration_ns(pause.low), _duration_ns(pause.high))
        else:
            pause_ns = _duration_ns(pause)
        await self._line.wish(SLEEP, pause_ns=pause_ns)

    async def _send(self, number: int, path: str, words: Mapping[str, Any]) -> PythonResponse:
        target, headers, expected, body = _read(path, self.headers, **words)
        news = await self._line.wish(
            REQUEST,
            flag=body is not None,
            number=number,
            expected=expected,
            target=target,
            headers=headers,
            body=body or b"",
        )
        if news.kind == FAILED:
            raise RequestFailed(news.failure)
        body = None if news.kind == BODILESS else news.body
        return PythonResponse(news.status, news.failure, news.time_ns, news.head, body)


def _read(  # noqa: PLR0913 - what a request has
    path: str,
    lasting: Mapping[str, str],
    *,
    params: Mapping[str, Any] | None = None,
    headers: Mapping[str, Any] | None = None,
    json: Any = None,
    data: str | bytes | None = None,
    expect: Expectation | None = None,
    name: str = "",
) -> tuple[bytes, bytes, bytes, bytes | None]:
    """Target, headers, expected statuses and body, as messages have them."""
    del name  # it was looked at when the file was loaded
    if params:
        path = f"{path}{'&' if '?' in path else '?'}{urlencode(params, quote_via=quote)}"
    if not path.startswith("/") or not is_path(path) or len(path) > MAX_PATH:
        message = f"{path[:80]!r} is no path: it begins with /, and is percent-encoded where it has to be"
        raise ValueError(message)
    body: bytes | None = None
    if json is not None and data is not None:
        message = "a request has a body of JSON or of data, and not both"
        raise TypeError(message)
    if json is not None:
        body = _encoded(json).encode()
        lasting = {"Content-Type": "application/json", **lasting}
    elif data is not None:
        body = data.encode() if isinstance(data, str) else bytes(data)
    if body is not None and len(body) > MAX_BODY:
        message = f"the body has {len(body):,} bytes, and {MAX_BODY:,} are the most"
        raise ValueError(message)
    return path.encode(), _header_lines(lasting, headers), _ranges(expect), body


def _header_lines(lasting: Mapping[str, Any], own: Mapping[str, Any] | None) -> bytes:
    merged = {name.lower(): (name, value) for name, value in lasting.items()}
    if own:
        merged |= {name.lower(): (name, value) for name, value in own.items()}
    lines = b"".join([_header_line(name, value) for name, value in merged.values()])
    if len(lines) > MAX_HEADERS_TOTAL:
        message = f"the headers have {len(lines):,} bytes, and {MAX_HEADERS_TOTAL:,} are the most"
        raise ValueError(message)
    return lines


@lru_cache(maxsize=4096)
def _header_line(name: str, value: str | int) -> bytes:
    if isinstance(value, bool) or not isinstance(value, str | int):
        message = f"the header {name} is text, and no {type(value).__name__}"
        raise TypeError(message)
    text = str(value)
    if not is_one_line(text):
        message = f"the value of the header {name} holds CR, LF, NUL or another control character"
        raise ValueError(message)
    return f"{header_name(name)}: {text}\r\n".encode()


@lru_cache(maxsize=1024)
def _duration_ns(text: str) -> int:
    return parse_duration(text)


def _ranges(expect: Expectation | None) -> bytes:
    if expect is None:
        return b""
    if not isinstance(expect, Expectation):
        message = f"expect={expect!r} is no expectation: write expect=status({expect!r})"
        raise TypeError(message)
    return b"".join(RANGE.pack(each["first"], each["last"]) for each in expect.ranges)
