"""
A run on this machine: the same parts as a big installation, in one process.

The order matters. Whatever can be refused is refused before the first request; what was measured is kept through
every end that a run can have.
"""

import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from types import FrameType
from typing import Any

from apibench.aggregator.generator import HostWatch, findings, is_busy
from apibench.aggregator.merging import RunTally
from apibench.aggregator.rows import Rows, row_length_s
from apibench.aggregator.thresholds import Judge
from apibench.aggregator.verdict import distrusted, verdict
from apibench.aggregator.windows import Grid
from apibench.assembly import host, preflight
from apibench.assembly.engine_choice import engine_options
from apibench.assembly.history import History
from apibench.assembly.interval_spool import IntervalSpool
from apibench.assembly.outputs import Outputs
from apibench.assembly.pace_look import PaceLook
from apibench.assembly.run_request import RunRequest
from apibench.assembly.screen import Screen
from apibench.assembly.secrets import secret_of
from apibench.engine.giving_way import GivingWay
from apibench.engine.rust import RustEngine
from apibench.engine.seam import Engine, EngineOptions, PreparedLoad
from apibench.model.counts import IntervalCounts
from apibench.model.errors import EngineFailed, OutputFailed, StoreFailed
from apibench.model.exit_codes import ExitCode
from apibench.model.interval import Interval
from apibench.model.pace_floor import PaceFloor
from apibench.model.plan import Plan
from apibench.model.run import Ended, HostMachine, RunEnd, RunRecord
from apibench.model.run_id import new_run_id
from apibench.model.timeline import Timeline, model_of
from apibench.report.equations import violations
from apibench.report.interval_row import interval_row
from apibench.report.result import result_document
from apibench.store.paths import history_path
from apibench.store.sqlite import SqliteStore
from apibench.worker.agent import carry_out
from apibench.worker.host_sampler import HostSampler


