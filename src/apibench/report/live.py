"""What a run has come to so far, small enough to be sent every second."""

from typing import Any

from apibench.model.tally import Tally
from apibench.report.blocks import HEADLINES, brief_times, iteration_counts, per_s, requests_block


def live_summary(main: Tally, window_ok: int, window_started: int, window_ns: int) -> dict[str, Any]:
    """
    Of the sealed windows of the planned duration, in the words of the result document.

    `window_ok` and `window_started`: requests inside the planned window, of which `window_ns` have passed.
    """
    requests, iterations = main.all_requests(times=HEADLINES), main.all_iterations()
    return {
        "iterations": {**iteration_counts(iterations), "time": brief_times(iterations.time)},
        "requests": {
            **requests_block(requests),
            "started_per_s": per_s(window_started, window_ns),
            "ok_per_s": per_s(window_ok, window_ns),
        },
        "response_time": brief_times(requests.times("response_time")),
        "service_time": brief_times(requests.times("service_time")),
    }
