"""`apibench inspect`: what a plan does while the load runs, and which of it is Python."""

import json
import sys
from typing import Annotated

from cyclopts import Parameter

from apibench.authoring.any_plan import read_any_plan
from apibench.authoring.row_count import row_count
from apibench.authoring.tracing.loads import Ends
from apibench.model.errors import NotTraceable
from apibench.model.units import format_duration
from apibench.report.inspection import LEFT_OPEN_NS, inspection
from apibench.report.inspection_text import inspection_lines


def inspect(
    file: str,
    /,
    *,
    as_json: Annotated[bool, Parameter(name="--json", negative="", show_default=False)] = False,
) -> int:
    """
    Say of each step of a plan whether the engine does it or Python, and why; names in results, feeders and loads.

    Nothing is sent.

    Parameters
    ----------
    file
        FILE.py[:SCENARIO], which is run, or a plan in YAML, TOML or JSON.
    as_json
        Print JSON.
    """
    try:
        plan = read_any_plan(file)
    except NotTraceable:
        # A load may be left to whoever runs it, and need not be said here. What else is wrong is told again.
        plan = read_any_plan(file, Ends(format_duration(LEFT_OPEN_NS), None))
    rows = {name: row_count(feeder) for name, feeder in plan.feeders.items()}
    found = inspection(plan.redacted(), rows)
    if as_json:
        sys.stdout.write(json.dumps(found, indent=2, ensure_ascii=False) + "\n")
    else:
        sys.stdout.writelines(f"{line}\n" for line in inspection_lines(found))
    return 0
