"""`apibench import`: a scenario in Python, made of what another tool has written down."""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from apibench.authoring.importing.importer import Imported, import_source
from apibench.model.errors import OutputFailed, UsageError


def import_scenario(
    kind: str,
    source: Annotated[str, Parameter(allow_leading_hyphen=True)],
    second: str | None = None,
    /,
    *,
    output: Annotated[Path | None, Parameter(name=("--output", "-o"))] = None,
    force: Annotated[bool, Parameter(negative="", show_default=False)] = False,
) -> int:
    """
    Make a scenario in Python of what another tool has written down. Nothing of it is run.

    Parameters
    ----------
    kind
        What it is; see below.
    source
        A file, or - for standard input.
    second
        A second one, for kinds that take it.
    output
        The file to write. [standard output]
    force
        Write over a file that is there.
    """
    if output is not None and output.exists() and not force:
        raise UsageError(f"{output} is there already", "Write to another file, or add --force.")
    imported = import_source(kind, source, second)
    if output is None:
        sys.stdout.write(imported.text)
    else:
        try:
            output.write_text(imported.text, encoding="utf-8")
        except OSError as error:
            raise OutputFailed(
                f"{output} can't be written: {error.strerror or error}", "Check name and rights."
            ) from error
    _tell(imported, output)
    return 0


def _tell(imported: Imported, output: Path | None) -> None:
    count = len(imported.left)
    sent = f"{imported.requests:,} request{'' if imported.requests == 1 else 's'} imported"
    lines = [f"{sent}; {count:,} thing{'' if count == 1 else 's'} not converted, or not quite{':' if count else '.'}"]
    lines += [f"  {left}" for left in imported.left]
    if imported.secrets:
        lines.append(f"Secrets, to be set where the load is made: {', '.join(imported.secrets)}.")
    if imported.variables:
        lines.append(f"To be set in the environment when it is loaded: {', '.join(imported.variables)}.")
    if output is not None:
        lines.append(f"Next: apibench run {output} --once --trace shows it step by step; -u 20 -d 30s is a load.")
    for line in lines:
        shown = "".join(each if each.isprintable() else "?" for each in line)
        sys.stderr.write(f"{shown}\n")
