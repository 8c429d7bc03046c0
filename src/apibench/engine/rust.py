"""The real engine."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from apibench import _engine
from apibench.engine.seam import EngineOptions, Finding, HostFacts, PythonProcess
from apibench.model.counts import IntervalCounts
from apibench.model.disclosure import Lookup, disclosed, nobody_knows
from apibench.model.errand import NOTHING_SHARED, Shared
from apibench.model.errors import (
    ApibenchError,
    CertificatesUnusable,
    ChangeRefused,
    EngineFailed,
    PlanInvalid,
    TargetUnreachable,
)
from apibench.model.fault import Fault, place_text
from apibench.model.groups import GroupName
from apibench.model.plan import Plan, engine_json
from apibench.model.rate_change import RateChange
from apibench.model.run import SeriesName
from apibench.model.share import WHOLE, Share


class RustEngine:
    """Makes load with the threads of this process."""

    version = _engine.__version__

    def __init__(self, secrets: Lookup = nobody_knows, rows: Callable[[str], str] = str) -> None:
        """`secrets` tells what a plan only names, `rows` where a file is that it takes rows from."""
        self._secrets = secrets
        self._rows = rows

    def prepare(self, plan: Plan, shared: Shared = NOTHING_SHARED) -> "RustPreparedLoad":
        """Compile a plan, its secrets and what its set-up has handed over filled in, and look its hosts up."""
        document = disclosed(plan, self._secrets, shared)
        for feeder in document["feeders"].values():
            if feeder["path"] is not None:
                feeder["path"] = self._rows(feeder["path"])
        try:
            return RustPreparedLoad(_engine.Prepared(engine_json(document).decode()))
        except _engine.EngineError as error:
            raise _translated(error, {name: feeder.path for name, feeder in plan.feeders.items()}) from error


class RustPreparedLoad:
    """A compiled plan."""

    def __init__(self, prepared: _engine.Prepared) -> None:
        facts = json.loads(prepared.facts())
        self._prepared = prepared
        self.series = tuple(SeriesName(**each) for each in facts["series"])
        self.groups = tuple(GroupName(**each) for each in facts["groups"])
        self.functions = tuple(facts["functions"])
        self.hosts = tuple(HostFacts(each["name"], tuple(each["addresses"]), each["dns_ns"]) for each in facts["hosts"])

    def preflight(self, options: EngineOptions | None = None) -> tuple[Finding, ...]:
        """Connect to every address that is not denied, and shake hands."""
        options = options or EngineOptions(threads=1)
        try:
            findings = json.loads(self._prepared.preflight(json.dumps(asdict(options))))
        except _engine.EngineError as error:
            raise _translated(error) from error
        return tuple(Finding(**each) for each in findings)

    def start(
        self,
        options: EngineOptions,
        *,
        barrier_ns: int | None = None,
        share: Share = WHOLE,
        lease_until_ns: int | None = None,
        processes: Sequence[PythonProcess] = (),
    ) -> "RustRunningLoad":
        """Begin with a share of the plan."""
        cuts = [(cut.low, cut.high) for cut in share.cuts]
        streams = [(each.number, each.streams) for each in processes]
        try:
            run = self._prepared.start(json.dumps(asdict(options)), barrier_ns, cuts, lease_until_ns, streams)
            return RustRunningLoad(run, self.hosts)
        except _engine.EngineError as error:
            raise _translated(error) from error


class RustRunningLoad:
    """A load that has begun."""

    def __init__(self, run: _engine.Run, hosts: tuple[HostFacts, ...]) -> None:
        self._run = run
        self._hosts = hosts

    @property
    def ended(self) -> bool:
        """Whether everything is over and has been read."""
        return self._run.ended

    @property
    def barrier_ns(self) -> int:
        """When it began, on CLOCK_MONOTONIC."""
        return self._run.barrier_ns

    def next_counts(self, patience_ms: int) -> IntervalCounts | None:
        """The next sealed interval; None if none is complete within the time, or everything has been read."""
        return self._run.next(patience_ms)

    def stop(self) -> None:
        """Send nothing more; what is in flight may end until the drain is over."""
        self._run.stop()

    def abort(self) -> None:
        """Send nothing more and wait for nothing."""
        self._run.abort()

    def change(self, effective_ns: int, share: Share, rates: Sequence[RateChange] = ()) -> None:
        """Have it go on with that share and those rates."""
        cuts = [(cut.low, cut.high) for cut in share.cuts]
        changed = [{"scenario": each.scenario, "at_ns": each.at_ns, "rate": each.rate.model_dump()} for each in rates]
        try:
            self._run.change(effective_ns, cuts, json.dumps(changed))
        except _engine.EngineError as error:
            raise ChangeRefused(error.args[1], "Choose a later moment, or another rate.") from error

    def extend_lease(self, until_ns: int) -> bool:
        """Have it send until that moment, if its lease has not run out."""
        return self._run.extend_lease(until_ns)

    @property
    def fenced(self) -> bool:
        """Whether it stopped because its lease had run out."""
        return self._run.was_fenced()

    def told(self) -> Sequence[dict[str, Any]]:
        """What its iterations have done, step by step, if that was asked for."""
        self.connections_by_address()
        told: list[dict[str, Any]] = json.loads(self._run.told())
        return told

    def add_process(self, process: PythonProcess) -> None:
        """Another process has come."""
        self._run.add_process(process.number, process.streams)

    def process_ends(self, number: int, reason: str) -> None:
        """A process is about to be ended, and why."""
        self._run.process_ends(number, reason)

    def processes_are_over(self, reason: str) -> None:
        """No process comes any more, and why."""
        self._run.processes_are_over(reason)

    def python_account(self) -> tuple[Sequence[int], Sequence[tuple[int, str, int]]]:
        """How long calls of Python took, and why they failed."""
        self.connections_by_address()
        return self._run.python_account()

    def connections_by_address(self) -> Mapping[str, Mapping[str, int]]:
        """How many connections were opened, by host and address."""
        try:
            counts = self._run.join()
        except _engine.EngineError as error:
            raise _translated(error) from error
        return {
            host.name: dict(zip(host.addresses, of_host, strict=True))
            for host, of_host in zip(self._hosts, counts, strict=True)
        }


def _translated(error: Exception, files: Mapping[str, str | None] | None = None) -> ApibenchError:
    """`files`: where feeders take their rows from, as the plan names it."""
    kind, message = error.args
    if kind == "target":
        return TargetUnreachable(message, "Check the spelling, or give the address with --resolve HOST:PORT:ADDRESS.")
    if kind == "trust":
        return CertificatesUnusable(message, "Name a PEM file of certificates with --cacert, or -k to skip the check.")
    if kind == "rows":
        return PlanInvalid([_row_fault(name, what, (files or {}).get(name)) for name, what in json.loads(message)])
    if kind == "late":
        return EngineFailed(message, "Start it with more time ahead; this host may be overloaded.")
    # Validation lets no plan through that the engine refuses: the two sides disagree, and that is our fault.
    return EngineFailed(message, "Please report this with the plan that caused it.")


def _row_fault(feeder: str, what: str, file: str | None) -> Fault:
    path = ("feeders", feeder)
    message = what if file is None or what.startswith(file) else f"{file}: {what}"
    return Fault("feeder.rows", place_text(path), message, "Mend the rows, or name another file.", path=path)
