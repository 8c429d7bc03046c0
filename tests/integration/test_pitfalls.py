"""What servers do to clients in the real world, from a scripted one: each pitfall, and what we make of it."""

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.integration.conftest import Command

from apibench.engine.echo_server import EchoServer

Measure = Callable[..., dict[str, Any]]
Script = Callable[[socket.socket, int], None]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@contextmanager
def scripted(script: Script) -> Iterator[str]:
    """A server that does with each connection what `script` says; the number counts connections from 0."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    ending = threading.Event()

    def serve(connection: socket.socket, number: int) -> None:
        with connection:
            connection.settimeout(10)
            try:
                script(connection, number)
            except OSError:
                # The client went away, which is one of the things that are tried here.
                return

    def accept() -> None:
        number = 0
        while not ending.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection, number), daemon=True).start()
            number += 1

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    finally:
        ending.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def read_request(connection: socket.socket) -> bytes:
    """A request, head and body; empty at the end of the stream."""
    received = b""
    while b"\r\n\r\n" not in received:
        part = connection.recv(65536)
        if not part:
            return b""
        received += part
    head, _, body = received.partition(b"\r\n\r\n")
    lengths = [line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    whole = bytearray(body)
    while lengths and len(whole) < int(lengths[0]):
        part = connection.recv(1 << 20)
        if not part:
            return b""
        whole += part
    return head + b"\r\n\r\n" + bytes(whole)


def answering(*answers: bytes, close: bool = False) -> Script:
    """Answer each request of a connection with all of `answers`, sent one after another."""

    def script(connection: socket.socket, _number: int) -> None:
        while read_request(connection):
            for answer in answers:
                connection.sendall(answer)
            if close:
                return

    return script


@pytest.mark.parametrize(
    ("answer", "ok"),
    [
        (b"HTTP/1.1 204 No Content\r\nContent-Length: 7\r\n\r\n", True),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\nTransfer-Encoding: chunked\r\n\r\n", True),
        (b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK, True),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok", True),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b\r\nok\r\n0\r\nX-Trailer: 1\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok", False),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", False),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", False),
        (b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n", False),
    ],
)
def test_framing_follows_the_rules_and_what_breaks_them_is_an_error(measure: Measure, answer: bytes, ok: bool) -> None:  # noqa: FBT001
    with scripted(answering(answer)) as url:
        document = measure(url, "-c", "1", "-n", "6", "--timeout", "5s", "--no-preflight")
    expected = {} if ok else {"http.protocol": 6}
    assert document["requests"]["by_error"] == expected
    assert document["requests"]["ok"] == (6 if ok else 0)
    assert document["generator"]["connections_opened"] == (1 if ok else 6)


def test_an_answer_in_single_bytes_is_the_same_answer(measure: Measure) -> None:
    with scripted(answering(*(OK[place : place + 1] for place in range(len(OK))))) as url:
        assert measure(url, "-c", "2", "-n", "10")["requests"]["ok"] == 10


def test_bytes_beyond_an_answer_are_no_part_of_the_next(measure: Measure) -> None:
    with scripted(answering(OK + b"HTTP/1.1 500 Smuggled\r\nContent-Length: 0\r\n\r\n")) as url:
        document = measure(url, "-c", "1", "-n", "5")
    assert document["requests"]["by_status"] == {"200": 5}


def test_a_connection_that_was_closed_behind_our_back_costs_another_attempt_and_no_failure(measure: Measure) -> None:
    # It answers once and closes when the next request has come: that one met a connection that was going.
    def script(connection: socket.socket, _number: int) -> None:
        read_request(connection)
        connection.sendall(OK)
        read_request(connection)

    with scripted(script) as url:
        document = measure(url, "-c", "3", "-n", "60", "--no-preflight")
    requests = document["requests"]
    assert requests["ok"] == 60
    # All but the first of each user met one.
    assert requests["stale_retries"] == 57
    assert requests["attempts"] == 117


def test_who_said_that_it_closes_may_close_first(measure: Measure) -> None:
    # Whoever closes first keeps the port for a minute. The server says that it will, and does so a little later.
    left_by_us: list[bool] = []

    def script(connection: socket.socket, _number: int) -> None:
        read_request(connection)
        connection.sendall(OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        connection.settimeout(0.2)
        try:
            left_by_us.append(connection.recv(1) == b"")
        except TimeoutError:
            left_by_us.append(False)

    with scripted(script) as url:
        document = measure(url, "-c", "2", "-r", "20/s", "-d", "1s", "--no-preflight")
    assert document["requests"]["ok"] == document["generator"]["connections_opened"] == 20
    # The last ones are closed with the run.
    assert left_by_us.count(False) >= 10


def test_a_server_that_never_closes_costs_no_more_connections_than_it_may(measure: Measure) -> None:
    ending = threading.Event()

    def script(connection: socket.socket, _number: int) -> None:
        read_request(connection)
        connection.sendall(OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        ending.wait(10)

    with scripted(script) as url:
        try:
            document = measure(url, "-c", "2", "-n", "300", "--no-preflight")
        finally:
            ending.set()
    assert document["requests"]["ok"] == 300


def test_an_idle_connection_is_left_before_its_server_closes_it(measure: Measure) -> None:
    # Asked again after 700 ms, when a server that keeps a connection for a second may be about to close it.
    kept = OK.replace(b"\r\n\r\n", b"\r\nKeep-Alive: timeout=1\r\n\r\n")
    with scripted(answering(kept)) as url:
        rested = measure(url, "-c", "1", "-r", "85/m", "-d", "2s", "--no-preflight")
        busy = measure(url, "-c", "1", "-r", "20/s", "-d", "1s", "--no-preflight")
    assert rested["requests"]["ok"] == rested["generator"]["connections_opened"] == 3
    assert busy["generator"]["connections_opened"] < busy["requests"]["ok"] == 20


def test_a_body_until_the_end_that_is_reset_is_a_failure(measure: Measure) -> None:
    def script(connection: socket.socket, _number: int) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\nhalf a bo")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with scripted(script) as url:
        requests = measure(url, "-c", "1", "-n", "4", "--no-preflight")["requests"]
    assert requests["by_error"] == {"tcp.reset": 4}


def test_a_post_is_never_sent_twice(measure: Measure) -> None:
    seen: list[bytes] = []

    def script(connection: socket.socket, _number: int) -> None:
        for answer in (OK, None):
            request = read_request(connection)
            if request:
                seen.append(request)
            if answer is None:
                return
            connection.sendall(answer)

    with scripted(script) as url:
        document = measure(url, "-X", "POST", "--data", "x", "-c", "1", "-n", "10")
    requests = document["requests"]
    assert requests["stale_retries"] == 0
    assert requests["ok"] + requests["failed"] == 10
    assert requests["failed"] == requests["by_error"].get("tcp.closed", 0) + requests["by_error"].get("tcp.reset", 0)
    assert len(seen) == 10


def test_a_large_body_goes_out_whole_over_many_partial_writes(measure: Measure, tmp_path: Path) -> None:
    # More than a socket's buffers hold: the rest goes out as they drain.
    body = bytes(range(256)) * 24 * 1024
    (tmp_path / "body").write_bytes(body)
    seen: list[bool] = []

    def script(connection: socket.socket, _number: int) -> None:
        while request := read_request(connection):
            seen.append(request.partition(b"\r\n\r\n")[2] == body)
            connection.sendall(OK)

    with scripted(script) as url:
        document = measure(url, "--data", f"@{tmp_path / 'body'}", "-c", "2", "-n", "4", "--timeout", "30s")
    assert document["requests"]["ok"] == 4
    assert seen == [True] * 4


def test_what_we_send_is_one_clean_request_and_asks_for_no_encoding(measure: Measure) -> None:
    seen: list[bytes] = []

    def script(connection: socket.socket, _number: int) -> None:
        while request := read_request(connection):
            seen.append(request)
            connection.sendall(OK)

    with scripted(script) as url:
        measure(f"{url}a?b=c", "-H", "X-One: 1", "-H", "user-agent: mine", "-c", "1", "-n", "2", "--no-preflight")
    head = seen[0].decode().split("\r\n")
    assert head[0] == "GET /a?b=c HTTP/1.1"
    names = [line.partition(":")[0].lower() for line in head[1:-2]]
    assert sorted(names) == ["accept", "host", "user-agent", "x-one"]
    assert seen[0] == seen[1]


@pytest.mark.parametrize(
    ("timeouts", "pauses", "error"),
    [
        ({"first_byte": "150ms"}, (1.0, 0.0), "timeout.first_byte"),
        ({"idle": "150ms"}, (0.0, 1.0), "timeout.idle"),
        ({"total": "150ms"}, (0.0, 1.0), "timeout"),
    ],
)
def test_each_timeout_has_its_name_and_stays_in_the_headline_as_a_lower_bound(
    apibench: Command, tmp_path: Path, timeouts: dict[str, str], pauses: tuple[float, float], error: str
) -> None:
    ending = threading.Event()

    def script(connection: socket.socket, _number: int) -> None:
        while read_request(connection):
            ending.wait(pauses[0])
            connection.sendall(OK[:20])
            ending.wait(pauses[1])
            connection.sendall(OK[20:])

    with scripted(script) as url:
        plan = {
            "version": 1,
            "hosts": {"target": {"url": url, "timeouts": timeouts}},
            "scenarios": [
                {
                    "name": "main",
                    "load": {"vus": 1, "iterations": 2},
                    "steps": [{"type": "request", "host": "target", "path": "/"}],
                }
            ],
        }
        (tmp_path / "plan.json").write_text(json.dumps(plan))
        ended = apibench("run", str(tmp_path / "plan.json"), "-o", "json=-", "--progress", "none")
        ending.set()
    document = ended.document
    assert document["requests"]["by_error"] == {error: 2}
    assert document["response_time"]["censored"] == 2
    assert 150_000_000 <= document["response_time"]["min_ns"] < 900_000_000


def test_a_target_that_accepts_nothing_runs_into_the_connect_timeout(measure: Measure) -> None:
    # A backlog of one that nobody takes from: further connections get no answer.
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        blocking = [socket.socket() for _ in range(4)]
        for each in blocking:
            each.settimeout(0)
            each.connect_ex(listener.getsockname())
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        document = measure(url, "-c", "2", "-n", "2", "--connect-timeout", "300ms", "--no-preflight")
        for each in blocking:
            each.close()
    assert document["requests"]["by_error"] == {"timeout.connect": 2}


def test_many_connections_at_once_do_not_overflow_a_short_backlog(measure: Measure) -> None:
    # 500 users begin at the same moment; never more than a hundred connect at a time.
    with scripted(answering(OK)) as url:
        document = measure(url, "-c", "500", "-n", "500", "--timeout", "20s")
    assert document["requests"]["ok"] == 500


def test_more_connections_than_descriptors_are_refused_before_the_run(apibench: Command, echo: EchoServer) -> None:
    refused = apibench("run", echo.address, "-c", "900000", "-d", "1s")
    assert refused.code == 2
    assert "file descriptors" in refused.stderr
    assert echo.counts()["connections"] == 0


def test_line_ends_in_headers_are_refused(apibench: Command, echo: EchoServer) -> None:
    refused = apibench("run", echo.address, "-H", "X: a\r\nY: b", "-n", "1")
    assert refused.code in (2, 104)
    assert echo.counts()["requests"] == 0


def test_a_target_on_this_machine_is_said_to_be(measure: Measure, echo: EchoServer) -> None:
    assert measure(echo.address, "-n", "5")["run"]["host"]["co_located"] is True
