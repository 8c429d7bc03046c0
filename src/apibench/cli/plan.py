"""`apibench plan`: look at a plan as the engine will see it, or at the schema that plans follow."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from apibench.authoring.any_plan import read_any_plan
from apibench.authoring.tracing.python_file import is_python, scenario_file
from apibench.model.callee import Callee
from apibench.model.errors import UsageError
from apibench.model.plan import Plan, plan_schema
from apibench.model.python_steps import python_functions


def plan(
    file: str | None = None,
    /,
    *,
    schema: Annotated[bool, Parameter(negative="")] = False,
    sha256: Annotated[bool, Parameter(negative="")] = False,
    secrets: Annotated[bool, Parameter(negative="")] = False,
    sign_with: Path | None = None,
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
    sign_with
        File of a key: print the plan as it is sent to an installation, and its functions of Python signed beside it.
    """
    if schema:
        sys.stdout.write(json.dumps(plan_schema(), indent=2) + "\n")
        return 0
    if file is None:
        raise UsageError("no plan is given", "Name a file, or ask for --schema.")
    callees: dict[str, Callee] = {}
    read = read_any_plan(file, callees=callees)
    if sign_with is not None:
        scenario = Path(scenario_file(file)[0]) if is_python(file) else None
        signed = _signed(read, callees, scenario, sign_with, secrets=secrets)
        sys.stdout.write(json.dumps(signed, indent=2, ensure_ascii=False) + "\n")
        return 0
    if sha256:
        sys.stdout.write(read.sha256() + "\n")
        return 0
    document = read.document() if secrets else read.redacted()
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    return 0


def _signed(
    read: Plan, callees: Mapping[str, Callee], scenario: Path | None, key_file: Path, *, secrets: bool
) -> dict[str, Any]:
    """What REST takes as `plan` and `bundle`. What is signed is the plan as it is printed."""
    from apibench.assembly.row_files import with_rows  # noqa: PLC0415 - only here is anything of it needed
    from apibench.assembly.signed_bundle import signed_bundle  # noqa: PLC0415

    if not python_functions(read):
        raise UsageError("--sign-with signs functions of Python, and this calls none", "Leave it out.")
    sent = with_rows(read)
    document = sent.document()
    if not secrets and sent.redacted() != document:
        message = "--sign-with signs a plan as it is printed, and this one holds secrets or rows"
        raise UsageError(message, "Print them too: --secrets.")
    bundle = signed_bundle(sent, callees, scenario, key_file)
    return {"plan": document, "bundle": bundle.model_dump(mode="json")}
