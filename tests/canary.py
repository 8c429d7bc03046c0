"""A secret of a value that nobody else has, and a search for it in whatever was left behind, however it was written."""

import base64
import http.server
import secrets
import sqlite3
import threading
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from apibench.model.counts import unpack

_ALL = 'SELECT * FROM "{}"'


class Canary:
    """
    A value with characters that forms, JSON and URLs write differently, and a middle that all leave as it is.

    What is searched for is the middle: in plain text, and in base64 as it comes out at each of three places.
    """

    def __init__(self) -> None:
        middle = secrets.token_hex(24)
        self.value = f'k"\\ /+&{middle}%=é'
        coded = [base64.b64encode(b"x" * shift + middle.encode()).decode() for shift in range(3)]
        # The first and the last letters hold bits of the neighbours.
        self._forms = [middle.encode(), *(text[4:-4].encode() for text in coded)]

    def is_in(self, content: bytes) -> bool:
        """Whether it is there, also compressed or as hex digits."""
        contents = [content, *_unpacked(content)]
        return any(form in each or form.hex().encode() in each for each in contents for form in self._forms)

    def places(self, folder: Path) -> list[str]:
        """The files below a folder that hold it; rows of databases are looked into."""
        files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
        held = [str(path.relative_to(folder)) for path in files if self.is_in(path.read_bytes())]
        databases = [path for path in files if path.read_bytes()[:15] == b"SQLite format 3"]
        return held + [f"{path.name}: {table}" for path in databases for table in self._tables(path)]

    def tables(self, url: str) -> list[str]:
        """The tables of a PostgreSQL database that hold it."""
        with psycopg.connect(url.replace("postgresql+psycopg", "postgresql")) as connection:
            found = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
            assert found
            return [
                name for (name,) in found if any(self._in_row(row) for row in connection.execute(_ALL.format(name)))
            ]

    def _tables(self, path: Path) -> Iterator[str]:
        with closing(sqlite3.connect(path)) as connection:
            names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            for name in names:
                if any(self._in_row(row) for row in connection.execute(_ALL.format(name))):
                    yield name

    def _in_row(self, row: tuple[Any, ...]) -> bool:
        return any(self.is_in(each if isinstance(each, bytes) else str(each).encode()) for each in row)


def _unpacked(content: bytes) -> Iterator[bytes]:
    for unpacked in (zlib.decompress, unpack):
        with suppress(zlib.error, ValueError):
            yield unpacked(content)


@dataclass
class Witness:
    """A target that remembers what it was sent, answers with it, and fails where its path says so."""

    address: str
    heads: list[dict[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)


@contextmanager
def witness() -> Iterator[Witness]:
    """On loopback."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            seen.heads.append(dict(self.headers.items()))
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            seen.bodies.append(body)
            told = "".join(f"{name}: {value}\n" for name, value in self.headers.items()).encode() + body
            self.send_response(500 if self.path.startswith("/fail") else 200)
            self.send_header("Content-Length", str(len(told)))
            self.send_header("X-Echo", self.headers.get("Authorization", ""))
            self.end_headers()
            self.wfile.write(told)

        do_GET = do_POST  # noqa: N815 - as the library calls it

        def log_message(self, *_: object) -> None:
            """Silent."""

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """Connections end as they like."""

    with Server(("127.0.0.1", 0), Handler) as server:
        seen = Witness(f"http://127.0.0.1:{server.server_address[1]}")
        serving = threading.Thread(target=server.serve_forever, args=(0.05,))
        serving.start()
        try:
            yield seen
        finally:
            server.shutdown()
            serving.join()
