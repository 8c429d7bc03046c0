"""
API Benchmark: a distributed load tester for HTTP APIs. Python to use and to extend, a Rust engine to measure with.

This file is the face: it imports no service and nothing heavy, so that `apibench --version`
answers before pydantic or the engine have been loaded. The words of scenarios are loaded when they are asked for.
"""

# Of `typing` it would be: that is a library, and loads others.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from apibench.authoring.tracing.data import DataFile, Row, csv, jsonl
    from apibench.authoring.tracing.late import Late, Variable
    from apibench.authoring.tracing.loads import hold, ramp
    from apibench.authoring.tracing.scenario import Scenario, scenario
    from apibench.authoring.tracing.user import Response, User, status
    from apibench.authoring.tracing.words import between, check, otherwise, pace, pick, rand, repeat, think, when

__all__ = [
    "DataFile",
    "Late",
    "Response",
    "Row",
    "Scenario",
    "User",
    "Variable",
    "__version__",
    "between",
    "check",
    "csv",
    "hold",
    "jsonl",
    "otherwise",
    "pace",
    "pick",
    "ramp",
    "rand",
    "repeat",
    "scenario",
    "status",
    "think",
    "when",
]

__version__ = "0.1.0"

_ROOM = "apibench.authoring.tracing"
_WORDS = {
    "data": ("DataFile", "Row", "csv", "jsonl"),
    "late": ("Late", "Variable"),
    "loads": ("hold", "ramp"),
    "scenario": ("Scenario", "scenario"),
    "user": ("Response", "User", "status"),
    "words": ("between", "check", "otherwise", "pace", "pick", "rand", "repeat", "think", "when"),
}


def __getattr__(name: str) -> object:
    for module, words in _WORDS.items():
        if name in words:
            from importlib import import_module  # noqa: PLC0415 - nobody pays for it who asks for none

            found = getattr(import_module(f"{_ROOM}.{module}"), name)
            globals()[name] = found
            return found
    message = f"module 'apibench' has no attribute '{name}'"
    raise AttributeError(message)
