"""The target's own count is ours, request for request."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.integration.conftest import Nginx

from apibench.engine.echo_server import EchoServer

Measure = Callable[..., dict[str, Any]]


@pytest.mark.parametrize(
    "load",
    [
        ("-c", "7", "-n", "500"),
        ("-c", "3", "-d", "500ms"),
        ("-r", "400/s", "-d", "1s"),
        ("-r", "300/s", "-d", "1s", "--arrivals", "poisson", "--seed", "5"),
        ("-r", "200/s", "-d", "1s", "-c", "2"),
        ("-u", "6", "-c", "2", "-n", "100"),
        ("--stage", "500ms:300/s", "--stage", "500ms:0/s"),
        ("-c", "4", "-n", "100", "--no-keepalive"),
        ("-c", "4", "-n", "200", "--threads", "2"),
    ],
    ids=" ".join,
)
def test_the_echo_servers_count_is_ours(measure: Measure, echo: EchoServer, load: tuple[str, ...]) -> None:
    # Without the pre-flight, whose connection carries no request and which the server counts all the same.
    document = measure(echo.address, *load, "--no-preflight")
    counted = echo.counts()
    requests = document["requests"]
    assert requests["started"] == requests["ok"] == counted["requests"] == counted["responses"]["200"]
    assert requests["failed"] == requests["unfinished"] == 0
    assert document["bytes"]["sent"] == counted["received_bytes"]
    assert document["bytes"]["received"] == counted["sent_bytes"]
    opened = sum(address["connections"] for address in document["run"]["addresses"])
    assert opened == counted["connections"]


def test_iterations_are_exact(measure: Measure, echo: EchoServer) -> None:
    assert measure(echo.address, "-c", "7", "-n", "500")["requests"]["ok"] == 500
    assert measure(echo.address, "-r", "333/s", "-d", "1500ms")["load"]["offered"] == 500
    assert measure(echo.address, "-r", "100/s", "-n", "25")["load"]["offered"] == 25


@pytest.mark.parametrize("path", ["/", "/page.html", "/empty"])
def test_nginx_counts_what_we_count(measure: Measure, nginx: Nginx, path: str) -> None:
    # A hundred requests a connection: nginx says `Connection: close` with the last of them.
    before = nginx.requests()
    document = measure(f"http://127.0.0.1:{nginx.port}{path}", "-c", "5", "-n", "2000", "-H", "Accept-Encoding: gzip")
    # Our own question before is counted too.
    assert nginx.requests() - before - 1 == document["requests"]["ok"] == 2000
    assert document["generator"]["connections_opened"] >= 20


def test_nginx_over_tls_counts_what_we_count(measure: Measure, nginx: Nginx) -> None:
    before = nginx.requests()
    document = measure(
        f"https://localhost:{nginx.tls_port}/", "-c", "4", "-n", "1000", "--cacert", str(nginx.certificate), "-4"
    )
    assert nginx.requests() - before - 1 == document["requests"]["ok"] == 1000
    assert document["phases"]["tls"]["count"] == document["generator"]["connections_opened"]


def test_the_same_seed_sends_the_same_requests_on_one_thread_and_on_two(
    measure: Measure, tmp_path: Path, echo: EchoServer
) -> None:
    targets = tmp_path / "targets"
    targets.write_text("\n".join(f"GET {echo.address}/{number}" for number in range(5)))
    counts = []
    for threads in ("1", "2"):
        before = echo.counts()["by_path"]
        measure("--targets", str(targets), "-c", "4", "-n", "200", "--seed", "1", "--threads", threads)
        after = echo.counts()["by_path"]
        counts.append({path: after[path] - before.get(path, 0) for path in after})
    assert counts[0] == counts[1]
    assert sum(counts[0].values()) == 200
