"""What became of the functions of Python that a run has called."""

from typing import Any

from apibench.model.checks import checks_of, python_check
from apibench.model.histogram import to_times
from apibench.model.python_steps import python_steps
from apibench.model.run import RunEnd, RunRecord
from apibench.model.tally import IterationTally, Tally


def python_block(record: RunRecord, end: RunEnd, main: Tally) -> dict[str, Any] | None:
    """
    Calls and times of the run, and of each function how often it was called; None where the plan calls none.

    What was waited for them is in no time of a request. How many processes there were, and how long each function took,
    is known of a run of one machine: on an installation it is null.
    """
    functions = dict.fromkeys(step.function for _, step in python_steps(record.plan))
    if not functions:
        return None
    python = end.python
    rows = [
        {**_row(function, record, main), "time_ns": None if python is None else python.took_ns.get(function, 0)}
        for function in functions
    ]
    whole = main.all_iterations()
    failures = () if python is None else python.failures
    return {
        "calls": sum(row["calls"] for row in rows),
        "failed": sum(row["failed"] for row in rows),
        "wait": to_times(whole.python_wait),
        "time": to_times(whole.python_time),
        "functions": rows,
        "failures": [{"function": each.function, "reason": each.reason, "count": each.count} for each in failures],
        "processes": None if python is None else python.processes,
        "replaced": {} if python is None else dict(python.replaced),
    }


def _row(function: str, record: RunRecord, main: Tally) -> dict[str, Any]:
    passed = failed = 0
    for index, names in enumerate(checks_of(record.plan)):
        tally = main.iterations.get(index, IterationTally())
        for number, name in enumerate(names):
            if name == python_check(function):
                passed += tally.checks_passed[number]
                failed += tally.checks_failed[number]
    return {"function": function, "calls": passed + failed, "failed": failed}
