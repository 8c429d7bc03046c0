"""
The process that calls functions of Python for a load: it loads their files as whoever started it did, and answers.

It knows the threads of the load by their streams alone, and ends with the last of these. What it is given, and what it
answers, is told by `crates/engine/src/python`. Its one thought is many calls a second: what stands in the loops here
is done for each of them.
"""

import importlib
import json
import mmap
import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from pathlib import Path
from types import ModuleType
from typing import Any

from apibench.model.callee import Callee

BEGAN, FUNCTION, FRAMES, END = range(4)
"""What stands in the memory that is shared with who started it, a number each: when the present call began, 0 between
calls; which function that is; how many frames of calls were answered; and why it has ended, if it knows."""
SHARED_BYTES = 32
LET_GO, LEFT = 1, 2
"""Ends: nobody has calls any more; it had grown, and wanted none."""
FLUSH_NS = 1_000_000
"""Answers are held back for the others of their frame for so long at most."""
MEMORY_LOOK_NS = 100_000_000
MAX_REASON = 300
MAX_FRAME = 8 << 20
"""Beyond it answers go one by one: longer values are refused."""
_HEAD = 4
_PAGE = os.sysconf("SC_PAGE_SIZE")

Function = Callable[..., Any]
loading = False
"""Whether this process is one of these. What it loads is to begin no load of its own."""

# Whole lists of answers at once: to make an encoder for each costs more than all the rest of a call.
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def main() -> None:
    """Load, say that it is ready or why it is not, and answer."""
    global loading  # noqa: PLW0603 - it is of the whole process
    loading = True
    # Ctrl-C is for who started it, who ends the load, and with that the streams.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    told = json.loads(sys.argv[1])
    sys.argv[1:] = []
    shared = mmap.mmap(told["shared"], SHARED_BYTES)
    control: int = told["control"]
    try:
        if not told["data_is_here"]:
            from apibench.authoring.tracing import data  # noqa: PLC0415 - most need no tracer

            data.is_here = False
        path = tuple(told["path"])
        functions = load([Callee(module, file, name, path) for module, file, name in told["callees"]])
    except BaseException as error:  # noqa: BLE001 - whatever the file does when it is loaded
        os.write(control, json.dumps({"fault": reason_of(error)}).encode() + b"\n")
        return
    os.write(control, json.dumps({"memory_bytes": memory_bytes()}).encode() + b"\n")
    threading.Thread(target=_end_with, args=(told["alive"],), daemon=True).start()
    streams = [socket.socket(fileno=descriptor) for descriptor in told["streams"]]
    cells = memoryview(shared).cast("Q")
    if all(callable(each) for each in functions):
        cells[END] = serve(streams, functions, cells, told["memory_bytes"])
    else:
        from apibench.assembly import python_users  # noqa: PLC0415 - most have no loop of asyncio

        cells[END] = python_users.serve(streams, functions, cells, told["memory_bytes"])


def load(callees: Sequence[Callee]) -> list[Function]:
    """The functions, in their order. Raises whatever their modules raise when they are loaded."""
    for each in callees:
        sys.path.extend(folder for folder in each.path if folder not in sys.path)
    modules: dict[str, ModuleType] = {}
    for each in callees:
        if each.module not in modules:
            modules[each.module] = _module(each)
    return [_found(modules[each.module], each.name) for each in callees]


def _found(module: ModuleType, name: str) -> Function:
    found: Any = reduce(getattr, name.split("."), module)
    function: Function = found
    return function


def _module(callee: Callee) -> ModuleType:
    if callee.file is None:
        return importlib.import_module(callee.module)
    from apibench.authoring.tracing.python_file import import_file  # noqa: PLC0415 - most need no tracer

    return import_file(Path(callee.file))


