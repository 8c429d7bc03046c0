"""
A run on this machine: the same parts as a big installation, in one process.

The order matters. Whatever can be refused is refused before the first request; what was measured is kept through
every end that a run can have.
"""

from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from apibench.aggregator.generator import HostWatch, findings, is_busy
from apibench.aggregator.merging import RunTally
from apibench.aggregator.rows import Rows, row_length_s
from apibench.aggregator.thresholds import Judge
from apibench.aggregator.verdict import distrusted, verdict
from apibench.aggregator.windows import Grid
from apibench.assembly import host, preflight
from apibench.assembly.engine_choice import engine_options
from apibench.assembly.errands import Errands
from apibench.assembly.history import History
from apibench.assembly.interval_spool import IntervalSpool
from apibench.assembly.outputs import Outputs
from apibench.assembly.pace_look import PaceLook
from apibench.assembly.python_calls import begin, check_callees, python_pool
from apibench.assembly.run_request import RunRequest
from apibench.assembly.screen import Screen
from apibench.assembly.secrets import secret_of
from apibench.engine.giving_way import GivingWay
from apibench.engine.rust import RustEngine
from apibench.engine.seam import Engine, EngineOptions, PreparedLoad
from apibench.model.counts import IntervalCounts
from apibench.model.errand import secret_values, unfilled
from apibench.model.errors import EngineFailed, StoreFailed
from apibench.model.exit_codes import ExitCode
from apibench.model.groups import groups_of
from apibench.model.interval import Interval
from apibench.model.pace_floor import PaceFloor
from apibench.model.plan import Plan
from apibench.model.run import Ended, HostMachine, RunEnd, RunRecord
from apibench.model.run_id import new_run_id
from apibench.model.timeline import Timeline, model_of
from apibench.report.equations import violations
from apibench.report.errand_words import errand_line
from apibench.report.interval_row import interval_row
from apibench.report.result import result_document
from apibench.report.unshown import Unshown
from apibench.store.paths import history_path
from apibench.store.sqlite import SqliteStore
from apibench.worker.carrying_out import Stops, carry_out
from apibench.worker.host_sampler import HostSampler

if TYPE_CHECKING:
    from apibench.assembly.python_pool import PythonPool

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Measured:
    """What a run came to, and what a screen says beside that."""

    document: dict[str, Any]
    exit_code: ExitCode
    stored: bool
    """It is in the history."""
    outputs: Outputs


def measure(request: RunRequest, pace: PaceLook, stops: Stops, tell: Tell) -> Measured | None:
    """
    Run the plan. None: it was stopped before the first request, and nothing was sent.

    The thread that calls gives way to the load from then on, for as long as it lives.

    Args:
        request: what to run, and how.
        pace: the look at this host's timers.
        stops: how often somebody has asked for the end; whoever calls counts.
        tell: takes a sentence for the user. What it says is no error: the run goes on.

    Raises ApibenchError, before the first request.
    """
    check_callees(request)
    shown = Unshown()
    plain, plan = RustEngine(shown.noting(secret_of)), request.plan
    engine, errands = GivingWay(plain), Errands(plain, plan, stops, tell)
    waits = tell if request.progress != "none" else _ignore
    patience = preflight.Patience(request.wait_for_target_ns, lambda: stops.asked > 0, waits)
    prepared = preflight.prepare(lambda: engine.prepare(plan, unfilled(plan)), plan, patience)
    if prepared is None:
        return None
    errands.check()
    options = engine_options(plan, prepared.hosts, threads=request.threads, spin=request.spin)
    preflight.check_limits(plan, prepared.hosts, options.threads)
    for warning in preflight.warnings(plan, prepared.hosts, options.threads):
        tell(warning)
    if request.preflight:
        preflight.check_target(prepared, patience)
    if stops.asked:
        return None
    floor = pace.floor()
    # Not before the floor is known: its processes would be in the way of the look at it.
    with python_pool(request, prepared, options, patience.stopped) as pool:
        if patience.stopped():
            return None
        shared = errands.set_up(options).shared
        if errands.setup is not None:
            waits(f"set-up: {errand_line(errands.setup)}")
        for secret in secret_values(shared):
            shown.add(secret)
        try:
            if plan.setup is not None:
                prepared = engine.prepare(plan, shared)
            record = _record(engine, request, prepared, options, floor)
            with closing(IntervalSpool()) as intervals:
                return _measure(request, record, prepared, options, floor, stops, tell, intervals, errands, pool, shown)
        finally:
            # Nothing, where it has been done; whatever was in the way of the load, it is done.
            errands.tear_down()


