"""`apibench plan`: look at a plan as the engine will see it, or at the schema that plans follow."""

import json
import sys
from typing import Annotated

from cyclopts import Parameter

from apibench.authoring.any_plan import read_any_plan
from apibench.model.errors import UsageError
from apibench.model.plan import plan_schema


def plan(
    file: str | None = None,
    /,
    *,
    schema: Annotated[bool, Parameter(negative="")] = False,
    sha256: Annotated[bool, Parameter(negative="")] = False,
    secrets: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """
    Validate a plan and print it, with all defaults filled in.

    Parameters
    ----------
    file
        A plan in JSON, YAML or TOML, or FILE.py[:SCENARIO], which is run.
    schema
        Print the JSON Schema of plans instead.
    sha256
        Print only the plan's SHA-256, by which runs name it.
    secrets
        Print passwords and tokens too, rather than [redacted].
    """
    if schema:
        sys.stdout.write(json.dumps(plan_schema(), indent=2) + "\n")
        return 0
    if file is None:
        raise UsageError("no plan is given", "Name a file, or ask for --schema.")
    read = read_any_plan(file)
    if sha256:
        sys.stdout.write(read.sha256() + "\n")
        return 0
    document = read.document() if secrets else read.redacted()
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    return 0
