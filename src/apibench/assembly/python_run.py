"""`apibench.run(...)`: a run from a script, a notebook or a test. The path of the command, and nothing printed."""

import inspect
import os
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from apibench.assembly import python_process
from apibench.assembly.local import Measured, measure
from apibench.assembly.pace_look import PaceLook
from apibench.assembly.printed_run import say
from apibench.assembly.run_request import Progress, RunRequest
from apibench.assembly.signal_stops import SignalStops
from apibench.authoring.any_target import read_target
from apibench.authoring.load_words import LoadWords
from apibench.authoring.python_words import PythonWords
from apibench.authoring.request_words import RequestWords
from apibench.model.errors import UsageError, WordsInvalid
from apibench.model.fault import Fault, Place, place_text
from apibench.model.suggestion import did_you_mean
from apibench.model.units import parse_duration
from apibench.report.run_result import Result

if TYPE_CHECKING:
    from apibench.authoring.tracing.any_scenario import AnyScenario

_SAID_IN = "apibench.run"
_NAMES = {"url": "what"}
"""Where the argument of a word is not the word itself."""


class RunInterrupted(KeyboardInterrupt):
    """
    Ctrl-C ended a run. A KeyboardInterrupt, so that a script of many runs ends with it and does not begin the next.

    `result` is what was measured by then, its `ended` is `interrupted`; None before the first request.
    """

    def __init__(self, result: Result | None) -> None:
        super().__init__("interrupted")
        self.result = result


def run(  # noqa: PLR0913 - what may be said of a run
    what: "str | os.PathLike[str] | AnyScenario | Sequence[AnyScenario]",
    *,
    rate: str | float | None = None,
    vus: int | None = None,
    connections: int | None = None,
    duration: str | None = None,
    iterations: int | str | None = None,
    stages: Sequence[str] = (),
    warmup: str | None = None,
    thresholds: str | Sequence[str] = (),
    base_url: str | None = None,
    name: str | None = None,
    seed: int | None = None,
    tags: Mapping[str, str] | None = None,
    wait_for_target: str | None = None,
    progress: Progress = "none",
    store: bool = False,
    python_processes: int | None = None,
    python_timeout: str | None = None,
    python_memory: str | None = None,
) -> Result:
    """
    Make a load, wait for its end, and return what it came to.

    It is the run of `apibench run`, with the same thresholds and the same verdict. Nothing is printed; what the
    command would have said beside its result is in `notes` of the result. It may be called from any thread, and within
    an event loop, which it then holds up: `await asyncio.to_thread(apibench.run, ...)` does not.

    Ctrl-C ends the load as it ends the command: once waits for what is in flight, twice breaks it off. Only the main
    thread hears it.

    Args:
        what: a URL, the path of a plan or of a file of scenarios, a function under `@scenario` or
            `@python_user`, or a list of those.
        rate: open model: `"500/s"`, `"30/m"`; a number is per second.
        vus: so many virtual users.
        connections: of a URL: so many virtual users of one connection each; with a rate the most there may be.
        duration: `"30s"`, `"5m"`. A URL's is 10 s unless told.
        iterations: the end after so many: `1000`, `"10k"`.
        stages: of the load: `"30s:1000/s"`, `"30s:@200"`.
        warmup: time before the measurement, counted apart.
        thresholds: `"p99 < 200ms"`; each takes the place of those on the same metric that the plan has.
        base_url: where the requests of a plan with one host go instead.
        name: what the run is called.
        seed: the same seed gives the same requests.
        tags: kept with the result.
        wait_for_target: for so long it is tried to reach the target.
        progress: what is shown on standard error while it runs: `none`, `auto`, `tty`, `plain`, `json`.
        store: keep the run in the history of `apibench runs`.
        python_processes: so many call the functions of `u.py`; as many as processors unless told.
        python_timeout: a call that takes longer has its process ended; 10 s unless told.
        python_memory: a process that has more is replaced; `"1GiB"` unless told.

    Returns:
        The result, whatever its verdict: `result.passed`, `result.raise_if_failed()`.

    Raises:
        WordsInvalid: with all that is wrong with the arguments.
        PlanUnreadable, PlanInvalid, NotTraceable: the file, the plan or the scenario.
        SecretsUnusable: a secret of the plan is not there.
        TargetUnreachable: nobody listens there.
        RunInterrupted: Ctrl-C; the result is in it.
    """
    if python_process.loading:
        raise UsageError(
            "a file that a process of Python loads, to call a function of it, begins a load of its own",
            'Put that under:  if __name__ == "__main__":',
        )
    faults = _Faults()
    target = faults.target(what)
    load = LoadWords(
        connections=faults.count("connections", connections),
        vus=faults.count("vus", vus),
        iterations=faults.text("iterations", str(iterations) if isinstance(iterations, int) else iterations),
        duration=faults.text("duration", duration),
        rate=faults.rate(rate),
        stages=faults.texts("stages", stages),
        warmup=faults.text("warmup", warmup),
        seed=faults.count("seed", seed),
        name=faults.text("name", name),
        thresholds=faults.texts("thresholds", thresholds),
    )
    patience = faults.text("wait_for_target", wait_for_target) or "0s"
    if progress not in get_args(Progress):
        faults.refuse("progress", f"there is no progress '{progress}'", did_you_mean(str(progress), get_args(Progress)))
    checked_tags = faults.tags(tags or {})
    moved = faults.text("base_url", base_url)
    if target is None:
        raise WordsInvalid(faults.found, _SAID_IN)
    read = read_target(target, RequestWords(url=target if isinstance(target, str) else ""), load, base_url=moved)
    read.reading.refused[:0] = faults.found
    words = PythonWords(
        faults.count("python_processes", python_processes),
        faults.text("python_timeout", python_timeout),
        faults.text("python_memory", python_memory),
    )
    python = words.read(read.reading, calls=bool(read.callees) or read.unusable is not None)
    patience_ns = read.reading.attempt(parse_duration, patience, ("wait_for_target",), 0)
    request = RunRequest(
        plan=read.plan(_argument, _SAID_IN),
        summary="none",
        progress=progress,
        store=store,
        wait_for_target_ns=patience_ns,
        tags=checked_tags,
        callees=read.callees,
        python=python,
    )
    return _carried_out(request)


