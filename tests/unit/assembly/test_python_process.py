"""The process that calls functions: every call has one answer, in order, whatever the functions do."""

import json
import socket
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apibench.assembly.python_process import BEGAN, FRAMES, MAX_REASON, answers, load, reason_of, serve
from apibench.model.callee import Callee

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text('aé\U0001f600"\\\n'),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=3), inner, max_size=3),
    max_leaves=5,
)


def shared() -> memoryview:
    return memoryview(bytearray(32)).cast("Q")


def answered(calls: list[Any], *functions: Any) -> list[Any]:
    cells = shared()
    found = [each for frame in answers(calls, functions, cells) for each in json.loads(frame)]
    assert cells[BEGAN] == 0
    assert cells[FRAMES] == 1
    return found


@given(st.lists(JSON, min_size=1, max_size=5))
def test_values_come_back_as_they_were(values: list[Any]) -> None:
    found = answered([[0, [value]] for value in values], lambda value: value)
    assert [each[1] for each in found] == values
    assert all(each[0] >= 0 and len(each) == 2 for each in found)


class Odd(Exception):
    """An error that can't be told."""

    def __str__(self) -> str:
        raise RuntimeError


def raises(kind: int) -> Any:
    kinds: list[BaseException] = [
        ValueError("a\n  b"),
        SystemExit(3),
        KeyboardInterrupt(),
        Odd(),
        KeyError(),
        OSError("x" * 5_000),
        ValueError("\ud800"),
    ]
    raise kinds[kind]


def test_what_a_function_raises_is_its_own_answer_in_one_line() -> None:
    found = answered([[0, [kind]] for kind in range(7)], raises)
    reasons = [each[2] for each in found]
    assert reasons[:5] == ["ValueError: a b", "SystemExit: 3", "KeyboardInterrupt", "Odd", "KeyError"]
    assert len(reasons[5]) == MAX_REASON + 2
    assert reasons[6] == "ValueError: ?"
    assert all(each[1] is None for each in found)


def odd(kind: int) -> Any:
    loop: list[Any] = []
    loop.append(loop)
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    return ["good", {1, 2}, float("nan"), "\ud800", loop, deep, b"x", "y" * (9 << 20), {("a",): 1}][kind]


def test_what_is_no_json_fails_its_own_call_and_not_those_beside_it() -> None:
    found = answered([[0, [kind]] for kind in (0, *range(9), 0)], odd)
    assert [each[1] for each in found] == ["good", "good", *[None] * 8, "good"]
    assert all(len(each) == 3 for each in found[2:-1])


def test_answers_are_not_held_back_for_slow_calls() -> None:
    clock = iter(range(0, 100_000_000_000, 2_000_000))

    class Slow:
        monotonic_ns = staticmethod(lambda: next(clock))

    cells = shared()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("apibench.assembly.python_process.time", Slow)
        frames = list(answers([[0, [1]]] * 3, [lambda x: x], cells))
    assert [len(json.loads(frame)) for frame in frames] == [1, 1, 1]


def test_a_reason_has_the_kind_of_its_error_and_its_text() -> None:
    assert reason_of(ValueError("no key")) == "ValueError: no key"


def test_streams_are_answered_until_all_are_at_their_end() -> None:
    pairs = [socket.socketpair() for _ in range(3)]
    serving = threading.Thread(target=serve, args=([other for _, other in pairs], [lambda x: x], shared(), 1 << 60))
    serving.start()
    for number, (own, _) in enumerate(pairs):
        calls = json.dumps([[0, [number]]]).encode()
        frame = len(calls).to_bytes(4, "little") + calls
        # In pieces, and two at once.
        own.sendall(frame[:3])
        own.sendall(frame[3:] + frame)
    for number, (own, _) in enumerate(pairs):
        for _ in range(2):
            length = int.from_bytes(own.recv(4, socket.MSG_WAITALL), "little")
            assert json.loads(own.recv(length, socket.MSG_WAITALL))[0][1] == number
        own.close()
    serving.join(60)
    assert not serving.is_alive()


def test_one_that_has_grown_asks_for_no_more_calls_and_goes_on_until_it_is_let_go() -> None:
    own, other = socket.socketpair()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("apibench.assembly.python_process.MEMORY_LOOK_NS", -1)
        serving = threading.Thread(target=serve, args=([other], [lambda x: x], shared(), 0))
        serving.start()
        calls = b"[[0,[7]]]"
        frame = len(calls).to_bytes(4, "little") + calls
        own.sendall(frame)
        length = int.from_bytes(own.recv(4, socket.MSG_WAITALL), "little")
        assert json.loads(own.recv(length, socket.MSG_WAITALL))[0][1] == 7
        assert own.recv(4, socket.MSG_WAITALL) == bytes(4)
        own.sendall(frame)
        length = int.from_bytes(own.recv(4, socket.MSG_WAITALL), "little")
        assert json.loads(own.recv(length, socket.MSG_WAITALL))[0][1] == 7
        own.close()
        serving.join(60)
    assert not serving.is_alive()


def test_functions_are_found_in_files_and_modules(tmp_path: Path) -> None:
    (tmp_path / "found_by_name.py").write_text("class A:\n    @staticmethod\n    def b():\n        return 2\n")
    (tmp_path / "found_by_place.py").write_text("def c():\n    return 3\n")
    path = (str(tmp_path),)
    callees = [
        Callee("found_by_name", None, "A.b", path),
        Callee("apibench_scenarios_found_by_place", str(tmp_path / "found_by_place.py"), "c", path),
        Callee("builtins", None, "len"),
    ]
    try:
        two, three, length = load(callees)
    finally:
        sys.path.remove(str(tmp_path))
    assert (two(), three(), length("abc")) == (2, 3, 3)
