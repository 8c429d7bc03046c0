"""What one run has done so far, for `/metrics`: added up from its updates."""

from collections import Counter, OrderedDict
from collections.abc import Mapping
from typing import Any

from apibench.controller.rest.step_labels import StepLabel, StepLabels
from apibench.model.aggregation import RunUpdate, WindowState
from apibench.model.histogram import Histogram
from apibench.report.interval_row import times_of

KEPT_WINDOWS = 600
"""A window that comes again within so many others is counted by its difference; an older one is left alone."""
COUNTED = ("started", "ok", "failed", "unfinished")
ITERATIONS = ("offered", "started", "dropped", "lost")
LEVELS = ("in_flight", "waiting")
TIMES = ("response", "service")


class RunFigures:
    """
    Counts of one run. They never shrink, except for `requests` where a window is revised.

    `requests` has the present second too. What is beside it is of windows as they were when they were sealed.
    """

    def __init__(self, labels: StepLabels) -> None:
        self.labels = labels
        self.windows = 0
        self.requests = dict.fromkeys(COUNTED, 0)
        self.iterations = dict.fromkeys(ITERATIONS, 0)
        self.errors: Counter[str] = Counter()
        """Requests that failed, by the name of what was the matter."""
        self.steps: dict[StepLabel, dict[str, int]] = {}
        self.times = {name: Histogram() for name in TIMES}
        """Of the measurement, without the warm-up: those that the result document has."""
        self.levels = dict.fromkeys(LEVELS, 0)
        """At the end of the last window."""
        self.generator_cpu_ns = 0
        self.longest_gap_ns = 0
        """The longest time that one of its threads did not look."""
        self.seen = 0
        """Number of the last update."""
        self.ended = False
        self.sealed_until_s = 0.0
        """Where the last of its windows ends that has been sealed."""
        self._recent: OrderedDict[float, dict[str, int]] = OrderedDict()

    def take(self, update: RunUpdate) -> bool:
        """Count an update in. A window may come again; whether this is one that has just been sealed."""
        self.seen = max(self.seen, update.number)
        self.ended = self.ended or update.kind == "ended"
        if update.kind != "window":
            return False
        self._count_requests(update.document)
        start_s = float(update.document["start_s"])
        if update.document.get("state") != WindowState.SEALED or start_s < self.sealed_until_s:
            return False
        self.sealed_until_s = start_s + float(update.document["length_s"])
        self._count_sealed(update.document)
        return True

    def gap_before(self, update: RunUpdate) -> tuple[float, float] | None:
        """From when until when windows have been sealed that nobody told us of, if there are any."""
        if update.kind != "window" or update.document.get("state") != WindowState.SEALED:
            return None
        start_s = float(update.document["start_s"])
        return (self.sealed_until_s, start_s) if start_s > self.sealed_until_s else None

    def _count_requests(self, window: Mapping[str, Any]) -> None:
        start_s = float(window["start_s"])
        before = self._recent.get(start_s)
        if before is None:
            if window.get("state") == WindowState.REVISED:
                return  # it was counted long ago
            self.windows += 1
        now = _counts(window)
        for name in COUNTED:
            self.requests[name] += now[name] - (before[name] if before is not None else 0)
        self._recent[start_s] = now
        while len(self._recent) > KEPT_WINDOWS:
            self._recent.popitem(last=False)

    def _count_sealed(self, window: Mapping[str, Any]) -> None:
        for block in filter(None, (window, window.get("warmup"))):
            self.iterations["started"] += block["iterations_started"]
            self.iterations["dropped"] += sum(block["dropped"].values())
            for name in ("offered", "lost"):
                self.iterations[name] += block[name]
            self.errors.update(block["by_error"])
        self.levels = {name: window[name] for name in LEVELS}
        generator = window["generator"]
        self.generator_cpu_ns += generator.get("cpu_ns", 0)
        self.longest_gap_ns = max(self.longest_gap_ns, generator.get("longest_gap_ns", 0))
        for row in window.get("steps", ()):
            label = self.labels.of(row["scenario"], row["step"])
            counts = self.steps.setdefault(label, dict.fromkeys(COUNTED, 0))
            for name in COUNTED:
                counts[name] += row[name]
        for name, times in self.times.items():
            times.merge(times_of(window, name))


def _counts(row: Mapping[str, Any]) -> dict[str, int]:
    warmup = row.get("warmup") or {}
    return {name: int(row.get(name, 0)) + int(warmup.get(name, 0)) for name in COUNTED}
