"""A target in Python that answers what it is told to and keeps what it was sent; and a load that runs to its end."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from apibench.authoring.plan_file import parse_plan_document
from apibench.engine.rust import RustEngine
from apibench.engine.seam import EngineOptions

PRODUCT = b'{"price_cents": 7}'


@dataclass(frozen=True)
class Received:
    """A request as it came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Target:
    """Where it listens, what it answers to a path or a method and a path, and what it has received."""

    address: str = ""
    usual: bytes = b""
    """What it answers to all else."""
    answers: dict[str, tuple[dict[str, str], bytes]] = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)
    """By path; 200 unless told."""
    received: list[Received] = field(default_factory=list)

    @property
    def paths(self) -> Counter[str]:
        """How often each was asked for."""
        return Counter(each.path for each in self.received)

    @property
    def bodies(self) -> Counter[str]:
        """How often each came."""
        return Counter(each.body.decode() for each in self.received)

    @property
    def cookies(self) -> Counter[tuple[str, str]]:
        """Of each path what came with it, and how often."""
        return Counter((each.path, each.headers.get("Cookie", "")) for each in self.received)


@contextmanager
def target(usual: bytes = b"") -> Iterator[Target]:
    """One that listens on loopback for as long as this lasts."""
    told = Target(usual=usual)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            told.received.append(Received(self.command, self.path, dict(self.headers), body))
            known = (f"{self.command} {self.path}", self.path)
            headers, answer = next((told.answers[each] for each in known if each in told.answers), ({}, told.usual))
            self.send_response(told.statuses.get(self.path, 200))
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815 - the library's names

        def log_message(self, *_: Any) -> None:
            """Nobody reads it."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        told.address = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield told
        finally:
            server.shutdown()
            thread.join()


def once(address: str, steps: list[dict[str, Any]], secrets: Callable[[str], str | None] = lambda _: None) -> None:
    """Does the steps once, whatever fails."""
    scenario = {
        "name": "once",
        "load": {"vus": 1, "iterations": 1},
        "defaults": {"on_fail": "continue"},
        "steps": steps,
    }
    plan = parse_plan_document({"version": 1, "hosts": {"it": address}, "scenarios": [scenario]})
    run = RustEngine(secrets).prepare(plan).start(EngineOptions(threads=1))
    while not run.ended:
        run.next_counts(1_000)
    run.connections_by_address()


def sent(expressions: Mapping[str, Any], before: Sequence[dict[str, Any]] = (), **answers: Any) -> dict[str, str]:
    """
    What values come to by name, as a target receives them; those that have none are left out.

    `before`: steps that come first. `answers`: what the target answers, by path without its slash.
    """
    with target() as told:
        told.answers.update({f"/{name}": answer for name, answer in answers.items()})
        late = {name: {"type": "call", "function": "text", "arguments": [each]} for name, each in expressions.items()}
        posts = [
            {"type": "request", "method": "POST", "path": f"/of/{name}", "body": {"text": each}}
            for name, each in late.items()
        ]
        once(told.address, [*before, *posts])
        of = {each.path: each.body.decode() for each in told.received}
    return {name: of[f"/of/{name}"] for name in expressions if f"/of/{name}" in of}
