"""TLS: CPU per request beside the others, system calls a request, and what a handshake costs."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from cost import alternating
from machine import Section, measured, ours
from target import nginx


def tls(rounds: int, short: float, long: float) -> Section:
    """The same table as for plain HTTP; there is no floor, so the first is wrk, which does not check certificates."""
    lines = []
    with tempfile.TemporaryDirectory() as folder, nginx(Path(folder)) as server:
        url = f"https://127.0.0.1:{server.tls_port}/"
        trust = ("--cacert", str(server.certificate))
        for connections in (50, 1_000):
            commands = {
                "wrk": f"wrk -t1 -c{connections} -d{{s}}s {url}",
                "apibench": " ".join(ours(url, "-c", str(connections), "-d", "{s}s", *trust)),
                "h2load": f"h2load --h1 -t1 -c{connections} -D{{s}} {url}",
            }
            commands = {name: words for name, words in commands.items() if name == "apibench" or shutil.which(name)}
            first = next(iter(commands))
            lines += alternating(commands, first, server, rounds, short, long)
        document = measured(url, "-c", "50", "-d", "3s", *trust)
        generator, ok = document["generator"], document["requests"]["ok"]  # type: ignore[index]
        both = (generator["sends"] + generator["receives"]) / ok  # type: ignore[index]
        lines.append(f"- send + recv a request, 50 connections: {both:.3f}; waits: {generator['waits'] / ok:.3f}")  # type: ignore[index]
        handshakes = measured(url, "-c", "10", "-d", "3s", "--no-keepalive", *trust)
        lines.append(f"- a connection for each request, sessions resumed: {handshakes['requests']['ok_per_s']:,.0f}/s")  # type: ignore[index]
    return Section("TLS 1.3, keep-alive, a 3-byte answer", lines)
