"""The targets: nginx as a fast one, our echo server as one whose every hold is logged."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from machine import OURS, TARGET_CPU


def free_port() -> int:
    """A port that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def await_port(port: int) -> None:
    """Wait until somebody listens."""
    for _ in range(3_000):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            time.sleep(0.02)
    raise SystemExit(f"nothing came up on port {port}")


@dataclass(frozen=True)
class Nginx:
    """A running nginx."""

    port: int
    tls_port: int
    certificate: Path

    def requests(self) -> int:
        """How many requests it has handled by its own count."""
        with socket.create_connection(("127.0.0.1", self.port)) as asked:
            asked.sendall(b"GET /status HTTP/1.0\r\n\r\n")
            answer = b"".join(iter(lambda: asked.recv(4096), b"")).decode()
        return int(answer.split("server accepts handled requests")[1].split()[2])


@contextmanager
def nginx(folder: Path) -> Iterator[Nginx]:
    """A small answer, as often as it can, over connections that it never closes by itself."""
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    port, tls_port = free_port(), free_port()
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost"
    subject = ("-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE")
    command = ["openssl", *words.split(), *subject, "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    configuration = folder / "nginx.conf"
    configuration.write_text(
        f"""
        user root; daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
        worker_rlimit_nofile 30000; events {{ worker_connections 20000; }}
        http {{
            access_log off; keepalive_requests 1000000000; keepalive_timeout 300s;
            client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
            uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
            ssl_certificate {certificate}; ssl_certificate_key {key};
            server {{ listen 127.0.0.1:{port} backlog=4096; listen 127.0.0.1:{tls_port} ssl backlog=4096; location / {{ return 200 "ok\\n"; }} location = /status {{ stub_status; }} }}
        }}
        """
    )
    with running([program, "-c", str(configuration)], signal.SIGQUIT):
        await_port(port)
        yield Nginx(port, tls_port, certificate)


@contextmanager
def echo(*flags: str) -> Iterator[int]:
    """Our echo server."""
    port = free_port()
    with running([OURS, "echo", "--http", f"127.0.0.1:{port}", *flags], signal.SIGINT):
        await_port(port)
        yield port


@contextmanager
def running(command: list[str], end: signal.Signals) -> Iterator[None]:
    """A server on the target's processor, ended at the end."""
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: os.sched_setaffinity(0, {TARGET_CPU}),
    )
    try:
        yield
    finally:
        process.send_signal(end)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            sys.stderr.write(f"{command[0]} did not end; killed\n")
            process.kill()
            process.wait()
