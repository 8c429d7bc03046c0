"""ASGI applications served on loopback while a test lasts, each by a thread with an event loop of its own."""

import socket
import threading
from types import TracebackType
from typing import Any, Self

import uvicorn

from apibench.model.errors import UsageError

_LOOK_S = 0.02
_LEAVE_S = 5
"""How long what is in flight is waited for at the end."""


class LiveServers:
    """A context that stops them at its end."""

    def __init__(self) -> None:
        self._running: list[tuple[uvicorn.Server, threading.Thread]] = []

    def serve(self, app: Any) -> str:
        """
        Serve an application, and return its URL once it answers.

        Raises UsageError where it ends before that.
        """
        listening = socket.create_server(("127.0.0.1", 0), backlog=2_048)
        config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=_LEAVE_S)
        server = uvicorn.Server(config)
        raised: list[BaseException] = []

        def run() -> None:
            try:
                server.run(sockets=[listening])
            except BaseException as error:  # noqa: BLE001 - an application may raise anything, and SystemExit is uvicorn's
                raised.append(error)

        thread = threading.Thread(target=run, name="live_asgi", daemon=True)
        thread.start()
        while not server.started:
            thread.join(_LOOK_S)
            if not thread.is_alive():
                listening.close()
                why = f": {raised[0]!r}" if raised and not isinstance(raised[0], SystemExit) else ""
                raise UsageError(f"the application did not start{why}", "See what it says in the log.")
        self._running.append((server, thread))
        host, port = listening.getsockname()[:2]
        return f"http://{host}:{port}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for server, _ in self._running:
            server.should_exit = True
        for _, thread in self._running:
            thread.join(2 * _LEAVE_S)
