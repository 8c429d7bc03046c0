"""`apibench demo`: the main job against the built-in target, in ten seconds and without a network."""

import sys
from dataclasses import replace

from apibench.assembly.pace_look import PaceLook
from apibench.assembly.printed_run import run
from apibench.assembly.run_request import RunRequest
from apibench.authoring.load_words import LoadWords
from apibench.authoring.request_words import RequestWords
from apibench.authoring.url_plan import url_plan
from apibench.engine.echo_server import EchoServer
from apibench.model.errors import WordsInvalid
from apibench.model.exit_codes import ExitCode

KNOBS = "delay=2ms:94,8ms:5,45ms:1&status=503:0.5"
THRESHOLDS = ("p95 < 150ms", "errors < 1%", "p99.9 < 40ms")


def demo(*, duration: str = "10s") -> int:
    """
    Run a load test of a small server of our own, slow and faulty on purpose. Nothing leaves this machine.

    Parameters
    ----------
    duration
        How long.
    """
    load = LoadWords(rate="200/s", duration=duration, seed=42, name="demo", thresholds=THRESHOLDS)
    try:
        # Before anything is said or served: against a stand-in, because the words may be refused.
        url_plan(RequestWords(url="http://127.0.0.1/"), load)
    except WordsInvalid as refused:
        raise WordsInvalid([replace(fault, place="--duration") for fault in refused.faults]) from refused
    with EchoServer(knobs=KNOBS) as server:
        sys.stderr.write(
            f"A demo server listens on {server.address}: 1 % of its answers are slow, 0.5 % fail, on purpose.\n"
            f"This is: apibench run {server.address} --rate 200/s -d {duration} "
            + " ".join(f"--threshold '{threshold}'" for threshold in THRESHOLDS)
            + "\n"
        )
        plan = url_plan(RequestWords(url=server.address), load)
        code = run(RunRequest(plan=plan), PaceLook())
        served = server.counts()["requests"]
    sys.stdout.write(f"\nThe server counted {served:,} requests itself. Next: apibench run http://YOUR-HOST/\n")
    if code != ExitCode.THRESHOLD_FAILED:
        return code
    # The failed threshold is the demo's point: it shows what one looks like.
    sys.stdout.write("A threshold failed on purpose: a run would have exited 99. The demo has worked, and exits 0.\n")
    return ExitCode.PASSED
