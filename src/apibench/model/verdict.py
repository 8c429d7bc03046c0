"""What a run came to: passed, failed or invalid, why, and whether the generator can be trusted."""

from dataclasses import dataclass
from typing import Literal

from apibench.model.exit_codes import ExitCode
from apibench.model.threshold import Threshold

Status = Literal["passed", "failed", "invalid"]
Generator = Literal["valid", "limited"]


@dataclass(frozen=True, slots=True)
class ThresholdResult:
    """One threshold, judged."""

    threshold: Threshold
    value: float | None
    """In the threshold's own unit: nanoseconds, events per second, or a share in [0, 1]. None: there was no data."""
    limit: float
    passed: bool
    censored: bool = False
    """The value may be higher than it says."""
    failed_at_ns: int | None = None
    """The end of the first window that failed, after the start, or when it ended the run; None without either."""
    ended_the_run: bool = False
    """It aborts, and it was the one that did."""

    @property
    def no_data(self) -> bool:
        """Nothing was measured that it could be judged by. That fails it."""
        return self.value is None


@dataclass(frozen=True, slots=True)
class GeneratorFinding:
    """One reason why the generator, not the target, was the limit."""

    code: str
    """Stable: delay, pause, neighbour, stolen, throttled, descriptors, ports, system, connections, dropped, unstarted,
    python, clock."""
    message: str
    """What was measured, against which limit."""
    remedy: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The end of a run, in one value."""

    status: Status
    exit_code: ExitCode
    generator: Generator
    reasons: tuple[str, ...] = ()
    """In sentences, the most important first."""
    thresholds: tuple[ThresholdResult, ...] = ()
    findings: tuple[GeneratorFinding, ...] = ()