def _ignore(_text: str) -> None:
    """Nobody wants to hear of it."""


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
        descriptors=host.descriptor_limits()[0],
        local_ports=host.local_ports(),
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
    stops: Stops,
    tell: Tell,
    intervals: IntervalSpool,
    errands: Errands,
    pool: "PythonPool | None",
    shown: Unshown,
) -> Measured:
    plan: Plan = request.plan
    outputs = Outputs(request.outputs)
    tally, groups = RunTally(Timeline.of(plan)), groups_of(plan)
    judge = Judge(plan, record.series, tally)
    sampler = HostSampler()
    progress = "plain" if outputs.streams_to_a_terminal and request.progress == "auto" else request.progress
    screen = Screen(progress, record, tally, judge)
    history = History(_store(tell) if request.store else None, record, tell)
    history.begin()
    outputs.begin()

    def take(counts: IntervalCounts) -> bool:
        intervals.append(counts)
        history.append(counts)
        interval = Interval.from_counts(counts)
        if outputs.streams:
            outputs.append(interval_row(interval, tally.timeline, record.series, groups))
        tally.add(interval)
        sampler.sample()
        aborting = judge.add(interval)
        screen.show(interval)
        # Without descriptors every further request would fail by our fault: the run is over, not full of errors.
        exhausted = any("local.descriptors" in series.by_error for series in interval.series)
        return aborting is None and not exhausted

    with screen:
        load = begin(prepared, options, pool)
        stopped = carry_out(load, stops, take, lambda: screen.tick(stopping=stops.asked > 0), tally.stop)
    ended: Ended = "complete"
    if stopped:
        ended = "interrupted" if stops.asked else "aborted"
    addresses: Counter[str] = Counter()
    python = None
    try:
        for counts in load.connections_by_address().values():
            addresses.update(counts)
        python = None if pool is None else pool.end_of(load, shown.text)
    except EngineFailed as error:
        # What the other threads measured, and this one before it failed, is in the intervals all the same.
        tell(str(error))
        ended = "crashed"
    errands.tear_down()
    tally.complete = not stopped
    watch = HostWatch(floor, sampler.totals, sampler.seconds, record.threads, {} if python is None else python.took_ns)
    found = findings(plan, tally, watch, plan.parsed_thresholds())
    judged = verdict(tally, ended, judge.results(), found)
    busy = model_of(plan) == "closed" and is_busy(tally, record.threads)
    end = RunEnd(
        datetime.now(UTC),
        ended,
        load.barrier_ns,
        addresses,
        tally.timeline.stopped_ns,
        busy,
        errands.setup,
        errands.teardown,
        python,
        sampler.totals,
    )
    rows = _rows(intervals, tally, len(record.series))
    document = result_document(record, end, judged, tally.main, tally.warmup, rows)
    broken = violations(document)
    if broken:
        judged = distrusted(judged, broken)
        document = result_document(record, end, judged, tally.main, tally.warmup, rows)
    stored = history.finish(document)
    outputs.finish(document)
    return Measured(document, ExitCode(document["verdict"]["exit_code"]), stored, outputs)


def _rows(seconds: IntervalSpool, tally: RunTally, steps: int) -> Rows:
    timeline = tally.timeline
    cut_ns = None if timeline.stopped_ns is None else timeline.window_end_ns
    return Rows(seconds, Grid(timeline), row_length_s(tally.end_ns, steps), cut_ns)


def _store(tell: Tell) -> SqliteStore | None:
    try:
        return SqliteStore(history_path())
    except StoreFailed as error:
        tell(f"{error} The run goes on without it.")
        return None
