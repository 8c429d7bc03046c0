"""`apibench echo`: a target to try things against."""

import json
import signal
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from apibench.cli.flag_values import at_least, duration_ns, whole_number
from apibench.engine.echo_server import EchoServer
from apibench.model.errors import UsageError
from apibench.model.exit_codes import ExitCode
from apibench.model.suggestion import did_you_mean

KNOBS = (
    *("delay", "status", "size", "close", "chunked", "until_close", "http10", "reset", "stall", "truncate"),
    *("nonsense", "endless", "redirect", "echo", "drip"),
)
"""In a request's query an unknown word is none of the server's business; on our command line it is a slip."""


def echo(  # noqa: PLR0913 - the flags of a command line are its parameters
    *,
    http: str = "127.0.0.1:8089",
    unix: Path | None = None,
    tls: Annotated[bool, Parameter(negative="", show_default=False)] = False,
    ca_file: Path | None = None,
    threads: Annotated[int, Parameter(converter=whole_number)] = 1,
    knobs: Annotated[str, Parameter(show_default=False)] = "",
    freeze: str | None = None,
    serve: str | None = None,
    log: Path | None = None,
    seed: Annotated[int, Parameter(converter=whole_number)] = 0,
) -> int:
    """
    Serve a small HTTP target on this machine, until Ctrl-C; then print what it has counted.

    Parameters
    ----------
    http
        HOST:PORT to listen on; port 0 takes a free one.
    unix
        Listen on this Unix socket instead.
    tls
        Speak TLS, with a certificate of its own authority.
    ca_file
        Where to write that authority's certificate.
    threads
        Threads that serve.
    knobs
        What every answer is like, as a query: delay=2ms&status=503:1.
    freeze
        EVERY:FOR, like 10s:1s: stop everything for a while, again and again.
    serve
        Serve one request after another, each for so long: 200us is a capacity of 5,000/s.
    log
        Write each hold and freeze here, a JSON line each, on the monotonic clock in nanoseconds.
    seed
        What mixes are drawn with.
    """
    _check_knobs(knobs)
    server = EchoServer(
        http=http,
        unix=None if unix is None else str(unix),
        tls=tls,
        ca_file=None if ca_file is None else str(ca_file),
        threads=at_least("--threads", threads, 1),
        knobs=knobs,
        freeze=_freeze(freeze),
        serve_ns=None if serve is None else duration_ns("--serve", serve),
        log=None if log is None else str(log),
        seed=at_least("--seed", seed, 0),
    )
    # Both signals end it alike; blocked first, so that none is missed before the wait.
    ends = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    with server:
        sys.stderr.write(
            f"Listening on {server.address}   (Ctrl-C ends it)\nAny request can ask for more in its query, "
            "like /?delay=200ms&status=503:5; apibench echo --help lists the knobs.\n"
        )
        sys.stderr.flush()
        signal.sigwait(ends)
    sys.stdout.write(json.dumps(server.counts(), indent=2) + "\n")
    return ExitCode.PASSED


def _freeze(text: str | None) -> dict[str, int] | None:
    if text is None:
        return None
    every, colon, length = text.partition(":")
    if not colon:
        raise UsageError(f"--freeze: '{text}' is no EVERY:FOR", "Write 10s:1s.")
    return {"every_ns": duration_ns("--freeze", every), "for_ns": duration_ns("--freeze", length)}


def _check_knobs(query: str) -> None:
    for word in filter(None, query.split("&")):
        name = word.partition("=")[0]
        if name not in KNOBS:
            raise UsageError(f"--knobs: there is no knob `{name}`", did_you_mean(name, KNOBS))
