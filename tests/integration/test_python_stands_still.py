"""
No Python is on a request's path: a journey from Python goes on, second for second, while nothing of Python can.

For three seconds in the middle of a run a thread keeps the interpreter's lock, so that no other thread of the process
can run a line of Python. What is sent is due by a schedule, so that a busy machine makes single requests late, and no
second poorer.
"""

import ctypes
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import pytest
from tests.integration.conftest import PATIENCE_S, on_a_quiet_moment

import apibench

RATE, SECONDS, HELD_S = 200, 7, 3
LEAST = 0.99
"""Of what falls due in a second, what has to be sent in it."""
S = 1_000_000_000
TARGET = """
import sys
from apibench.engine.echo_server import EchoServer
with EchoServer() as server:
    print(server.address, flush=True)
    for _ in sys.stdin:
        print(server.counts()["requests"], flush=True)
"""
JOURNEY = f"""
from apibench import User, check, csv, rand, scenario

users = csv("users.csv", order="shuffle")


@scenario(base_url="ADDRESS", load="{RATE}/s", duration="{SECONDS}s")
def shopper(u: User) -> None:
    me = users.next()
    login = u.post("/login", json={{"user": me.user, "password": me.password}})
    u.headers["Authorization"] = f"Bearer {{login.json['token']}}"
    page = u.get(f"/products?page={{rand.int(1, 10)}}")
    item = u.get(f"/products/{{page.json['items'].random()['id']}}")
    check(item.json["price_cents"] > 0, "has a price")
"""
STEPS = 3


@dataclass(frozen=True)
class Target:
    """A target in a process of its own, which no lock of ours can hold up."""

    address: str
    process: subprocess.Popen[str]

    def requests(self) -> int:
        """How many it has seen."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())


@pytest.fixture
def target() -> Iterator[Target]:
    """It serves while a test lasts."""
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", TARGET], **pipes) as process:
        assert process.stdout is not None
        yield Target(process.stdout.readline().strip(), process)
        process.communicate(timeout=PATIENCE_S)


class LockKeeper:
    """
    Keeps the lock of the interpreter for a while, once `begin` says so; beside it a thread of Python that would like to
    run. A context that ends when the load has.
    """

    def __init__(self, begin: Callable[[], bool]) -> None:
        self.kept_ns: tuple[int, int] = (0, 0)
        """From when to when, on the clock of the load."""
        self._begin = begin
        self._over = threading.Event()
        self._turns_ns: list[int] = []
        self._threads = [threading.Thread(target=each) for each in (self._keep, self._take_turns)]

    @property
    def silence_ns(self) -> int:
        """The longest time without a turn of the other thread."""
        return max(after - before for before, after in pairwise(self._turns_ns))

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _take_turns(self) -> None:
        while not self._over.wait(0.01):
            self._turns_ns.append(time.monotonic_ns())

    def _keep(self) -> None:
        while not self._begin():
            if self._over.wait(0.05):
                return
        began_ns = time.monotonic_ns()
        # `PyDLL` does not give the lock back for a call, as `CDLL` does.
        ctypes.PyDLL(None).usleep(HELD_S * 1_000_000)
        self.kept_ns = began_ns, time.monotonic_ns()


@pytest.mark.timeout(3 * PATIENCE_S)
def test_no_second_of_a_journey_is_poorer_while_no_python_can_run(target: Target, tmp_path: Path) -> None:
    (tmp_path / "users.csv").write_text("user,password\n" + "".join(f"u{number},p\n" for number in range(100)))
    (tmp_path / "shopper.py").write_text(JOURNEY.replace("ADDRESS", target.address))

    def attempt() -> bool:
        before = target.requests()
        with LockKeeper(lambda: target.requests() - before > RATE * STEPS) as lock:
            result = apibench.run(tmp_path / "shopper.py")
        began_ns, ended_ns = (at_ns - result.document["run"]["barrier_ns"] for at_ns in lock.kept_ns)
        assert ended_ns - began_ns > (HELD_S - 0.1) * S
        assert lock.silence_ns > (HELD_S - 0.1) * S, "no other thread has run meanwhile"
        assert result.requests == result.total.ok == target.requests() - before == STEPS * RATE * SECONDS
        assert {check.name: check.passed for check in result.checks}["has a price"] == RATE * SECONDS
        assert not any(check.failed for check in result.checks)
        rows = [row for row in result.document["intervals"] if row["phase"] == "main"]
        assert len(rows) == SECONDS
        in_the_middle = began_ns > S and ended_ns < SECONDS * S
        return in_the_middle and all(
            row["iterations_started"] >= LEAST * RATE and row["started"] >= LEAST * STEPS * RATE for row in rows
        )

    assert on_a_quiet_moment(attempt)
