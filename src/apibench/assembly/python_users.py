"""
The loop of a process in which users of Python live: it has their iterations run, side by side, and hands on what they
wish and what came of it. Functions that scenarios call are answered here too, in between.
"""

import asyncio
import contextlib
import gc
import json
import socket
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from apibench.assembly import python_process
from apibench.authoring.python_user.line import Answer, Line
from apibench.authoring.python_user.messages import BEGIN, BODILESS, ENDED, FAILED, MESSAGES, SLEPT, TO_USER
from apibench.authoring.python_user.place import Places
from apibench.authoring.python_user.response import PythonResponse, RequestFailed
from apibench.authoring.python_user.scenario import PythonScenario
from apibench.authoring.python_user.user import PythonUser
from apibench.authoring.python_user.written import written_requests

LOOK_S = 0.05
"""How often the loop shows that it is not held up."""
_HEAD = 4
_MAX_FRAME = 8 << 20
_MOST_HEARD = 1 << 16
"""At once. What is larger gets pages of its own from the kernel each time."""


def serve(streams: Iterable[socket.socket], functions: Sequence[Any], shared: memoryview, most_bytes: int) -> int:
    """Have users live until all streams have come to their end. Returns why they have."""
    return asyncio.run(_serve(streams, functions, shared, most_bytes))


async def _serve(
    streams: Iterable[socket.socket], functions: Sequence[Any], shared: memoryview, most_bytes: int
) -> int:
    behaviours = {
        number: Behaviour(number, scenario)
        for number, scenario in enumerate(functions)
        if isinstance(scenario, PythonScenario)
    }
    over = asyncio.get_running_loop().create_future()
    threads = {Thread(stream, behaviours, functions, shared) for stream in streams}

    def ended(thread: Thread) -> None:
        threads.discard(thread)
        if not threads:
            over.set_result(None)

    for thread in tuple(threads):
        thread.listen(ended)
    # What the file has loaded stays, and need not be looked at each time that rubbish is collected.
    gc.freeze()
    leaving = False
    while not over.done():
        # Whoever has started this process sees by it for how long the loop is held up.
        shared[python_process.BEGAN] = time.monotonic_ns()
        await asyncio.wait([over], timeout=LOOK_S)
        if not leaving and python_process.memory_bytes() > most_bytes:
            leaving = True
            for thread in threads:
                thread.leave()
    return python_process.LEFT if leaving else python_process.LET_GO


class Behaviour:
    """One of the functions that users run."""

    def __init__(self, number: int, scenario: PythonScenario) -> None:
        """`number`: of the load."""
        self.number = number
        self.function: Callable[..., Any] = scenario.function
        self.rows = scenario.rows
        self.places = Places(written_requests(scenario))


class Resident:
    """A virtual user that lives here: one task, which waits between its iterations."""

    def __init__(self, virtual_user: int, behaviour: Behaviour, say: Callable[[bytes, int], None]) -> None:
        """`say`: has a message go out, and is told what time it is."""
        self.behaviour = behaviour
        self.line = Line(virtual_user, say)
        self.user = PythonUser(self.line, behaviour.places)
        self._rows: Sequence[Any] = ()
        self._next: tuple[int, bytes, Sequence[Any]] | None = None
        """The iteration that begins as soon as the one before has let go."""
        self._idle = True
        self._leaving = False
        self._task: asyncio.Task[None] | None = None
        self._awake = False
        """Whether the task has taken its first step: one that is cancelled before takes none."""

    def begin(self, number: int, seed: bytes, arguments: Sequence[Any]) -> None:
        """An iteration begins, as soon as the one before has let go."""
        if not self._idle:
            self._next = number, seed, arguments
            return
        self._idle = False
        self.user.begin(seed, self._values(arguments))
        self.line.begin(number)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._live())

    def end(self) -> None:
        """The iteration is over, by no word of its own."""
        if self._next is not None:
            self._next = None
        elif self._task is not None and not self._idle:
            self.line.over = True
            if self._awake:
                self._task.cancel()

    def leave(self) -> None:
        """Nothing comes any more."""
        self._leaving, self._next, self.line.over = True, None, True
        if self._task is not None:
            self._task.cancel()

    def _values(self, arguments: Sequence[Any]) -> dict[str, Any]:
        """What is shared; rows are kept."""
        rows = self.behaviour.rows
        self._rows = arguments[:rows] if rows else ()
        values = arguments[rows:] if rows else arguments
        return dict(zip(values[::2], values[1::2], strict=True)) if values else {}

    async def _live(self) -> None:
        function, line, task = self.behaviour.function, self.line, asyncio.current_task()
        self._awake = True
        while not self._leaving:
            reason = None
            try:
                if not line.over:
                    await function(self.user, *self._rows)
            except BaseException as error:  # noqa: BLE001 - also those that would end this process
                reason = python_process.reason_of(error)
            while line.asked and not line.over:
                # Nobody waits for it any more, but it can't be taken back.
                with contextlib.suppress(asyncio.CancelledError):
                    await line
            line.end(reason)
            # Whatever has cancelled this iteration has not cancelled the next.
            while task is not None and task.cancelling():
                task.uncancel()
            self._idle = True
            if self._next is not None:
                following, self._next = self._next, None
                self.begin(*following)
            elif not self._leaving:
                await line


