"""A target in Python that counts for itself what it was sent."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Target:
    """Counts for itself what it was sent."""

    def __init__(self) -> None:
        self.bodies: Counter[str] = Counter()
        self.paths: Counter[str] = Counter()
        self.cookies: Counter[tuple[str, str]] = Counter()
        """Of each path what came with it, and how often."""
        self.sets: dict[str, str] = {}
        """What an answer sets, by path."""
        target = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                target.bodies[body] += 1
                target.paths[self.path] += 1
                target.cookies[self.path, self.headers.get("Cookie", "")] += 1
                answer = b'{"price_cents": 7}'
                self.send_response(200)
                if self.path in target.sets:
                    self.send_header("Set-Cookie", target.sets[self.path])
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_POST = _answer  # noqa: N815 - the names that the library looks for

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}"

    @contextmanager
    def answering(self) -> Iterator["Target"]:
        """It answers while this lasts."""
        thread = threading.Thread(target=self.server.serve_forever)
        thread.start()
        try:
            yield self
        finally:
            self.server.shutdown()
            thread.join()
            self.server.server_close()
