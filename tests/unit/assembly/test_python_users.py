"""The loop of users in Python, as a thread of the load has it at the other end of its stream."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from apibench import python_user
from apibench.assembly import python_users
from apibench.authoring.python_user.messages import (
    BEGIN,
    END,
    ENDED,
    FROM_USER,
    MESSAGES,
    REQUEST,
    RESPONSE,
    TO_USER,
)

SEED = bytes(16)


@python_user(base_url="http://127.0.0.1:1", load="2 vus")
async def asks_twice(u: Any) -> None:
    did.append("first")
    await u.get("/first")
    did.append("second")
    await u.get("/second")


@python_user(base_url="http://127.0.0.1:1", load="2 vus")
async def holds_on(u: Any) -> None:
    try:
        await u.get("/first")
    except asyncio.CancelledError:
        await asyncio.sleep(0.2)
        did.append("let go")
        raise
    did.append("answered")


did: list[str] = []


class Load:
    """The other end: says what it is told to, and knows what it has heard."""

    def __init__(self, function: Any) -> None:
        self.stream, theirs = socket.socketpair()
        self.stream.settimeout(5)
        self._heard = b""
        cells = memoryview(bytearray(32)).cast("Q")
        self._loop = threading.Thread(target=python_users.serve, args=([theirs], [function], cells, 1 << 40))
        self._loop.start()

    def say(self, *messages: bytes) -> None:
        """All in one frame."""
        frame = bytes((MESSAGES,)) + b"".join(messages)
        self.stream.sendall(len(frame).to_bytes(4, "little") + frame)

    def hear(self) -> tuple[int, int]:
        """What the next message is about, and which request it is."""
        while len(self._heard) < FROM_USER.size:
            size = int.from_bytes(self._exactly(4), "little")
            self._heard += self._exactly(size)[1:]
        _, _, kind, _, number, ranges, *lengths, _, _ = FROM_USER.unpack_from(self._heard)
        self._heard = self._heard[FROM_USER.size + 4 * ranges + sum(lengths) :]
        return kind, number

    def close(self) -> None:
        """The load is over: so is the loop."""
        self.stream.close()
        self._loop.join(5)
        assert not self._loop.is_alive()

    def _exactly(self, count: int) -> bytes:
        found = b""
        while len(found) < count:
            more = self.stream.recv(count - len(found))
            assert more
            found += more
        return found


def begin(number: int, user: int = 0) -> bytes:
    return TO_USER.pack(number, user, BEGIN, 0, 0, len(SEED), 7, 0) + SEED + b"[0, []]"


def answer(number: int, user: int = 0) -> bytes:
    return TO_USER.pack(number, user, RESPONSE, 0, 200, 0, 0, 1_000)


def ended(number: int, user: int = 0) -> bytes:
    return TO_USER.pack(number, user, ENDED, 0, 0, 0, 0, 0)


@pytest.fixture
def load(request: pytest.FixtureRequest) -> Iterator[Load]:
    did.clear()
    made = Load(request.param)
    yield made
    made.close()


@pytest.mark.parametrize("load", [asks_twice], indirect=True)
def test_iterations_follow_one_another(load: Load) -> None:
    for iteration in range(3):
        load.say(begin(10 * iteration, user=0), begin(10 * iteration, user=1))
        assert [load.hear(), load.hear()] == [(REQUEST, 0)] * 2
        load.say(answer(10 * iteration + 1, user=0), answer(10 * iteration + 1, user=1))
        assert [load.hear(), load.hear()] == [(REQUEST, 1)] * 2
        load.say(answer(10 * iteration + 2, user=0), answer(10 * iteration + 2, user=1))
        assert [load.hear(), load.hear()] == [(END, 0)] * 2
    assert did == ["first", "first", "second", "second"] * 3


@pytest.mark.parametrize("load", [asks_twice], indirect=True)
def test_an_iteration_that_is_ended_ends_no_other(load: Load) -> None:
    load.say(begin(1))
    assert load.hear() == (REQUEST, 0)
    load.say(ended(2), begin(3))
    assert load.hear() == (REQUEST, 0)
    load.say(answer(4))
    assert load.hear() == (REQUEST, 1)
    assert did == ["first", "first", "second"]


@pytest.mark.parametrize("load", [asks_twice], indirect=True)
def test_an_iteration_that_is_ended_before_it_has_begun_does_nothing(load: Load) -> None:
    load.say(begin(1), ended(2))
    load.say(begin(3))
    assert load.hear() == (REQUEST, 0)
    assert did == ["first"]


@pytest.mark.parametrize("load", [asks_twice], indirect=True)
def test_an_answer_to_an_iteration_that_is_over_begins_none(load: Load) -> None:
    load.say(begin(1))
    assert load.hear() == (REQUEST, 0)
    load.say(ended(2))
    load.say(answer(3))
    load.say(begin(4))
    assert load.hear() == (REQUEST, 0)
    load.say(answer(5))
    assert load.hear() == (REQUEST, 1)
    assert did == ["first", "first", "second"]


@pytest.mark.parametrize("load", [holds_on], indirect=True)
def test_the_next_iteration_waits_until_the_one_before_has_let_go(load: Load) -> None:
    load.say(begin(1))
    assert load.hear() == (REQUEST, 0)
    load.say(ended(2), begin(3))
    assert load.hear() == (REQUEST, 0)
    assert did == ["let go"]
    load.say(answer(4))
    assert load.hear() == (END, 0)
    assert did == ["let go", "answered"]


@pytest.mark.parametrize("load", [holds_on], indirect=True)
def test_one_that_waits_for_it_and_is_ended_never_begins(load: Load) -> None:
    load.say(begin(1))
    assert load.hear() == (REQUEST, 0)
    load.say(ended(2), begin(3), ended(4), begin(5, user=1))
    assert load.hear() == (REQUEST, 0)
    load.stream.settimeout(0.5)
    with pytest.raises(TimeoutError):
        load.hear()
    load.stream.settimeout(5)
    load.say(begin(6))
    assert load.hear() == (REQUEST, 0)
    assert did == ["let go"]
