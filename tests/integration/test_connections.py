"""Where connections go: addresses, sockets, certificates."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.integration.conftest import Command
from tests.ports import free_port

from apibench.engine.echo_server import EchoServer

Measure = Callable[..., dict[str, Any]]


def port_of(server: EchoServer) -> str:
    return server.address.rpartition(":")[2]


def test_a_private_authority_is_trusted_only_when_it_is_named(
    apibench: Command, measure: Measure, tmp_path: Path
) -> None:
    authority = tmp_path / "ca.pem"
    with EchoServer(tls=True, ca_file=str(authority)) as server:
        url = f"https://localhost:{port_of(server)}"
        refused = apibench("run", url, "-n", "5", "-4")
        assert refused.code == 111
        assert "is not trusted" in refused.stderr
        assert "--cacert" in refused.stderr
        assert server.counts()["requests"] == 0
        assert measure(url, "-n", "20", "-c", "2", "-4", "--cacert", str(authority))["requests"]["ok"] == 20
        assert measure(url, "-n", "20", "-c", "2", "-4", "-k")["requests"]["ok"] == 20


def test_the_wrong_name_has_a_message_of_its_own(apibench: Command, tmp_path: Path) -> None:
    authority = tmp_path / "ca.pem"
    with EchoServer(tls=True, ca_file=str(authority)) as server:
        port = port_of(server)
        there = ("--connect-to", f"other.test:443:127.0.0.1:{port}")
        refused = apibench("run", "https://other.test/", "-n", "5", "--cacert", str(authority), *there)
    assert refused.code == 111
    assert "is for another name" in refused.stderr


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_file_of_certificates_that_holds_none_is_refused(
    apibench: Command, tmp_path: Path, content: str | None
) -> None:
    if content is not None:
        (tmp_path / "ca.pem").write_text(content)
    refused = apibench("run", "https://localhost:1/", "-n", "5", "--cacert", str(tmp_path / "ca.pem"))
    assert refused.code == 2
    assert str(tmp_path / "ca.pem") in refused.stderr
    assert "-k to skip the check" in refused.stderr


def test_tls_sessions_are_resumed_on_every_connection(measure: Measure, tmp_path: Path) -> None:
    authority = tmp_path / "ca.pem"
    with EchoServer(tls=True, ca_file=str(authority)) as server:
        url = f"https://localhost:{port_of(server)}"
        measure(url, "-n", "100", "-c", "10", "-4", "--cacert", str(authority), "--no-keepalive", "--no-preflight")
        counted = server.counts()
    assert counted["handshakes"] == 100
    # The first of each of ten users has no ticket yet.
    assert counted["resumed"] >= 80


def test_a_unix_socket(measure: Measure, tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with EchoServer(unix=str(path)) as server:
        document = measure("http://anything/", "--unix-socket", str(path), "-n", "50", "-c", "3")
        assert document["requests"]["ok"] == server.counts()["requests"] == 50
    assert document["run"]["addresses"][0]["address"] == f"unix:{path}"


def test_ipv6(measure: Measure) -> None:
    with EchoServer(http="[::1]:0") as server:
        assert measure(server.address, "-n", "20", "-c", "2")["requests"]["ok"] == 20
        assert measure(server.address, "-6", "-n", "20")["requests"]["ok"] == 20


def test_a_family_that_the_target_has_not_is_told(apibench: Command, echo: EchoServer) -> None:
    refused = apibench("run", echo.address, "-6", "-n", "5")
    assert refused.code == 111
    assert "has no IPv6 address" in refused.stderr


def test_a_fixed_address_needs_no_look_up(measure: Measure, echo: EchoServer) -> None:
    port = port_of(echo)
    url = f"http://no-such-name.test:{port}/"
    document = measure(url, "-n", "10", "--resolve", f"no-such-name.test:{port}:127.0.0.1")
    assert document["requests"]["ok"] == 10
    assert measure("http://no-such-name.test/", "-n", "5", "--connect-to", f"::127.0.0.1:{port}")["requests"]["ok"] == 5


def test_all_addresses_of_a_name_are_used_and_shown(measure: Measure) -> None:
    with EchoServer(http="127.0.0.1:0") as first:
        port = port_of(first)
        with EchoServer(http=f"127.0.0.2:{port}") as second:
            fixed = [
                part for address in ("127.0.0.1", "127.0.0.2") for part in ("--resolve", f"both.test:{port}:{address}")
            ]
            document = measure(f"http://both.test:{port}/", "-c", "6", "-n", "60", *fixed)
            assert first.counts()["requests"] == second.counts()["requests"] == 30
    shown = {address["address"]: address["connections"] for address in document["run"]["addresses"]}
    assert shown == {f"127.0.0.1:{port}": 3, f"127.0.0.2:{port}": 3}


@pytest.mark.parametrize(
    ("url", "says"),
    [
        (f"http://127.0.0.1:{free_port()}", "nothing listens"),
        ("http://no-such-name.invalid/", "no-such-name.invalid"),
    ],
    ids=["port", "name"],  # the port is another one in each process
)
def test_an_unreachable_target_is_told_before_the_run(apibench: Command, url: str, says: str) -> None:
    refused = apibench("run", url, "-d", "1s")
    assert refused.code == 111
    assert says in refused.stderr
    assert refused.stdout == ""


def test_waiting_for_a_target_that_comes_up_late(measure: Measure) -> None:
    import threading

    port = free_port()
    servers: list[EchoServer] = []
    timer = threading.Timer(0.5, lambda: servers.append(EchoServer(http=f"127.0.0.1:{port}")))
    timer.start()
    try:
        document = measure(f"http://127.0.0.1:{port}/", "-n", "5", "--wait-for-target", "20s")
    finally:
        timer.join()
        for server in servers:
            server.stop()
    assert document["requests"]["ok"] == 5
