"""
The command: its verbs, and what becomes of an error.

Every error of ours ends here as one message on stderr, with its remedy, and with the exit code that it
carries. A traceback is shown only for what we did not foresee.
"""

import gc
import json
import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError

from apibench import __version__
from apibench.cli import help_text
from apibench.cli.later import refuse_later
from apibench.cli.standard_streams import sturdy_streams
from apibench.model.errors import ApibenchError, OutputFailed
from apibench.model.exit_codes import ExitCode

app = App(
    name="apibench",
    help="Load-test HTTP APIs, and know whether the numbers can be trusted.",
    version=__version__,
    version_flags=("--version", "-V"),
    result_action="return_value",
    help_format="plaintext",
)
# Named, not imported: a verb pays only for its own imports, so what it does is told here.
for verb, where, does in (
    ("run", "run:run", f"Load-test a URL, a scenario or a plan.\n\n{help_text.MODELS}"),
    ("demo", "demo:demo", "Try it: load-test a small server of our own."),
    ("echo", "echo:echo", "Serve that server, with delays, faults and freezes on demand."),
    ("plan", "plan:plan", "Print a plan as the engine will see it, or the schema of plans."),
    ("inspect", "inspect:inspect", "Say of each step of a plan whether it is native or a call of Python."),
    ("import", "importing:import_scenario", "Make a scenario in Python of what another tool has written down."),
    ("explain", "explain:explain", "Explain the code of a refusal, and what to write instead."),
    ("runs", "runs:runs", "List the last runs."),
    ("show", "runs:show", "Show a run again."),
    ("serve", "services:serve", "Serve a whole installation in one process."),
    ("controller", "services:controller", "Serve the controller of an installation."),
    ("aggregator", "services:aggregator", "Serve an aggregator of an installation."),
    ("worker", "services:worker", "Be a worker of an installation."),
    ("agent", "agent:agent", "Make workers for the runs of an installation."),
    ("workers", "workers:workers", "Show the workers of an installation."),
    ("certs", "certs:certs", "Make a CA and certificates, with which services encrypt their links."),
    ("keys", "keys:keys", "Make a key that signs functions of Python, for workers that trust it."),
    ("doctor", "doctor:doctor", "Look at what this machine allows a load generator."),
):
    app.command(f"apibench.cli.{where}", name=verb, help=does, help_epilogue=help_text.BELOW.get(verb))


def run_command(arguments: Sequence[str]) -> int:
    """Run one command line; returns the exit code and never raises for what the user did."""
    try:
        with sturdy_streams():
            return _carry_out(arguments)
    except OutputFailed as error:
        # Only here: it may have been the last flush that failed.
        with sturdy_streams():
            sys.stderr.write(f"apibench: {error}\n")
        return error.exit_code


def _carry_out(arguments: Sequence[str]) -> int:
    try:
        if arguments[:1] == ["run"]:
            return _run(arguments[1:])
        refuse_later(arguments)
        _collect_garbage()
        result = app(list(arguments), exit_on_error=False, print_error=False)
    except CycloptsError as error:
        sys.stderr.write(f"apibench: {_said(error)}\n")
        return ExitCode.USAGE
    except OutputFailed:
        raise
    except ApibenchError as error:
        sys.stderr.write(f"apibench: {error}\n")
        return error.exit_code
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    return result if isinstance(result, int) else ExitCode.PASSED


def _said(error: CycloptsError) -> str:
    from apibench.cli.parser_faults import parser_fault  # noqa: PLC0415 - a right command line does not pay for it

    try:
        return str(parser_fault(error, " ".join(error.command_chain or ())))
    except ApibenchError as refused:
        return str(refused)


def _run(words: Sequence[str]) -> int:
    # Here, because only a run pays for what it takes. The look is begun before it is known whether it is needed: a run
    # elsewhere, or a wrong command line, takes 0.2 s at least for it, and nearly all of those it sleeps.
    from apibench.assembly.pace_look import PaceLook  # noqa: PLC0415 - first, for the rest is loaded while it lasts

    pace = PaceLook()
    from apibench.cli.run_words import run_request  # noqa: PLC0415

    request = run_request(app, words)
    if request is None:
        return ExitCode.PASSED
    if request.dry_run:
        sys.stdout.write(json.dumps(request.plan.redacted(), indent=2, ensure_ascii=False) + "\n")
        return ExitCode.PASSED
    if request.remote is not None:
        from apibench.assembly.remote import run_remote  # noqa: PLC0415

        _collect_garbage()
        return run_remote(request, request.remote)
    if request.trace:
        from apibench.assembly.traced_run import run_traced  # noqa: PLC0415

        return run_traced(request)
    from apibench.assembly.printed_run import run  # noqa: PLC0415 - not for a run elsewhere

    _collect_garbage()
    return run(request, pace)


def _collect_garbage() -> None:
    """From here on. What stands by now came from imports, and never goes."""
    gc.freeze()
    gc.enable()
