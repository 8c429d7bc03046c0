"""A run of the command: what it came to is printed, and becomes an exit code."""

import sys

from apibench.assembly.local import Measured, measure
from apibench.assembly.pace_look import PaceLook
from apibench.assembly.run_request import RunRequest
from apibench.assembly.signal_stops import SignalStops
from apibench.model.errors import OutputFailed
from apibench.model.exit_codes import ExitCode


def run(request: RunRequest, pace: PaceLook) -> ExitCode:
    """Run the plan, say what it came to, and return the exit code."""
    stops = SignalStops()
    with stops.listening():
        measured = measure(request, pace, stops, say)
    if measured is None:
        say("interrupted before the first request; nothing was sent")
        return ExitCode.INTERRUPTED
    _print(request, measured)
    if measured.outputs.lost and measured.exit_code == ExitCode.PASSED:
        say("exit code 1, because an output that was asked for is lost")
        return ExitCode.OUR_FAULT
    return measured.exit_code


def say(text: str) -> None:
    """A sentence on standard error."""
    sys.stderr.write(f"apibench: {text}\n")
    sys.stderr.flush()


def _print(request: RunRequest, measured: Measured) -> None:
    """The last screen."""
    if request.summary == "none" or measured.outputs.takes_standard_output:
        return
    from apibench.assembly.last_screen import print_summary  # noqa: PLC0415 - no first request waits for it

    try:
        print_summary(
            measured.document,
            request.summary,
            written=measured.outputs.written,
            stored=measured.stored,
        )
        sys.stdout.flush()
    except OutputFailed as error:
        say(str(error))