class SignalStops:
    """Counts SIGINT and SIGTERM."""

    def __init__(self) -> None:
        self.asked = 0

    def _heard(self, _number: int, _frame: FrameType | None) -> None:
        self.asked += 1

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Count them for as long as this lasts, instead of what they would do."""
        before = {number: signal.signal(number, self._heard) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def run(request: RunRequest, pace: PaceLook) -> ExitCode:
    """Run the plan, say what it came to, and return the exit code."""
    engine = GivingWay(RustEngine(secret_of))
    stops = SignalStops()
    with stops.listening():
        patience = preflight.Patience(request.wait_for_target_ns, lambda: stops.asked > 0, _teller(request))
        prepared = preflight.prepare(lambda: engine.prepare(request.plan), request.plan, patience)
        if prepared is None:
            return _interrupted()
        options = engine_options(request.plan, prepared.hosts, threads=request.threads, spin=request.spin)
        preflight.check_limits(request.plan, prepared.hosts, options.threads)
        for warning in preflight.warnings(request.plan, prepared.hosts, options.threads):
            sys.stderr.write(f"apibench: {warning}\n")
        if request.preflight:
            preflight.check_target(prepared, patience)
        if stops.asked:
            return _interrupted()
        floor = pace.floor()
        record = _record(engine, request, prepared, options, floor)
        outputs = Outputs(request.outputs)
        with closing(IntervalSpool()) as intervals:
            measured = _measure(request, record, prepared, options, floor, stops, outputs, intervals)
    _say(request, measured, outputs)
    if outputs.lost and measured.exit_code == ExitCode.PASSED:
        sys.stderr.write("apibench: exit code 1, because an output that was asked for is lost\n")
        return ExitCode.OUR_FAULT
    return measured.exit_code


@dataclass(frozen=True, slots=True)
class _Measured:
    """What a run came to, and what its screen says beside that."""

    document: dict[str, Any]
    exit_code: ExitCode
    stored: bool
    """It is in the history."""


def _teller(request: RunRequest) -> Callable[[str], None]:
    """Says a sentence about what goes on before the run, unless nobody wants to hear of it."""

    def tell(text: str) -> None:
        if request.progress != "none":
            sys.stderr.write(f"apibench: {text}\n")
            sys.stderr.flush()

    return tell


def _interrupted() -> ExitCode:
    sys.stderr.write("apibench: interrupted before the first request; nothing was sent\n")
    return ExitCode.INTERRUPTED


def _record(
    engine: Engine, request: RunRequest, prepared: PreparedLoad, options: EngineOptions, floor: PaceFloor
) -> RunRecord:
    machine = HostMachine(
        cpus=len(host.processors()),
        quota=host.quota(),
        kernel=host.kernel(),
        clock=host.clock_source(),
        spin=options.spin_ns > 0,
        co_located=any(host.is_local(facts.addresses) for facts in prepared.hosts),
        pace_p50_ns=floor.p50_ns,
        pace_p99_ns=floor.p99_ns,
    )
    return RunRecord(
        run_id=new_run_id(),
        plan=request.plan,
        started_at=datetime.now(UTC),
        engine_version=engine.version,
        threads=options.threads,
        host=machine,
        series=prepared.series,
        look_ups_ns=tuple(facts.dns_ns for facts in prepared.hosts if facts.dns_ns),
        tags=request.tags,
    )


def _measure(  # noqa: PLR0913, PLR0917 - all that a run consists of
    request: RunRequest,
    record: RunRecord,
    prepared: PreparedLoad,
    options: EngineOptions,
    floor: PaceFloor,
    stops: SignalStops,
    outputs: Outputs,
    intervals: IntervalSpool,
) -> _Measured:
    plan: Plan = request.plan
    tally = RunTally(Timeline.of(plan))
    judge = Judge(plan, record.series, tally)
    sampler = HostSampler()
    progress = "plain" if outputs.streams_to_a_terminal and request.progress == "auto" else request.progress
    screen = Screen(progress, record, tally, judge)
    history = History(_store() if request.store else None, record)
    history.begin()
    outputs.begin()

    def take(counts: IntervalCounts) -> bool:
        intervals.append(counts)
        history.append(counts)
        interval = Interval.from_counts(counts)
        if outputs.streams:
            outputs.append(interval_row(interval, tally.timeline, record.series))
        tally.add(interval)
        sampler.sample()
        aborting = judge.add(interval)
        screen.show(interval)
        # Without descriptors every further request would fail by our fault: the run is over, not full of errors.
        exhausted = any("local.descriptors" in series.by_error for series in interval.series)
        return aborting is None and not exhausted

    with screen:
        load = prepared.start(options)
        stopped = carry_out(load, stops, take, lambda: screen.tick(stopping=stops.asked > 0), tally.stop)
    ended: Ended = "complete"
    if stopped:
        ended = "interrupted" if stops.asked else "aborted"
    addresses: Counter[str] = Counter()
    try:
        for counts in load.connections_by_address().values():
            addresses.update(counts)
    except EngineFailed as error:
        # What the other threads measured, and this one before it failed, is in the intervals all the same.
        sys.stderr.write(f"apibench: {error}\n")
        ended = "crashed"
    tally.complete = not stopped
    watch = HostWatch(floor, sampler.totals, sampler.seconds, record.threads)
    found = findings(plan, tally, watch, plan.parsed_thresholds())
    judged = verdict(tally, ended, judge.results(), found)
    busy = model_of(plan) == "closed" and is_busy(tally, record.threads)
    end = RunEnd(datetime.now(UTC), ended, load.barrier_ns, addresses, tally.timeline.stopped_ns, busy)
    rows = _rows(intervals, tally, len(record.series))
    document = result_document(record, end, judged, tally.main, tally.warmup, rows)
    broken = violations(document)
    if broken:
        judged = distrusted(judged, broken)
        document = result_document(record, end, judged, tally.main, tally.warmup, rows)
    stored = history.finish(document)
    outputs.finish(document)
    return _Measured(document, judged.exit_code, stored)


def _rows(seconds: IntervalSpool, tally: RunTally, steps: int) -> Rows:
    timeline = tally.timeline
    cut_ns = None if timeline.stopped_ns is None else timeline.window_end_ns
    return Rows(seconds, Grid(timeline), row_length_s(tally.end_ns, steps), cut_ns)


def _store() -> SqliteStore | None:
    try:
        return SqliteStore(history_path())
    except StoreFailed as error:
        sys.stderr.write(f"apibench: {error} The run goes on without it.\n")
        return None


def _say(request: RunRequest, measured: _Measured, outputs: Outputs) -> None:
    """The last screen."""
    if request.summary == "none" or outputs.takes_standard_output:
        return
    from apibench.assembly.last_screen import print_summary  # noqa: PLC0415 - no first request waits for it

    try:
        print_summary(
            measured.document,
            request.summary,
            written=outputs.written,
            stored=measured.stored,
        )
        sys.stdout.flush()
    except OutputFailed as error:
        sys.stderr.write(f"apibench: {error}\n")
