"""
What the process says when it ends. Stable: scripts and CI depend on these numbers.

Where k6 has the same meaning, the number is k6's, so that a pipeline moved over keeps working.
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """One meaning a number; several may hold at once, see `PRECEDENCE`."""

    PASSED = 0
    OUR_FAULT = 1
    USAGE = 2
    THRESHOLD_FAILED = 99
    SETUP_TIMEOUT = 100
    TEARDOWN_TIMEOUT = 101
    STOPPED_BY_API = 103
    BAD_PLAN = 104
    INTERRUPTED = 105
    SCENARIO_ERROR = 107
    ABORTED_BY_SCENARIO = 108
    TARGET_UNREACHABLE = 111
    MEASUREMENT_INVALID = 112
    NOTHING_SENT = 113
    WORKER_LOST = 114


PRECEDENCE: tuple[ExitCode, ...] = (
    ExitCode.OUR_FAULT,
    ExitCode.SCENARIO_ERROR,
    ExitCode.ABORTED_BY_SCENARIO,
    ExitCode.INTERRUPTED,
    ExitCode.STOPPED_BY_API,
    ExitCode.NOTHING_SENT,
    ExitCode.WORKER_LOST,
    ExitCode.MEASUREMENT_INVALID,
    ExitCode.THRESHOLD_FAILED,
    ExitCode.PASSED,
)
"""When a run that has started ends for several reasons, the first of these that holds is the exit code.

An invalid measurement comes before a failed threshold: numbers that can't be trusted fail nobody.
"""


def first_that_holds(reasons: frozenset[ExitCode]) -> ExitCode:
    """The exit code of a run that ended for these reasons; `PASSED` where there are none."""
    return next((code for code in PRECEDENCE if code in reasons), ExitCode.PASSED)