def serve(streams: Iterable[socket.socket], functions: Sequence[Function], shared: memoryview, most_bytes: int) -> int:
    """Answer until all streams have come to their end. Returns why they have."""
    by_descriptor = {stream.fileno(): (stream, bytearray()) for stream in streams}
    poll = select.epoll()
    for descriptor, (stream, _) in by_descriptor.items():
        stream.setblocking(True)  # noqa: FBT003 - its only parameter
        poll.register(descriptor, select.EPOLLIN)
    looked_ns, leaving = time.monotonic_ns(), False
    while by_descriptor:
        for descriptor, _ in poll.poll():
            stream, received = by_descriptor[descriptor]
            try:
                come = stream.recv(1 << 18)
                received += come
                _answer_frames(stream, received, functions, shared)
            except OSError:
                come = b""
            if not come:
                poll.unregister(descriptor)
                del by_descriptor[descriptor]
                stream.close()
        now_ns = time.monotonic_ns()
        if not leaving and now_ns > looked_ns + MEMORY_LOOK_NS:
            looked_ns = now_ns
            leaving = memory_bytes() > most_bytes
            for stream, _ in by_descriptor.values() if leaving else ():
                # No more calls: they close it behind the present ones.
                stream.sendall(bytes(_HEAD))
    return LEFT if leaving else LET_GO


def _answer_frames(
    stream: socket.socket, received: bytearray, functions: Sequence[Function], shared: memoryview
) -> None:
    """Answer all frames that have come whole, and take them off."""
    at = 0
    while len(received) >= at + _HEAD:
        end = at + _HEAD + int.from_bytes(received[at : at + _HEAD], "little")
        if len(received) < end:
            break
        for frame in answers(json.loads(received[at + _HEAD : end]), functions, shared):
            stream.sendall(len(frame).to_bytes(_HEAD, "little") + frame)
        at = end
    del received[:at]


def answers(calls: Sequence[Any], functions: Sequence[Function], shared: memoryview) -> Iterable[bytes]:
    """The frames that answer a frame of calls, each as soon as it has been worked out."""
    clock = time.monotonic_ns
    answered: list[tuple[Any, ...]] = []
    first_ns = began_ns = clock()
    for number, arguments in calls:
        shared[FUNCTION] = number
        shared[BEGAN] = began_ns
        try:
            value = functions[number](*arguments)
        except BaseException as error:  # noqa: BLE001 - also those that would end this process
            ended_ns = clock()
            answered.append((ended_ns - began_ns, None, reason_of(error)))
        else:
            ended_ns = clock()
            answered.append((ended_ns - began_ns, value))
        began_ns = ended_ns
        if ended_ns - first_ns > FLUSH_NS:
            shared[BEGAN] = 0
            yield from _written(answered)
            answered = []
            first_ns = began_ns = clock()
    shared[BEGAN] = 0
    if answered:
        yield from _written(answered)
    shared[FRAMES] += 1


def _written(answered: list[tuple[Any, ...]]) -> Iterable[bytes]:
    """As they go out: all together, or one by one where one of them can't."""
    try:
        frame = _encode(answered).encode()
    except Exception:  # noqa: BLE001 - what a value is, is up to the function
        frame = b""
    if frame and len(frame) <= MAX_FRAME:
        return [frame]
    return [_written_alone(each) for each in answered]


def _written_alone(answer: tuple[Any, ...]) -> bytes:
    try:
        frame = _encode([answer]).encode()
        if len(frame) <= MAX_FRAME:
            return frame
        reason = f"OverflowError: the value has more than {MAX_FRAME >> 20} MiB"
    except Exception as error:  # noqa: BLE001 - as above
        reason = reason_of(error)
    return _encode([(answer[0], None, reason)]).encode()


def reason_of(error: BaseException) -> str:
    """What is told of an error, in one line."""
    try:
        text = " ".join(str(error).split())
    except Exception:  # noqa: BLE001 - it is the error of somebody else's class
        text = ""
    kind = type(error).__name__
    reason = f"{kind}: {text}" if text else kind
    reason = reason if len(reason) <= MAX_REASON else f"{reason[:MAX_REASON]} …"
    return reason.encode("utf-8", "replace").decode()


def memory_bytes() -> int:
    """How much this process has in memory."""
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * _PAGE


def _end_with(alive: int) -> None:
    """End where who started it has ended, however: a call that hangs would outlive it."""
    os.read(alive, 1)
    os._exit(1)
