"""
The command: its verbs, and what becomes of an error.

Every error of ours ends here as one message on stderr, with its remedy, and with the exit code that it
carries. A traceback is shown only for what we did not foresee.
"""

import os
import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError

from apibench import __version__
from apibench.cli import foreign
from apibench.model.errors import ApibenchError
from apibench.model.exit_codes import ExitCode

app = App(
    name="apibench",
    help="Load-test HTTP APIs, and know whether the numbers can be trusted.",
    version=__version__,
    version_flags=("--version", "-V"),
    result_action="return_value",
)
app.command("apibench.cli.run:run")  # named, not imported: a verb pays only for its own imports
app.command("apibench.cli.demo:demo")
app.command("apibench.cli.doctor:doctor")
app.command("apibench.cli.echo:echo")
app.command("apibench.cli.plan:plan")
app.command("apibench.cli.runs:runs")
app.command("apibench.cli.runs:show")


def run_command(arguments: Sequence[str]) -> int:
    """Run one command line; returns the exit code and never raises for what the user did."""
    try:
        if arguments[:1] == ["run"]:
            foreign.refuse(arguments[1:])
        result = app(list(arguments), exit_on_error=False, print_error=True)
    except CycloptsError:
        return ExitCode.USAGE
    except ApibenchError as error:
        sys.stderr.write(f"apibench: {error}\n")
        return error.exit_code
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has gone: there is nobody left to tell. The interpreter must not try again either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.OUR_FAULT
    return result if isinstance(result, int) else ExitCode.PASSED
