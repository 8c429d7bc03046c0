"""
API Benchmark: a distributed load tester for HTTP APIs. Python to use and to extend, a Rust engine to measure with.

This file is the face: it imports no service and nothing heavy, so that `apibench --version`
answers before pydantic or the engine have been loaded. Its words are loaded when they are asked for.
"""

# Of `typing` it would be: that is a library, and loads others.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from apibench.assembly.python_run import RunInterrupted, run
    from apibench.authoring.python_user.response import RequestFailed
    from apibench.authoring.python_user.scenario import python_user
    from apibench.authoring.python_user.user import PythonUser
    from apibench.authoring.tracing.data import DataFile, Row, csv, jsonl
    from apibench.authoring.tracing.generators import counter, now, rand
    from apibench.authoring.tracing.late import Late, Variable
    from apibench.authoring.tracing.loads import hold, ramp
    from apibench.authoring.tracing.scenario import Scenario, scenario
    from apibench.authoring.tracing.shapes import shape
    from apibench.authoring.tracing.signing import aws_sigv4, crypto, secret
    from apibench.authoring.tracing.user import Response, User, status
    from apibench.authoring.tracing.words import (
        between,
        check,
        each,
        group,
        leave_loop,
        otherwise,
        pace,
        pick,
        repeat,
        think,
        when,
    )
    from apibench.model.errors import ApibenchError, RunFailed
    from apibench.report.run_result import Result

__all__ = [
    "ApibenchError",
    "DataFile",
    "Late",
    "PythonUser",
    "RequestFailed",
    "Response",
    "Result",
    "Row",
    "RunFailed",
    "RunInterrupted",
    "Scenario",
    "User",
    "Variable",
    "__version__",
    "aws_sigv4",
    "between",
    "check",
    "counter",
    "crypto",
    "csv",
    "each",
    "group",
    "hold",
    "jsonl",
    "leave_loop",
    "now",
    "otherwise",
    "pace",
    "pick",
    "python_user",
    "ramp",
    "rand",
    "repeat",
    "run",
    "scenario",
    "secret",
    "shape",
    "status",
    "think",
    "when",
]

__version__ = "0.1.0"

_WORDS = {
    "assembly.python_run": ("RunInterrupted", "run"),
    "authoring.python_user.response": ("RequestFailed",),
    "authoring.python_user.scenario": ("python_user",),
    "authoring.python_user.user": ("PythonUser",),
    "authoring.tracing.data": ("DataFile", "Row", "csv", "jsonl"),
    "authoring.tracing.generators": ("counter", "now", "rand"),
    "authoring.tracing.late": ("Late", "Variable"),
    "authoring.tracing.loads": ("hold", "ramp"),
    "authoring.tracing.scenario": ("Scenario", "scenario"),
    "authoring.tracing.shapes": ("shape",),
    "authoring.tracing.signing": ("aws_sigv4", "crypto", "secret"),
    "authoring.tracing.user": ("Response", "User", "status"),
    "authoring.tracing.words": (
        "between",
        "check",
        "each",
        "group",
        "leave_loop",
        "otherwise",
        "pace",
        "pick",
        "repeat",
        "think",
        "when",
    ),
    "model.errors": ("ApibenchError", "RunFailed"),
    "report.run_result": ("Result",),
}


def __getattr__(name: str) -> object:
    for module, words in _WORDS.items():
        if name in words:
            from importlib import import_module  # noqa: PLC0415 - nobody pays for it who asks for none

            found = getattr(import_module(f"apibench.{module}"), name)
            globals()[name] = found
            return found
    message = f"module 'apibench' has no attribute '{name}'"
    raise AttributeError(message)
