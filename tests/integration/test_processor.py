"""What adds up gives way to what sends."""

import subprocess
import time

from tests.integration.conftest import PATIENCE_S, command_line, niceness_by_thread

from apibench.engine.echo_server import EchoServer


def test_the_thread_that_adds_up_gives_way_and_those_that_send_do_not(
    environment: dict[str, str], echo: EchoServer
) -> None:
    line = command_line("run", f"{echo.address}/", "-c", "2", "-d", "30s", "--threads", "2", "--progress", "none")
    with subprocess.Popen(line, env=environment, stdout=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + PATIENCE_S
        while echo.counts()["requests"] < 1_000 and time.monotonic() < deadline:
            time.sleep(0.01)
        threads = niceness_by_thread(process.pid)
        # Requests may be answered before the thread that has started them is back on a processor.
        while threads["main"] == 0 and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.01)
            threads = niceness_by_thread(process.pid)
        process.terminate()
        process.communicate(timeout=PATIENCE_S)
    assert {name: nice for name, nice in threads.items() if name.startswith("apibench-")} == {
        "apibench-0": 0,
        "apibench-1": 0,
    }
    assert threads["main"] == 10