def _carried_out(request: RunRequest) -> Result:
    pace, notes = PaceLook(), list[str]()

    def tell(text: str) -> None:
        notes.append(text)
        if request.progress != "none":
            say(text)

    stops = SignalStops()
    with _listening(stops):
        measured = _in_a_thread_of_its_own(lambda: measure(request, pace, stops, tell), stops)
    result = None if measured is None else Result(measured.document, notes=tuple(notes))
    if stops.asked or result is None:
        raise RunInterrupted(result)
    return result


def _listening(stops: SignalStops) -> AbstractContextManager[None]:
    """
    Hear Ctrl-C where that is possible.

    SIGTERM is left to the program: it is the program that is asked to end. A handler that no Python code has set
    could not be set again.
    """
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGINT) is None:
        return nullcontext()
    return stops.listening((signal.SIGINT,))


def _in_a_thread_of_its_own(work: Callable[[], Measured | None], stops: SignalStops) -> Measured | None:
    """
    Do it in a thread that is there for nothing else.

    Who carries out a load gives way to it and can't take that back: the caller's thread would stay slow. And a load
    must not outlive an error that a signal's handler raises in the caller, as a test's time limit does.
    """
    done: Future[Measured | None] = Future()
    thread = threading.Thread(target=_do, args=(work, done), name="apibench run")
    thread.start()
    try:
        return done.result()
    except BaseException:
        if not done.done():
            stops.asked += 2
        raise
    finally:
        thread.join()
        del done  # an error's traceback has this frame, and must not hold itself by it


def _do(work: Callable[[], Measured | None], done: "Future[Measured | None]") -> None:
    try:
        done.set_result(work())
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is the caller's
        done.set_exception(error)


def _argument(path: Place) -> str:
    return place_text((_NAMES.get(str(path[0]), path[0]), *path[1:])) if path else ""


class _Faults:
    """What arguments are that can't be words. Python says nothing of types, and `duration=30` looks right."""

    def __init__(self) -> None:
        self.found: list[Fault] = []

    def refuse(self, argument: str, message: str, remedy: str) -> None:
        self.found.append(Fault(UsageError.code, argument, message, remedy, path=(argument,)))

    def text(self, argument: str, value: Any) -> str | None:
        if value is None or isinstance(value, str):
            return value
        known = isinstance(value, int | float) and argument in ("duration", "warmup", "wait_for_target")
        remedy = f'Write its unit: {argument}="{value:g}s".' if known else "Write a text."
        self.refuse(argument, f"{value!r} is no text", remedy)
        return None

    def rate(self, value: Any) -> str | None:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return f"{value:f}/s"
        return self.text("rate", value)

    def texts(self, argument: str, value: Any) -> tuple[str, ...]:
        if isinstance(value, str):
            return (value,)
        given = tuple(value) if isinstance(value, Sequence) else (value,)
        if all(isinstance(each, str) for each in given):
            return given
        self.refuse(argument, f"{value!r} is no list of texts", "Write each as a text in a list.")
        return ()

    def count(self, argument: str, value: Any) -> int | None:
        if value is None or (isinstance(value, int) and not isinstance(value, bool)):
            return value
        self.refuse(argument, f"{value!r} is no whole number", f"Write a number: {argument}=20.")
        return None

    def tags(self, given: Any) -> dict[str, str]:
        if isinstance(given, Mapping) and all(isinstance(each, str) for pair in given.items() for each in pair):
            return dict(given)
        self.refuse("tags", f"{given!r} is no mapping of texts to texts", 'Write {"branch": "main"}.')
        return {}

    def target(self, what: Any) -> "str | Sequence[AnyScenario] | None":
        from apibench.authoring.tracing.any_scenario import AnyScenario  # noqa: PLC0415 - only a call of Python has them

        if isinstance(what, AnyScenario):
            return [what]
        if isinstance(what, str | Path):
            return str(what)
        if isinstance(what, os.PathLike):
            return os.fsdecode(what)
        if isinstance(what, Sequence) and what and all(isinstance(each, AnyScenario) for each in what):
            return list(what)
        remedy = "Give a URL, a path, a function under @scenario or @python_user, or a list of those functions."
        called = getattr(what, "__name__", None)
        if callable(what) and called:
            word = "python_user" if inspect.iscoroutinefunction(what) else "scenario"
            self.refuse("what", f"the function {called} is no scenario", f"Put @{word}(base_url=...) above it.")
        else:
            self.refuse("what", f"{what!r} can't be run", remedy)
        return None
