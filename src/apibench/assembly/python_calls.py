"""
Calls of Python in a run on this machine: which may be made, and by whom. What makes them is loaded only for a plan that
has any.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from apibench.assembly.run_request import RunRequest
from apibench.engine.seam import EngineOptions, PreparedLoad, RunningLoad
from apibench.model.python_steps import python_steps, refuse_python

if TYPE_CHECKING:
    from apibench.assembly.python_pool import PythonPool


def check_callees(request: RunRequest) -> None:
    """
    Refuse a plan that calls what no scenario in Python has led to: to read a plan file never runs code.

    Raises PlanInvalid with all such steps.
    """
    if any(step.function not in request.callees for _, step in python_steps(request.plan)):
        why = "is Python, and only a scenario in Python can have that called"
        refuse_python(request.plan, why, "Run the .py file itself, or leave the step out.")


@contextmanager
def python_pool(
    request: RunRequest, prepared: PreparedLoad, options: EngineOptions, is_stopped: Callable[[], bool]
) -> Iterator["PythonPool | None"]:
    """
    The processes by which a load has functions called, ready; None where it calls none.

    Raises PythonUnusable.
    """
    if not prepared.functions:
        yield None
        return
    from apibench.assembly.python_pool import PythonPool  # noqa: PLC0415 - most loads call none

    functions = [(name, request.callees[name]) for name in prepared.functions]
    with PythonPool(functions, options.threads, request.python, is_stopped) as pool:
        yield pool


def begin(prepared: PreparedLoad, options: EngineOptions, pool: "PythonPool | None") -> RunningLoad:
    """Begin a load whose functions are called by that pool."""
    if pool is None:
        return prepared.start(options)
    load = prepared.start(options, processes=pool.streams())
    pool.watch(load)
    return load
