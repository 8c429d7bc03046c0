"""What set-up and tear-down came to, in words, and as it stands in a document. No value that they saw is in either."""

from collections.abc import Mapping
from typing import Any

from apibench.model.errand import ErrandReport, ErrandState
from apibench.model.errors import SetUpBrokenOff, SetUpFailed, SetUpTimedOut
from apibench.model.exit_codes import ExitCode
from apibench.model.figures import human_duration
from apibench.report.blocks import seconds
from apibench.report.figure_text import plural


def errand_line(report: ErrandReport) -> str:
    """`2 requests in 35.1 ms`, or what went wrong."""
    did = f"{plural(report.requests, 'request')} in {human_duration(report.took_ns)}"
    by = f" by {report.worker}" if report.worker else ""
    return f"{did}{by}" if report.ok else f"FAILED{by}: {report.fault}  ({did})"


def errand_error(report: ErrandReport) -> SetUpFailed:
    """What a set-up that did not go well is told as."""
    kinds = {ErrandState.TIMEOUT: SetUpTimedOut, ErrandState.INTERRUPTED: SetUpBrokenOff}
    remedies = {
        ErrandState.TIMEOUT: "Have it do less, or give it a longer `timeout`.",
        ErrandState.INTERRUPTED: "What it had done by then is not taken back.",
    }
    by = f" on {report.worker}" if report.worker else ""
    remedy = remedies.get(report.state, "No load was sent. `--once --trace` shows it step by step.")
    return kinds.get(report.state, SetUpFailed)(f"set-up failed{by}: {report.fault}", remedy)


def errand_block(report: ErrandReport | None) -> dict[str, Any] | None:
    """As it stands in a result."""
    if report is None:
        return None
    return {
        "state": report.state.value,
        "requests": report.requests,
        "took_s": seconds(report.took_ns),
        "fault": report.fault,
        "worker": report.worker,
    }


def report_of(block: Mapping[str, Any] | None) -> ErrandReport | None:
    """What a result says of one; None where it says nothing."""
    if block is None:
        return None
    took_ns = round(block["took_s"] * 1_000_000_000)
    return ErrandReport(ErrandState(block["state"]), block["requests"], took_ns, block["fault"], block["worker"])


def exit_code_after(code: ExitCode, teardown: ErrandReport | None) -> ExitCode:
    """What a run ends with, by its verdict and its tear-down: one that went wrong leaves something behind."""
    if code is not ExitCode.PASSED or teardown is None or teardown.ok:
        return code
    return ExitCode.TEARDOWN_TIMEOUT if teardown.state is ErrandState.TIMEOUT else ExitCode.SCENARIO_ERROR
