"""
A segment's engine: the real one, as the segment's machine asks for it.

To compile a plan and to wait for sealed seconds takes time, so both are done in threads. What is asked for in between
takes none, and the machine asks for it directly.
"""

import asyncio
import json
from collections.abc import Callable, Sequence

from apibench.engine.seam import Engine, EngineOptions, PreparedLoad, RunningLoad
from apibench.model.control import Prepare
from apibench.model.counts import IntervalCounts
from apibench.model.errand import NOTHING_SHARED
from apibench.model.errors import ApibenchError, EngineFailed
from apibench.model.plan import Plan
from apibench.model.python_steps import python_functions
from apibench.model.rate_change import RateChange
from apibench.model.share import Share
from apibench.model.validation import parse_plan
from apibench.worker.code import CodeHost, SegmentCalls

PATIENCE_MS = 500
"""How long a call into the engine waits at most for the next sealed second."""

Choose = Callable[[Prepare, Plan, PreparedLoad], EngineOptions]
"""How this host runs its share of a plan. Raises ApibenchError where it can't, or nobody is at the target."""


class SegmentLoad:
    """A plan that is being prepared, is running, or has ended."""

    def __init__(self, engine: Engine, asked: Prepare, choose: Choose, code: CodeHost) -> None:
        self._engine = engine
        self._asked = asked
        self._choose = choose
        self._code = code
        self._calls: SegmentCalls | None = None
        self._prepared: PreparedLoad | None = None
        self._options: EngineOptions | None = None
        self._load: RunningLoad | None = None
        self._settled = asyncio.Event()
        self._given_up = False

    async def prepare(self) -> ApibenchError | None:
        """Compile the plan, look its hosts up, connect once; what is in the way, or nothing."""
        try:
            await asyncio.to_thread(self._prepare)
        except ApibenchError as error:
            return error
        return None

    def start(self, barrier_ns: int, share: Share, lease_until_ns: int) -> None:
        """Begin at that moment. Raises ApibenchError."""
        if self._prepared is None or self._options is None:
            raise EngineFailed("the segment was started before it was prepared", "Please report this.")
        calls = self._calls
        self._load = self._prepared.start(
            self._options,
            barrier_ns=barrier_ns,
            share=share,
            lease_until_ns=lease_until_ns,
            processes=() if calls is None else calls.streams(),
        )
        if calls is not None:
            calls.watch(self._load)
        self._settled.set()

    def change(self, effective_ns: int, share: Share, rates: Sequence[RateChange]) -> None:
        """Go on with that share, and those rates too. Raises ChangeRefused."""
        self._running().change(effective_ns, share, rates)

    def extend_lease(self, until_ns: int) -> bool:
        """Whether it could be extended."""
        return self._running().extend_lease(until_ns)

    def stop(self) -> None:
        """Send nothing more; what is in flight may end."""
        if self._load is not None:
            self._load.stop()

    def abort(self) -> None:
        """Send nothing more and wait for nothing."""
        if self._load is not None:
            self._load.abort()

    def give_up(self) -> None:
        """It will never be told to start."""
        self._given_up = True
        self._settled.set()

    async def begun(self) -> bool:
        """Returns once it has been told to start, or never will be; whether it has begun."""
        await self._settled.wait()
        return self._load is not None

    def close(self) -> None:
        """It is over, or will never begin: let go of all that is beside the engine. Takes a while."""
        self._given_up = True
        calls, self._calls = self._calls, None
        if calls is not None:
            calls.close(self._load)

    @property
    def over(self) -> bool:
        """Whether everything has been read."""
        return self._load is not None and self._load.ended

    @property
    def fenced(self) -> bool:
        """Whether it stopped because its lease had run out."""
        return self._load is not None and self._load.fenced

    async def next_counts(self) -> IntervalCounts | None:
        """The next sealed second; None if none is complete within a while."""
        return await asyncio.to_thread(self._running().next_counts, PATIENCE_MS)

    def fault(self) -> str:
        """Why a thread of the engine failed; empty where none has. Only once it is over."""
        try:
            self._running().connections_by_address()
        except ApibenchError as error:
            return str(error)
        return ""

    def _prepare(self) -> None:
        plan = parse_plan(json.loads(self._asked.plan))
        shared = json.loads(self._asked.shared) if self._asked.shared else NOTHING_SHARED
        if python_functions(plan):
            # First of all, for it costs nothing: whether it may be called here at all.
            self._code.check(self._asked, plan)
        prepared = self._engine.prepare(plan, shared)
        options = self._choose(self._asked, plan, prepared)
        if prepared.functions:
            self._calls = self._code.begin(
                self._asked, plan, prepared.functions, options.threads, lambda: self._given_up
            )
            if self._given_up:
                # Nobody waits for it any more.
                self.close()
        self._options, self._prepared = options, prepared

    def _running(self) -> RunningLoad:
        if self._load is None:
            raise EngineFailed("the segment has not begun", "Please report this.")
        return self._load
