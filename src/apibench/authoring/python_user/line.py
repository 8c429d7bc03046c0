"""How a user of Python is joined to the thread of the load that it belongs to."""

import asyncio
from collections.abc import Callable, Generator
from contextvars import Context
from time import monotonic_ns
from typing import Any

from apibench.authoring.python_user.messages import CHECK, END, FROM_USER
from apibench.authoring.python_user.response import PythonResponse, RequestFailed

Answer = PythonResponse | RequestFailed | None
"""What comes of a wish: None behind a pause."""
Texts = tuple[bytes, bytes, bytes, bytes]
"""Of a message: the ranges of statuses that are ok, target, headers, body."""
_NONE: Texts = (b"", b"", b"", b"")
_Wake = Callable[["Line"], object]


class Line:
    """
    Of one user. At any time either it is at it, or it waits for what it has wished.

    A task waits for this as for a future of asyncio, whose protocol it has: `asyncio.isfuture` tells. So no wish
    needs a future of its own, nor a turn of the loop to hear what has come of it.
    """

    def __init__(self, virtual_user: int, say: Callable[[bytes, int], None]) -> None:
        """`say`: has a message go out, and is told what time it is."""
        self._virtual_user = virtual_user
        self._say = say
        self._loop = asyncio.get_running_loop()
        self._number = 0
        """By which it was told something last."""
        self._since_ns = 0
        """Since when it is at it."""
        self.asked = False
        """Whether an answer is to come, of which its user may have let go."""
        self._answer: Answer = None
        self._wake: tuple[_Wake, Context | None] | None = None
        """Who waits for it, unless they have given that up."""
        self._asyncio_future_blocking = False
        self._cancelled = False
        self.over = False
        """Whether its iteration is over: nothing is said in it any more, and nothing heard."""

    def begin(self, number: int) -> None:
        """An iteration begins. Who waits for it is run at once."""
        self._since_ns, self.over = monotonic_ns(), False
        self.tell(number, None)

    def wish(self, kind: int, number: int = 0, flag: int = 0, texts: Texts = _NONE, pause_ns: int = 0) -> "Line":
        """Say what is wished. To await it is to wait for what comes of it."""
        self._write(kind, number, flag, texts, pause_ns)
        self.asked = True
        return self

    def check(self, number: int, passed: int) -> None:
        """Say whether something holds. Nothing comes of it."""
        self._write(CHECK, number, passed, _NONE, 0)

    def end(self, reason: str | None) -> None:
        """Say that the iteration is over, and why if it has failed; nothing, where that is known."""
        if not self.over:
            text = b"" if reason is None else reason.encode()
            self._write(END, 0, reason is None, (b"", b"", text, b""), 0)
            self.over = True

    def tell(self, number: int, answer: Answer) -> None:
        """What was wished has come. Whoever waits for it is run at once."""
        if self.over:
            return
        self._number, self.asked, self._answer = number, False, answer
        if self._wake is not None:
            (wake, context), self._wake = self._wake, None
            if context is None:
                wake(self)
            else:
                context.run(wake, self)

    def __await__(self) -> Generator[Any, None, Answer]:
        self._asyncio_future_blocking = True
        yield self
        self._since_ns = monotonic_ns()
        return self._answer

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """As futures have it."""
        return self._loop

    def add_done_callback(self, wake: _Wake, *, context: Context | None = None) -> None:
        """As futures have it; one task waits."""
        self._cancelled, self._wake = False, (wake, context)

    def cancel(self, msg: object = None) -> bool:
        """As futures have it."""
        del msg
        if self._wake is None:
            return False
        (wake, context), self._wake = self._wake, None
        self._cancelled = True
        self._loop.call_soon(wake, self, context=context)
        return True

    def result(self) -> None:
        """As futures have it."""
        if self._cancelled:
            raise asyncio.CancelledError

    def _write(self, kind: int, number: int, flag: int, texts: Texts, pause_ns: int) -> None:
        if self.over:
            raise asyncio.CancelledError
        if self.asked:
            message = "a user does one thing after the other, and has a request in flight or a pause: await it first"
            raise RuntimeError(message)
        expected, target, headers, body = texts
        now_ns = monotonic_ns()
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
            now_ns - self._since_ns,
            pause_ns,
        )
        self._say(b"".join((head, expected, target, headers, body)), now_ns)
