"""What TLS changes about a connection's end, from a scripted server that shakes hands like any other."""

import socket
import ssl
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from tests.integration.conftest import Command
from tests.integration.test_pitfalls import OK, Script, read_request, scripted

Measure = Callable[..., dict[str, Any]]
TlsScript = Callable[[ssl.SSLSocket, int], None]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate that nobody trusts, and its key."""
    folder = tmp_path_factory.mktemp("certificate")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    return certificate, key


def serving_as(pair: tuple[Path, Path]) -> ssl.SSLContext:
    """A server's side."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(*pair)
    return made


@pytest.fixture(scope="module")
def context(pair: tuple[Path, Path]) -> ssl.SSLContext:
    """A server's side that asks nobody for a certificate."""
    return serving_as(pair)


def over_tls(context: ssl.SSLContext, script: TlsScript) -> Script:
    """The script behind a handshake."""

    def shaking_hands(connection: socket.socket, number: int) -> None:
        with context.wrap_socket(connection, server_side=True) as wrapped:
            wrapped.settimeout(10)
            script(wrapped, number)

    return shaking_hands


def say_goodbye(connection: ssl.SSLSocket) -> None:
    """Send close_notify, and wait for nobody's."""
    connection.settimeout(0)
    # The client has not answered yet, and need not.
    with suppress(OSError):
        connection.unwrap()


def secure(url: str) -> str:
    return url.replace("http://", "https://")


@pytest.mark.parametrize("goodbye", [True, False])
def test_a_connection_that_closes_in_a_requests_face_costs_another_attempt(
    measure: Measure, context: ssl.SSLContext, *, goodbye: bool
) -> None:
    def script(connection: ssl.SSLSocket, _number: int) -> None:
        read_request(connection)
        connection.sendall(OK)
        # The second request has come when it closes: the race that every idle timeout can lose.
        if read_request(connection) and goodbye:
            say_goodbye(connection)

    with scripted(over_tls(context, script)) as url:
        requests = measure(secure(url), "-k", "-c", "1", "-n", "6", "--no-preflight")["requests"]
    assert requests["ok"] == 6
    assert requests["stale_retries"] == 5
    assert requests["attempts"] == 11


@pytest.mark.parametrize("goodbye", [True, False])
def test_a_body_until_the_end_ends_only_where_the_peer_says_so(
    measure: Measure, context: ssl.SSLContext, *, goodbye: bool
) -> None:
    def script(connection: ssl.SSLSocket, _number: int) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\nhalf a bo")
        if goodbye:
            say_goodbye(connection)
        # Without it this could be anybody on the way who cuts the answer short.
        socket.socket.shutdown(connection, socket.SHUT_WR)
        connection.recv(1)

    with scripted(over_tls(context, script)) as url:
        requests = measure(secure(url), "-k", "-c", "1", "-n", "3", "--no-preflight")["requests"]
    assert requests["ok"] == (3 if goodbye else 0)
    assert requests["by_error"] == ({} if goodbye else {"tcp.closed": 3})


def test_a_handshake_that_stalls_runs_into_the_connect_timeout(measure: Measure) -> None:
    ending = threading.Event()

    def script(_connection: socket.socket, _number: int) -> None:
        ending.wait(10)

    with scripted(script) as url:
        document = measure(secure(url), "-k", "-c", "2", "-n", "2", "--connect-timeout", "200ms", "--no-preflight")
        ending.set()
    assert document["requests"]["by_error"] == {"timeout.connect": 2}


def test_a_peer_that_speaks_no_tls_is_told_by_name(measure: Measure) -> None:
    def script(connection: socket.socket, _number: int) -> None:
        connection.recv(65536)
        connection.sendall(b"220 mail.test ESMTP\r\n")

    with scripted(script) as url:
        document = measure(secure(url), "-k", "-c", "2", "-n", "4", "--no-preflight")
    assert document["requests"]["by_error"] == {"tls.protocol": 4}


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("wanted", [ssl.CERT_REQUIRED, ssl.CERT_OPTIONAL])
def test_a_target_that_wants_a_certificate_of_the_client_is_told_before_the_run(
    apibench: Command, pair: tuple[Path, Path], version: ssl.TLSVersion, wanted: ssl.VerifyMode
) -> None:
    context = serving_as(pair)
    context.load_verify_locations(pair[0])
    context.verify_mode, context.minimum_version, context.maximum_version = wanted, version, version
    requests: list[bytes] = []

    def script(connection: ssl.SSLSocket, _number: int) -> None:
        while request := read_request(connection):
            requests.append(request)
            connection.sendall(OK)

    with scripted(over_tls(context, script)) as url:
        ended = apibench("run", secure(url), "-k", "-c", "1", "-n", "3")
    if wanted is ssl.CERT_REQUIRED:
        assert (ended.code, len(requests)) == (111, 0)
        assert "a certificate of the client" in ended.stderr
    else:
        assert len(requests) == 3, ended.stdout + ended.stderr
