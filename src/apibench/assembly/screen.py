"""
What a user sees while a run goes on: a live block on a terminal, plain lines elsewhere, JSON for programs.

All of it goes to standard error, so that standard output holds the result alone.
"""

import sys
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

from apibench.aggregator.merging import RunTally
from apibench.aggregator.thresholds import Judge
from apibench.assembly.run_request import Progress
from apibench.model.interval import Interval
from apibench.model.run import RunRecord
from apibench.report.progress import LiveState

PLAIN_EVERY = 10
"""Intervals to a plain line behind the first: a log of an hour's run stays readable."""
REDRAWS_PER_S = 4


class Screen:
    """Shows a run as it goes on; a context, so that the terminal is restored however it ends."""

    def __init__(self, wanted: Progress, record: RunRecord, tally: RunTally, judge: Judge) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._kind = wanted
        if wanted in ("auto", "tty"):
            # FORCE_COLOR asks for colours, and has rich take a log for a terminal: a cursor moves on a real one only.
            draws = sys.stderr.isatty() and not self._console.is_dumb_terminal
            self._kind = "tty" if draws else "plain"
        self._tally = tally
        self._judge = judge
        self._state = LiveState(record.plan)
        self._began_ns = 0
        self._drawn_ns = 0
        self._live: Live | None = None

    def __enter__(self) -> Self:
        self._began_ns = time.monotonic_ns()
        if self._kind == "tty":
            self._live = Live(Text(""), console=self._console, auto_refresh=False, transient=True)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, interval: Interval) -> None:
        """Take the next interval, which the tally holds already."""
        if self._kind == "none":
            return
        self._state.add(interval)
        if self._kind == "json":
            sys.stderr.write(self._state.json_line())
        elif self._kind == "plain" and (self._tally.intervals == 1 or self._tally.intervals % PLAIN_EVERY == 0):
            sys.stderr.write(self._state.plain_line())

    def tick(self, *, stopping: bool) -> None:
        """Redraw, if it is time to. `stopping`: somebody asked for the end, and what is in flight is waited for."""
        now_ns = time.monotonic_ns()
        if self._live is None or now_ns - self._drawn_ns < 1_000_000_000 // REDRAWS_PER_S:
            return
        self._drawn_ns = now_ns
        block = self._state.block(
            now_ns - self._began_ns,
            self._judge.results(),
            stopping=stopping,
            width=self._console.width,
            encoding=self._console.encoding,
        )
        self._live.update(block, refresh=True)
