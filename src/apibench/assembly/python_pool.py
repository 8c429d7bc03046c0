"""
The processes by which functions of Python are called on this machine: started before the load, watched while it goes
on, and started anew where one has died, hangs, or has grown too large.

Nothing of it is on the way of a call. A process is started by running Python anew, for a copy of a process with threads
may be stuck from its beginning on.
"""

import contextlib
import json
import mmap
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from apibench.assembly import host
from apibench.assembly.python_process import BEGAN, END, FRAMES, FUNCTION, LEFT, LET_GO, SHARED_BYTES
from apibench.engine.seam import PythonProcess, RunningLoad
from apibench.model.callee import Callee
from apibench.model.errors import PythonUnusable
from apibench.model.figures import human_duration, human_size
from apibench.model.python_options import PythonOptions
from apibench.model.python_place import PythonPlace
from apibench.model.run import PythonEnd, PythonFailure

READY_S = 60.0
"""How long a file may take to be loaded."""
TICK_S = 0.05
MEMORY_EVERY = 10
"""Ticks."""
DEATHS_IN_A_ROW = 5
"""Of processes that have answered nothing; then no further one is started."""
LAST_S = 0.5
"""How long processes may take to end when the load is over."""
_PROGRAM = "import sys; sys.path[:] = {path!r}; from apibench.assembly.python_process import main; main()"
_PAGE = os.sysconf("SC_PAGE_SIZE")
_UNEXPLAINED = "died"


@dataclass(slots=True)
class _Process:
    """One of them."""

    number: int
    popen: subprocess.Popen[bytes]
    shared: mmap.mmap
    cells: memoryview
    """What it tells while it is at it; see `python_process`."""
    control: int
    """Says once whether it is ready."""
    alive: int
    """It ends when this is closed."""
    streams: list[socket.socket]
    """Our ends, until the load has them."""
    until_s: float
    """When it has to be ready."""
    said: bytes = b""
    ready: bool = False
    ended_for: str = ""
    """Why we have ended it."""

    def close(self) -> None:
        """Let go of all that is ours."""
        for stream in self.streams:
            stream.close()
        self.streams.clear()
        with contextlib.suppress(OSError):
            os.close(self.control)
        with contextlib.suppress(OSError):
            os.close(self.alive)
        self.cells.release()
        self.shared.close()


