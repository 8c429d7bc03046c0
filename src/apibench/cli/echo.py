"""`apibench echo`: a target to try things against."""

import json
import signal
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from apibench.engine.echo_server import EchoServer
from apibench.model.errors import UsageError
from apibench.model.exit_codes import ExitCode
from apibench.model.units import parse_duration

KNOBS = """Any request can ask for more in its query, and so can --knobs for all of them:
  delay=2ms:90,200ms:10   status=503:1   size=1k   close=1   chunked=1   until_close=1   http10=1
  reset=1   stall=1   truncate=1   nonsense=1   endless=1   redirect=3   echo=1   drip=10ms   (1 is always, 5 is 5 %)
  /_counts answers with what the server has counted."""


def echo(  # noqa: PLR0913 - the flags of a command line are its parameters
    *,
    http: str = "127.0.0.1:8089",
    unix: Path | None = None,
    tls: Annotated[bool, Parameter(negative="")] = False,
    ca_file: Path | None = None,
    threads: int = 1,
    knobs: str = "",
    freeze: str | None = None,
    serve: str | None = None,
    log: Path | None = None,
    seed: int = 0,
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
    server = EchoServer(
        http=http,
        unix=None if unix is None else str(unix),
        tls=tls,
        ca_file=None if ca_file is None else str(ca_file),
        threads=threads,
        knobs=knobs,
        freeze=_freeze(freeze),
        serve_ns=None if serve is None else parse_duration(serve),
        log=None if log is None else str(log),
        seed=seed,
    )
    # Both signals end it alike; blocked first, so that none is missed before the wait.
    ends = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    with server:
        sys.stderr.write(f"Listening on {server.address}   (Ctrl-C ends it)\n\n{KNOBS}\n")
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
    return {"every_ns": parse_duration(every), "for_ns": parse_duration(length)}
