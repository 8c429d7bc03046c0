"""A plan from whatever a user names: a file in one of the plan languages, or one of Python."""

from pathlib import Path

from apibench.authoring.plan_file import read_plan
from apibench.authoring.tracing.python_file import is_python, read_python
from apibench.model.plan import Plan


def read_any_plan(target: str) -> Plan:
    """
    Read a plan file, or run a file of scenarios.

    Raises ApibenchError, with all that is wrong with it.
    """
    return read_python(target) if is_python(target) else read_plan(Path(target))
