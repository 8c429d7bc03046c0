"""A process that was stopped, and goes on after its lease has run out, sends nothing: its share may be another's."""

import os
import signal
import subprocess
import sys
import time

import pytest
from tests.integration.conftest import PATIENCE_S

from apibench.authoring.load_words import LoadWords
from apibench.authoring.request_words import RequestWords
from apibench.authoring.url_plan import url_plan
from apibench.engine.echo_server import EchoServer
from apibench.engine.rust import RustEngine
from apibench.engine.seam import EngineOptions
from apibench.model.errors import EngineFailed

LEASED = """
import sys, time
from apibench.engine.rust import RustEngine
from apibench.engine.seam import EngineOptions
from apibench.model.share import WHOLE
from apibench.authoring.load_words import LoadWords
from apibench.authoring.request_words import RequestWords
from apibench.authoring.url_plan import url_plan

plan = url_plan(RequestWords(url=sys.argv[1]), LoadWords(**eval(sys.argv[2])))
prepared = RustEngine().prepare(plan)
start = time.monotonic_ns() + 100_000_000
load = prepared.start(EngineOptions(threads=2), barrier_ns=start, share=WHOLE, lease_until_ns=start + 1_000_000_000)
print("started", flush=True)
if sys.argv[3] == "extend":
    assert load.extend_lease(start + 2_000_000_000)
while not load.ended:
    load.next_counts(50)
assert not load.extend_lease(time.monotonic_ns() + 1_000_000_000)
print("fenced" if load.fenced else "free")
"""


def test_what_is_thawed_after_its_lease_sends_nothing() -> None:
    for load in ("{'rate': '2000/s', 'duration': '10s', 'drain': '1s'}", "{'connections': 20, 'duration': '10s'}"):
        with EchoServer(knobs="delay=5ms") as echo:
            line = [sys.executable, "-c", LEASED, echo.address, load, "keep"]
            with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as process:
                assert process.stdout is not None
                assert process.stdout.readline() == "started\n"
                time.sleep(0.5)
                os.kill(process.pid, signal.SIGSTOP)
                time.sleep(1)
                before = echo.counts()["requests"]
                assert before > 100
                os.kill(process.pid, signal.SIGCONT)
                said, _ = process.communicate(timeout=PATIENCE_S)
            assert said == "fenced\n"
            assert echo.counts()["requests"] == before


def test_a_lease_that_is_extended_lasts_so_much_longer() -> None:
    with EchoServer() as echo:
        line = [sys.executable, "-c", LEASED, echo.address, "{'rate': '100/s', 'duration': '10s'}", "extend"]
        done = subprocess.run(line, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        assert done.stdout == "started\nfenced\n", done.stderr
        assert 190 <= echo.counts()["requests"] <= 200


def test_a_start_whose_moment_has_passed_is_refused_and_sends_nothing() -> None:
    with EchoServer() as echo:
        prepared = RustEngine().prepare(
            url_plan(RequestWords(url=echo.address), LoadWords(rate="1000/s", duration="10s"))
        )
        with pytest.raises(EngineFailed, match="had passed before the load was ready"):
            prepared.start(EngineOptions(threads=2), barrier_ns=time.monotonic_ns() - 5_000_000_000)
        assert echo.counts()["requests"] == 0