class PythonPool:
    """Those of one load."""

    def __init__(
        self,
        functions: Sequence[tuple[str, Callee]],
        threads: int,
        options: PythonOptions,
        is_stopped: Callable[[], bool],
        place: PythonPlace | None = None,
    ) -> None:
        """
        Those of a load.

        Args:
            functions: their names, and where they are found, by their numbers in the load.
            threads: of the load.
            options: what the user says of it.
            is_stopped: whether somebody has asked for the end.
            place: where they are called; None: here, where the scenario was loaded.
        """
        self._place = place
        self._is_stopped = is_stopped
        self._names = [name for name, _ in functions]
        self._callees = [callee for _, callee in functions]
        self._threads = threads
        self._options = options
        self._count = len(host.processors()) if options.processes is None else options.processes
        self._started = 0
        self._processes: list[_Process] = []
        self._row = 0
        """Deaths in a row."""
        self._load: RunningLoad | None = None
        self._begins, self._over = threading.Event(), threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="python", daemon=True)
        self.replaced: Counter[str] = Counter()
        """How many processes were replaced, by why."""

    def __enter__(self) -> Self:
        """
        Start them, and wait until they have loaded what they are to call, or somebody has asked for the end.

        Raises PythonUnusable.
        """
        try:
            self._processes = [self._start() for _ in range(self._count)]
            for each in self._processes:
                while not (each.ready or self._is_stopped()):
                    self._hear(each, TICK_S)
        except BaseException:
            self._end_all()
            raise
        # Made now, it goes first as the load does: what it starts has its niceness.
        self._watcher.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End them."""
        self._over.set()
        self._begins.set()
        if self._watcher.is_alive():
            self._watcher.join()
        self._end_all()

    def streams(self) -> list[PythonProcess]:
        """What a load is begun with."""
        return [_streams_of(each) for each in self._processes]

    def watch(self, load: RunningLoad) -> None:
        """The load has begun, and has copies of the streams."""
        for each in self._processes:
            _let_go(each)
        self._load = load
        self._begins.set()

    def end_of(self, load: RunningLoad, shown: Callable[[str], str]) -> PythonEnd:
        """What became of the calls of a load that is over. `shown` takes out of a text what may not be shown."""
        took_ns, failures = load.python_account()
        return PythonEnd(
            self._count,
            dict(self.replaced),
            tuple(PythonFailure(self._names[number], shown(reason), count) for number, reason, count in failures),
            dict(zip(self._names, took_ns, strict=False)),
        )

    # Starting.

    def _start(self) -> _Process:
        self._started += 1
        shared_by = os.memfd_create("apibench-python")
        os.ftruncate(shared_by, SHARED_BYTES)
        shared = mmap.mmap(shared_by, SHARED_BYTES)
        control, says = os.pipe()
        hears, alive = os.pipe()
        pairs = [socket.socketpair() for _ in range(self._threads)]
        theirs = [other.fileno() for _, other in pairs]
        place = self._place
        path = sys.path if place is None else [str(place.folder), *sys.path]
        told: dict[str, Any] = {
            "callees": [(each.module, each.file, each.name) for each in self._callees],
            "path": list(dict.fromkeys(folder for each in self._callees for folder in each.path)),
            "streams": theirs,
            "control": says,
            "alive": hears,
            "shared": shared_by,
            "memory_bytes": self._options.memory_bytes,
            "data_is_here": place is None,
        }
        try:
            popen = subprocess.Popen(  # noqa: S603 - this Python, and a program of ours
                [sys.executable, "-c", _PROGRAM.format(path=path), json.dumps(told)],
                cwd=None if place is None else place.folder,
                env=None if place is None else dict(place.environment),
                stdin=subprocess.DEVNULL,
                # What functions print is no output of the command.
                stdout=2,
                pass_fds=(*theirs, says, hears, shared_by),
            )
        finally:
            for descriptor in (says, hears, shared_by):
                os.close(descriptor)
            for own, other in pairs:
                own.setblocking(False)  # noqa: FBT003 - its only parameter
                other.close()
        streams = [own for own, _ in pairs]
        cells, until_s = memoryview(shared).cast("Q"), time.monotonic() + READY_S
        return _Process(self._started, popen, shared, cells, control, alive, streams, until_s)

    def _hear(self, process: _Process, patience_s: float) -> None:
        """Hear whether it is ready. Raises PythonUnusable for one that will not be."""
        if time.monotonic() > process.until_s:
            message = f"a process of Python was not ready within {READY_S:g} s"
            raise PythonUnusable(message, "Have the file do less when it is loaded.")
        if not select.select([process.control], [], [], patience_s)[0]:
            return
        come = os.read(process.control, 1 << 16)
        if not come:
            ended = _how_it_ended(process.popen.wait())
            raise PythonUnusable(f"a process of Python {ended} while it loaded the file", self._load_remedy())
        process.said += come
        if not process.said.endswith(b"\n"):
            return
        said = json.loads(process.said)
        if "fault" in said:
            raise PythonUnusable(f"a process of Python could not load the file: {said['fault']}", self._load_remedy())
        if said["memory_bytes"] > self._options.memory_bytes:
            has, most = human_size(said["memory_bytes"]), human_size(self._options.memory_bytes)
            message = f"a process of Python has {has} in memory when it has loaded the file, and {most} is the most"
            raise PythonUnusable(message, "Allow more: --python-memory 4GiB.")
        process.ready = True

    def _load_remedy(self) -> str:
        return _LOAD_REMEDY if self._place is None else _LOAD_REMEDY_ELSEWHERE

    # Watching.

    def _watch(self) -> None:
        self._begins.wait()
        ticks = 0
        while not self._over.wait(TICK_S):
            ticks += 1
            for each in list(self._processes):
                self._look_at(each, looks_at_memory=ticks % MEMORY_EVERY == 0)

    def _look_at(self, process: _Process, *, looks_at_memory: bool) -> None:
        code = process.popen.poll()
        if code is not None:
            self._replace(process, code)
            return
        if not process.ready:
            self._welcome(process)
            return
        began_ns, function = process.cells[BEGAN], process.cells[FUNCTION]
        if began_ns and time.monotonic_ns() - began_ns > self._options.timeout_ns and began_ns == process.cells[BEGAN]:
            most = human_duration(self._options.timeout_ns)
            self._end(process, "hung", f"TimeoutError: `{self._names[function]}` took longer than {most}")
        elif looks_at_memory and _memory_bytes(process.popen.pid) > 2 * self._options.memory_bytes:
            most = human_size(2 * self._options.memory_bytes)
            self._end(process, "too large", f"MemoryError: the process had more than {most} in memory")

    def _end(self, process: _Process, why: str, reason: str) -> None:
        if self._load is not None and not process.ended_for:
            process.ended_for = why
            self._load.process_ends(process.number, reason)
            process.popen.kill()

    def _replace(self, process: _Process, code: int) -> None:
        answered, end = process.cells[FRAMES] > 0, process.cells[END]
        process.close()
        self._processes.remove(process)
        if end == LET_GO or self._load is None or self._over.is_set():
            # All streams have come to their end: the load is over.
            return
        self._row = 0 if answered else self._row + 1
        why = process.ended_for or ("too large" if end == LEFT else _how_it_ended(code))
        if self._row >= DEATHS_IN_A_ROW:
            reason = f"RuntimeError: the last {DEATHS_IN_A_ROW} processes of Python ended without an answer"
            self._load.processes_are_over(reason)
            return
        self.replaced[why] += 1
        self._processes.append(self._start())

    def _welcome(self, process: _Process) -> None:
        """One that was started while the load goes on joins it, once it is ready."""
        try:
            self._hear(process, 0)
        except PythonUnusable:
            # It is dead, or is made so; as such it is found with the next look.
            process.popen.kill()
        if process.ready and self._load is not None:
            self._load.add_process(_streams_of(process))
            _let_go(process)

    def _end_all(self) -> None:
        """Those of a load that is over end by themselves, because their streams have."""
        until_s = time.monotonic() + LAST_S
        for each in self._processes:
            _let_go(each)
        for each in self._processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                each.popen.wait(max(until_s - time.monotonic(), 0.01))
            each.popen.kill()
            each.popen.wait()
            each.close()
        self._processes = []


_LOAD_REMEDY = "It is loaded once for each process: run python FILE by hand, and see what that needs."
_LOAD_REMEDY_ELSEWHERE = (
    "Only files of Python from beside the scenario were sent: what else it needs is to be installed."
)


def _streams_of(process: _Process) -> PythonProcess:
    return PythonProcess(process.number, tuple(stream.fileno() for stream in process.streams))


def _let_go(process: _Process) -> None:
    """Our copies of its streams would keep them open."""
    for stream in process.streams:
        stream.close()
    process.streams.clear()


def _how_it_ended(code: int) -> str:
    if code >= 0:
        return f"{_UNEXPLAINED} with exit code {code}" if code else _UNEXPLAINED
    try:
        return f"{_UNEXPLAINED} by {signal.Signals(-code).name}"
    except ValueError:
        return f"{_UNEXPLAINED} by signal {-code}"


def _memory_bytes(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/statm", encoding="ascii") as file:  # noqa: PTH123 - twice a second
            return int(file.read().split()[1]) * _PAGE
    except (OSError, IndexError, ValueError):
        return 0
