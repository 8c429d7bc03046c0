"""
What adds up, reports and shows gives way to what sends.

A request that is due may not wait, all else may: on a processor that both share, the scheduler would let either run for
milliseconds while the other waits. A thread has the niceness of who makes it, and takes less only by a right that few
have; so loads are begun by a thread that was there before.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from apibench.engine.seam import Engine, EngineOptions, Finding, PreparedLoad, PythonProcess, RunningLoad
from apibench.model.errand import NOTHING_SHARED, Shared
from apibench.model.plan import Plan
from apibench.model.share import WHOLE, Share

NICENESS = 10
"""Of what may wait, a tenth of the weight of what may not: enough to keep up also where requests take all the rest."""


class GivingWay:
    """
    An Engine whose loads go first. Whoever starts one gives way to all of them from then on, as do the threads that it
    makes.

    Not before: what has to be done until the load begins is waited for. It can't be taken back, and need not be:
    processes that make load are made for it.
    """

    def __init__(self, engine: Engine) -> None:
        self.version = engine.version
        self._engine = engine
        self._beginner = ThreadPoolExecutor(1, thread_name_prefix="begin")
        # Its thread is made with the first that it is asked.
        self._beginner.submit(os.getpid).result()

    def prepare(self, plan: Plan, shared: Shared = NOTHING_SHARED) -> PreparedLoad:
        """Compile a plan, its secrets and what its set-up has handed over filled in, and look its hosts up."""
        return _Prepared(self._engine.prepare(plan, shared), self._beginner)


class _Prepared:
    """A compiled plan."""

    def __init__(self, prepared: PreparedLoad, beginner: ThreadPoolExecutor) -> None:
        self._prepared = prepared
        self._beginner = beginner
        self.series = prepared.series
        self.groups = prepared.groups
        self.hosts = prepared.hosts
        self.functions = prepared.functions

    def preflight(self, options: EngineOptions | None = None) -> tuple[Finding, ...]:
        """Connect to every address that is not denied, and shake hands."""
        return self._prepared.preflight(options)

    def start(
        self,
        options: EngineOptions,
        *,
        barrier_ns: int | None = None,
        share: Share = WHOLE,
        lease_until_ns: int | None = None,
        processes: Sequence[PythonProcess] = (),
    ) -> RunningLoad:
        """Begin with a share of the plan at a moment, and give way."""
        begun = self._beginner.submit(
            self._prepared.start,
            options,
            barrier_ns=barrier_ns,
            share=share,
            lease_until_ns=lease_until_ns,
            processes=processes,
        ).result()
        # Of the thread that calls.
        os.setpriority(os.PRIO_PROCESS, 0, max(os.getpriority(os.PRIO_PROCESS, 0), NICENESS))
        return begun
