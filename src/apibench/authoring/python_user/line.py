"""How a user of Python is joined to the thread of the load that it belongs to."""

import asyncio
from collections.abc import Callable
from time import monotonic_ns
from typing import NamedTuple

from apibench.authoring.python_user.messages import CHECK, END, FROM_USER

MAX_NUMBER = (1 << 64) - 1


class News(NamedTuple):
    """What came of a wish."""

    kind: int
    """Of `messages`."""
    status: int
    failure: str
    time_ns: int
    head: bytes
    body: bytes


class Line:
    """Of one user. At any time either it is at it, or it waits for what it has wished."""

    def __init__(self, virtual_user: int, say: Callable[[bytes], None]) -> None:
        """`say`: has a message go out."""
        self._virtual_user = virtual_user
        self._say = say
        self._number = 0
        """By which it was told something last."""
        self._told_ns = 0
        self._asked = False
        """Whether it waits for an answer."""
        self._waiting: asyncio.Future[News] | None = None
        """Who is told of it: nobody, where they have given up waiting."""
        self.over = False
        """Whether its iteration is over, by no word of its own."""

    def begin(self, number: int) -> None:
        """An iteration begins."""
        self._number, self._told_ns, self._asked, self.over = number, monotonic_ns(), False, False

    async def wish(
        self,
        kind: int,
        *,
        flag: bool = False,
        number: int = 0,
        expected: bytes = b"",
        target: bytes = b"",
        headers: bytes = b"",
        body: bytes = b"",
        pause_ns: int = 0,
    ) -> News:
        """Say what is wished, and wait for what comes of it."""
        self._be_free()
        self._write(kind, flag, number, expected, target, headers, body, pause_ns)
        self._asked = True
        return await self._news()

    def check(self, number: int, passed: bool) -> None:  # noqa: FBT001 - what it is about
        """Say whether something holds. Nothing comes of it."""
        self._be_free()
        self._write(CHECK, passed, number)

    async def end(self, reason: str | None) -> None:
        """Say that the iteration is over, and why if it has failed."""
        if self._asked and not self.over:
            # Nobody waits for it any more, but it can't be taken back.
            await self._news()
        if not self.over:
            self._write(END, reason is None, headers=b"" if reason is None else reason.encode())

    def tell(self, number: int, news: News) -> None:
        """An answer has come."""
        self._number, self._asked = number, False
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(news)
        else:
            self._told_ns = monotonic_ns()

    async def _news(self) -> News:
        self._waiting = asyncio.get_running_loop().create_future()
        news = await self._waiting
        self._told_ns = monotonic_ns()
        return news

    def _be_free(self) -> None:
        if self.over:
            raise asyncio.CancelledError
        if self._asked:
            message = "a user does one thing after the other, and has a request in flight or a pause: await it first"
            raise RuntimeError(message)

    def _write(  # noqa: PLR0913 - as the message has it
        self,
        kind: int,
        flag: bool,  # noqa: FBT001
        number: int = 0,
        expected: bytes = b"",
        target: bytes = b"",
        headers: bytes = b"",
        body: bytes = b"",
        pause_ns: int = 0,
    ) -> None:
        head = FROM_USER.pack(
            self._number,
            self._virtual_user,
            kind,
            flag,
            number,
            len(expected) >> 2,
            len(target),
            len(headers),
            len(body),
            monotonic_ns() - self._told_ns,
            pause_ns,
        )
        self._say(b"".join((head, expected, target, headers, body)))
