"""Requests as bytes: what a step of a plan comes to, and what a redirect makes of it."""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from tests.unit.differential.draws import Draws
from tests.unit.differential.values import NothingThereError, Value, as_text, evaluate

from apibench import __version__

Document = dict[str, Any]
IN_PATH = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"#<>\\^`{|}')
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def rendered(step: Document, base_url: str, variables: Mapping[str, Value], draws: Draws) -> bytes:
    """A request step, its late parts worked out in the order in which they are sent. Raises NothingThereError."""
    base = urlsplit(base_url)
    path = "".join(_pieces(step["path"], variables, draws, _in_path))
    headers = []
    for name, value in step["headers"]:
        headers.append(f"{name}: {''.join(_pieces(value, variables, draws, _in_header))}")
    body = None
    if step["body"] is not None:
        body = "".join(_pieces(step["body"]["text"], variables, draws, str)).encode()
    own = {name.lower() for name, _ in step["headers"]}
    ours = {"Host": base.netloc, "User-Agent": f"apibench/{__version__}", "Accept": "*/*"}
    first = [f"{name}: {value}" for name, value in ours.items() if name.lower() not in own]
    if body is not None or step["method"] in ("POST", "PUT", "PATCH"):
        first.append(f"Content-Length: {len(body or b'')}")
    line = f"{step['method']} {base.path.rstrip('/')}{path} HTTP/1.1"
    return "".join(f"{each}\r\n" for each in (line, *first, *headers)).encode() + b"\r\n" + (body or b"")


def _pieces(text: str | Document, variables: Mapping[str, Value], draws: Draws, place: Any) -> Iterator[str]:
    """What is known stands as it is, what is late as its place has it."""
    if isinstance(text, str):
        yield text
    elif text["type"] == "constant" and isinstance(text["value"], str):
        yield text["value"]
    elif text["type"] == "call" and text["function"] == "concat":
        for each in text["arguments"]:
            yield from _pieces(each, variables, draws, place)
    else:
        yield place(as_text(evaluate(text, variables, draws)))


def _in_path(text: str) -> str:
    return quote(text, safe=IN_PATH)


def _in_header(text: str) -> str:
    if _CONTROL.search(text):
        raise NothingThereError
    return text


def with_cookies(request: bytes, header: str) -> bytes:
    """The request with these cookies, in place of those that it has."""
    head, _, body = request.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    places = [at for at, line in enumerate(lines) if line.startswith(b"Cookie: ")] or [len(lines)]
    lines[places[0] : places[0] + 1] = [f"Cookie: {header}".encode()] if header else []
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def target_of(request: bytes) -> str:
    """What its first line asks for: path and query."""
    return request.split(b" ", 2)[1].decode()


def followed(request: bytes, status: int, location: str) -> bytes:
    """The request that follows a redirect to the same host (RFC 9110 §15.4, RFC 3986 §5.2)."""
    head, _, body = request.partition(b"\r\n\r\n")
    line, *fields = head.split(b"\r\n")
    method = line.split(b" ")[0].decode()
    if method != "HEAD" and (status == 303 or (status in (301, 302) and method == "POST")):
        method, body = "GET", b""
        fields = [each for each in fields if not each.lower().startswith(b"content-")]
    base = target_of(request).partition("?")[0]
    path, mark, query = location.partition("?")
    if not path.startswith("/"):
        path = base[: base.rindex("/") + 1] + path if path else base
    target = f"{_without_dots(path)}{mark}{query}"
    return b"\r\n".join((f"{method} {target} HTTP/1.1".encode(), *fields)) + b"\r\n\r\n" + body


def _without_dots(path: str) -> str:
    """RFC 3986 §5.2.4, letter by letter: Python's `urljoin` takes empty segments away too."""
    output = ""
    while path:
        if path.startswith(("/./", "/../")):
            output = output[: output.rfind("/")] if path.startswith("/../") and output else output
            path = path[path.index("/", 1) :]
        elif path in ("/.", "/.."):
            output = output[: output.rfind("/")] if path == "/.." and output else output
            path = "/"
        else:
            end = path.find("/", 1)
            segment = path if end < 0 else path[:end]
            output, path = output + segment, path[len(segment) :]
    return output
