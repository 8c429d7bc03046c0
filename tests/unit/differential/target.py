"""A server on loopback whose answers follow from the request and how many came before it on its connection."""

import hashlib
import json
import random
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

PATIENCE_S = 30
_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)\r\n", re.IGNORECASE)
_COOKIES = (
    "a=1",
    "b=2; Path=/",
    "a=3; Path=/items; Secure; HttpOnly",
    "c= x y ; path=/items/deep",
    "d=4; Max-Age=0",
    "b=; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
    "e=5; Expires=Wed, 21 Oct 2099 07:28:00 GMT; Path=odd",
    "f=6; Domain=127.0.0.1",
    "g=7; Domain=example.com",
    'h="quo ted"; Max-Age=3600; SameSite=Lax',
    "a=again; max-age=100; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
    "noequals",
    "=novalue",
    "i=9; Max-Age=soon; Path=",
    "a=b=c",
    "j=1; Max-Age=99999999999999999999",
    "a=2; Max-Age=-99999999999999999999",
    "k=1; Max-Age=+0",
    "l=; Path=/; Expires=Wed, 21-Oct-2099 07:28:00 GMT",
    'b=2; Expires=never; max-age="0"',
    'm=1; Path="/"',
    "n=1; Domain=",
    "o=1; Domain=.127.0.0.1",
    "p=1; Path=/items; Path=",
    "q=1; Max-Age=0; Max-Age=5",
    "r=1; Secure=; HttpOnly=no; Path = /items ",
    "S=%20;",
    "t=ü",
    " u = 1 ; Path=/v1",
    "v=1, w=2",
)


@dataclass(frozen=True)
class Answer:
    """What a request is answered."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""
    chunked: bool = False

    def wire(self, request: bytes) -> bytes:
        """As it goes over the wire."""
        fields = [f"HTTP/1.1 {self.status} Fine", *(f"{name}: {value}" for name, value in self.headers)]
        body = self.body.encode()
        if self.status != 204:
            fields.append("Transfer-Encoding: chunked" if self.chunked else f"Content-Length: {len(body)}")
        if self.chunked:
            pieces = [body[at : at + 7] for at in range(0, len(body), 7)]
            body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
        head = "".join(f"{each}\r\n" for each in fields).encode() + b"\r\n"
        return head if request.startswith(b"HEAD ") or self.status == 204 else head + body

    def header(self, name: str) -> str | None:
        """The first of that name."""
        return next((value for each, value in self.headers if each.lower() == name.lower()), None)


Answering = Callable[[bytes, int], Answer]
"""What a request is answered, by its bytes and how many came before it on its connection."""


def shop(request: bytes, number: int) -> Answer:
    """Items, words and numbers, cookies and failures, and at times something that is not there."""
    chance = random.Random(hashlib.sha256(b"%d %b" % (number, request)).digest())  # noqa: S311 - the same each time
    status = chance.choices((200, 201, 204, 302, 303, 307, 404, 503), (60, 8, 3, 6, 10, 4, 4, 2))[0]
    headers = [("X-Id", f"h-{chance.randrange(100)}"), ("x-odd", "a  ü")][: chance.choice((1, 2, 2, 2, 0))]
    headers += [("Set-Cookie", each) for each in chance.choices(_COOKIES, k=chance.choice((0, 0, 1, 2)))]
    if status in (302, 303, 307):
        headers.append(("Location", chance.choice(("/items/1", "../x?y=1", "deep/er", "?again=1", "/"))))
    body = {
        "id": chance.choice((7, 0, -3, 12_345, 2**40)),
        "name": chance.choice(
            ("ann", "Bé b", "", 'q"\\/', "x&y=z", "ß\u2028🙂", "12", " 3 ", "a\r\nX: y", "\x7f", "%41")
        ),
        "items": [{"id": chance.randrange(50), "tags": ["a", "é"]} for _ in range(chance.choice((0, 1, 2, 3)))],
        "price": chance.choice((0.5, 2.0, 1e300, 1e-7, 3)),
        "next": chance.choice((None, "p2")),
        "flag": chance.choice((True, False)),
        "deep": {"a": {"b": [1, [2, None]]}},
    }
    for lost in list(body):
        if chance.random() < 0.02:
            del body[lost]
    text = "no json" if chance.random() < 0.02 else written(body, chance)
    return Answer(
        status, tuple(headers), "" if status == 204 else text, chunked=status != 204 and chance.random() < 0.3
    )


def written(value: Any, chance: random.Random) -> str:
    """JSON with white space and escapes wherever there may be some."""
    white = chance.choice(("", "", " ", "\n\t"))
    if isinstance(value, list):
        parts = [f"{white}{written(each, chance)}{white}" for each in value]
        return f"[{','.join(parts)}]"
    if isinstance(value, dict):
        parts = [f"{white}{written(key, chance)}{white}:{written(each, chance)}" for key, each in value.items()]
        return f"{{{','.join(parts)}{white}}}"
    if isinstance(value, str):
        escaped = chance.choice((0, 0, 0.5, 1))
        return f'"{"".join(_letter(each, escaped=chance.random() < escaped) for each in value)}"'
    return json.dumps(value)


def _letter(letter: str, *, escaped: bool) -> str:
    if escaped and letter == "/":
        return "\\/"
    if escaped:
        units = letter.encode("utf-16-be")
        return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
    return json.dumps(letter, ensure_ascii=False)[1:-1]


@dataclass
class Target:
    """The server, and what came over each of its connections."""

    port: int
    answering: Answering = shop
    sessions: list[list[bytes]] = field(default_factory=list)

    @property
    def address(self) -> str:
        """Its URL."""
        return f"http://127.0.0.1:{self.port}"

    def begin(self, answering: Answering) -> None:
        """Forgets what was, and answers so from now on."""
        self.answering, self.sessions = answering, []

    def serve(self, connection: socket.socket) -> None:
        """Answers what comes over one connection."""
        session: list[bytes] = []
        sessions, answering = self.sessions, self.answering
        with connection:
            received = b""
            while True:
                request, received = _taken(received)
                if request:
                    if not session:
                        sessions.append(session)
                    session.append(request)
                    connection.sendall(answering(request, len(session) - 1).wire(request))
                    continue
                try:
                    more = connection.recv(65_536)
                except ConnectionError:
                    return
                if not more:
                    return
                received += more


def _taken(received: bytes) -> tuple[bytes, bytes]:
    """A whole request, if there is one, and what is behind it."""
    head, end, _ = received.partition(b"\r\n\r\n")
    length = _LENGTH.search(head + b"\r\n")
    size = len(head) + len(end) + (int(length[1]) if length else 0)
    return (received[:size], received[size:]) if end and len(received) >= size else (b"", received)


@contextmanager
def serving() -> Iterator[Target]:
    """A target for as long as this lasts."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        target = Target(listener.getsockname()[1])

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=target.serve, args=(connection,), daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield target
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(PATIENCE_S)