class Thread:
    """A thread of the load, as its stream has it."""

    def __init__(
        self, stream: socket.socket, behaviours: dict[int, Behaviour], functions: Sequence[Any], shared: memoryview
    ) -> None:
        """`behaviours`: by the numbers of their functions."""
        self._stream = stream
        self._behaviours = behaviours
        self._functions = functions
        self._shared = shared
        self._residents: dict[int, Resident] = {}
        self._received = bytearray()
        self._said: list[bytes] = []
        self._said_bytes = 0
        self._first_ns = 0
        self._hearing = False
        """Whether what is said goes out when all has been heard."""
        self._loop = asyncio.get_running_loop()

    def listen(self, ended: "Callable[[Thread], None]") -> None:
        """Begin. `ended` is told of the stream's end."""
        self._ended = ended
        self._loop.add_reader(self._stream.fileno(), self._hear)

    def leave(self) -> None:
        """Want nothing more."""
        self._flush()
        self._stream.sendall(bytes(_HEAD))

    def _hear(self) -> None:
        try:
            come = self._stream.recv(_MOST_HEARD, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError:
            come = b""
        if not come:
            self._loop.remove_reader(self._stream.fileno())
            self._stream.close()
            for each in self._residents.values():
                each.leave()
            self._ended(self)
            return
        self._hearing = True
        self._received += come
        at, received = 0, self._received
        while len(received) >= at + _HEAD:
            end = at + _HEAD + int.from_bytes(received[at : at + _HEAD], "little")
            if len(received) < end:
                break
            self._take(bytes(received[at + _HEAD : end]))
            at = end
        del received[:at]
        self._hearing = False
        self._flush()

    def _take(self, frame: bytes) -> None:
        if frame[0] == MESSAGES:
            self._take_messages(frame)
            return
        for answers in python_process.answers(json.loads(frame), self._functions, self._shared):
            self._stream.sendall(len(answers).to_bytes(_HEAD, "little") + answers)

    def _take_messages(self, frame: bytes) -> None:
        at, end = 1, len(frame)
        while at < end:
            number, virtual_user, kind, failure, status, head, body, time_ns = TO_USER.unpack_from(frame, at)
            at += TO_USER.size
            first, second, third = at + failure, at + failure + head, at + failure + head + body
            if kind == BEGIN:
                called, arguments = _called(frame[second:third])
                self._begin(virtual_user, number, called, frame[first:second], arguments)
            elif (resident := self._residents.get(virtual_user)) is not None:
                if kind == ENDED:
                    resident.end()
                else:
                    answer: Answer = None
                    if kind == FAILED:
                        answer = RequestFailed(frame[at:first].decode())
                    elif kind != SLEPT:
                        content = None if kind == BODILESS else frame[second:third]
                        why = frame[at:first].decode() if failure else None
                        answer = PythonResponse(status, why, time_ns / 1e9, frame[first:second], content)
                    resident.line.tell(number, answer)
            at = third

    def _begin(self, virtual_user: int, number: int, called: int, seed: bytes, arguments: Sequence[Any]) -> None:
        behaviour = self._behaviours[called]
        resident = self._residents.get(virtual_user)
        if resident is None or resident.behaviour is not behaviour:
            if resident is not None:
                resident.leave()
            resident = self._residents[virtual_user] = Resident(virtual_user, behaviour, self._say)
        self._shared[python_process.FUNCTION] = called
        resident.begin(number, seed, arguments)

    def _say(self, message: bytes, now_ns: int) -> None:
        """Have a message go out with the others of this turn of the loop, or with those of the last millisecond."""
        if not self._said:
            self._first_ns = now_ns
            if not self._hearing:
                self._loop.call_soon(self._flush)
        self._said.append(message)
        self._said_bytes += len(message)
        if self._said_bytes > _MAX_FRAME or now_ns > self._first_ns + python_process.FLUSH_NS:
            self._flush()

    def _flush(self) -> None:
        if not self._said:
            return
        head = (self._said_bytes + 1).to_bytes(_HEAD, "little") + bytes((MESSAGES,))
        said, self._said, self._said_bytes = self._said, [], 0
        self._shared[python_process.FRAMES] += 1
        # Where nobody hears it any more the load is over, which is heard next.
        with contextlib.suppress(OSError):
            self._stream.sendall(b"".join((head, *said)))


_called_without: dict[bytes, tuple[int, Sequence[Any]]] = {}


def _called(text: bytes) -> tuple[int, Sequence[Any]]:
    """Which function a text says, and with what. Those without anything are the most, and are read once."""
    known = _called_without.get(text)
    if known is None:
        called, arguments = json.loads(text)
        known = called, arguments
        if not arguments:
            _called_without[text] = known
    return known
