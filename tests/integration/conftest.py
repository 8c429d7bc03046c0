"""Servers to run against, and the command as a user runs it."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.ports import free_port

from apibench.engine.echo_server import EchoServer

PATIENCE_S = 60
NICENESS = 16
"""Which word behind a thread's name in `/proc/PID/task/TID/stat`, from 0."""


@dataclass(frozen=True)
class Finished:
    """A command that has ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def document(self) -> dict[str, Any]:
        """The result document on standard output."""
        document: dict[str, Any] = json.loads(self.stdout)
        return document


Command = Callable[..., Finished]


def command_line(*arguments: str) -> list[str]:
    """The command under test, by this interpreter."""
    return [sys.executable, "-m", "apibench", *arguments]


def niceness_by_thread(pid: int) -> dict[str, int]:
    """Of a process: by the names of its threads, of which the first is `main`."""
    found = {}
    for thread in Path(f"/proc/{pid}/task").iterdir():
        before, _, after = (thread / "stat").read_text().rpartition(")")
        name = "main" if thread.name == str(pid) else before.partition("(")[2]
        found[name] = int(after.split()[NICENESS])
    return found


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The environment of a command: a history of its own, and no colours."""
    return {**os.environ, "APIBENCH_DATA_DIR": str(tmp_path / "data"), "NO_COLOR": "1", "COLUMNS": "100"}


@pytest.fixture
def apibench(environment: dict[str, str]) -> Command:
    """Run the command and wait for its end."""

    def run(*arguments: str) -> Finished:
        done = subprocess.run(
            command_line(*arguments), capture_output=True, text=True, timeout=PATIENCE_S, env=environment, check=False
        )
        return Finished(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def measure(apibench: Command) -> Callable[..., dict[str, Any]]:
    """Run against a target and return the result document, whatever the verdict."""

    def run(*arguments: str) -> dict[str, Any]:
        finished = apibench("run", *arguments, "-o", "json=-", "--progress", "none")
        assert finished.stdout, finished.stderr
        return finished.document

    return run


@pytest.fixture
def echo() -> Iterator[EchoServer]:
    """A plain target."""
    with EchoServer() as server:
        yield server


TRIES = 6


def on_a_quiet_moment(attempt: Callable[[], bool]) -> bool:
    """
    Whether an attempt succeeds at one of a few moments.

    Only for what a busy machine rightly spoils: a run whose generator was kept from its processor is invalid, and on
    a machine that builds something else beside these tests that is the truth. Six times in a row it is a fault.
    """
    return any(attempt() for _ in range(TRIES))


@dataclass(frozen=True)
class Nginx:
    """A running nginx."""

    port: int
    tls_port: int
    certificate: Path

    def requests(self) -> int:
        """How many requests it has handled, by its own count, this question apart."""
        with socket.create_connection(("127.0.0.1", self.port)) as asked:
            asked.sendall(b"GET /status HTTP/1.0\r\n\r\n")
            answer = b"".join(iter(lambda: asked.recv(4096), b"")).decode()
        return int(answer.split("server accepts handled requests")[1].split()[2]) - 1


@pytest.fixture(scope="session")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    """Nginx as it comes: a hundred requests a connection, gzip, chunked answers, TLS, HTTP/1.0 upstream."""
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    folder = tmp_path_factory.mktemp("nginx")
    port, tls_port = free_port(), free_port()
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    (folder / "page.html").write_text("<p>hello</p>\n" * 500)
    configuration = folder / "nginx.conf"
    configuration.write_text(
        f"""
        user root; daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
        events {{ worker_connections 1024; }}
        http {{
            access_log off; keepalive_requests 100; gzip on; gzip_min_length 10; gzip_types text/plain;
            client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
            uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
            server {{
                listen 127.0.0.1:{port}; listen 127.0.0.1:{tls_port} ssl;
                ssl_certificate {certificate}; ssl_certificate_key {key};
                root {folder};
                location = / {{ return 200 "hello\\n"; }}
                location = /status {{ stub_status; }}
                location = /empty {{ return 204; }}
                location = /missing {{ return 404; }}
                location = /moved {{ return 302 /; }}
            }}
        }}
        """
    )
    server = subprocess.Popen([program, "-c", str(configuration)], stderr=subprocess.DEVNULL)
    try:
        _await_port(port)
        yield Nginx(port, tls_port, certificate)
    finally:
        server.send_signal(signal.SIGQUIT)
        server.wait(PATIENCE_S)


def _await_port(port: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.02)
        else:
            return
