"""The port of the REST face, as a part of a service that starts and stops with the others."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI

from apibench.controller.rest.serving import server
from apibench.model.errors import UsageError
from apibench.wire.security import Security, host_of

BACKLOG = 1_024


class RestServer:
    """Serves an application until it is cancelled."""

    def __init__(self, app: FastAPI, http: str, security: Security) -> None:
        """
        Takes the port.

        Raises UsageError where that can't be and where others could listen to plain text, CertificatesUnusable.
        """
        host = host_of(http)
        if security.encrypts:
            security.certificates()
        else:
            security.check_plain_text(http)
        self._socket = _listening(host, int(http.rpartition(":")[2]))
        port = self._socket.getsockname()[1]
        shown = f"[{host}]" if ":" in host else host
        self.url = f"{'https' if security.encrypts else 'http'}://{shown}:{port}"
        tls: dict[str, Any] = {}
        if security.encrypts:
            tls = {"ssl_certfile": str(security.certificate_file), "ssl_keyfile": str(security.key_file)}
        self._server = server(app, host, port, **tls)
        # The service hears signals itself, and ends its parts in order.
        self._server.capture_signals = _no_signals  # type: ignore[method-assign]

    async def run(self) -> None:
        """Answer. Once cancelled, let requests end that have begun, for a short while."""
        serving = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        try:
            await asyncio.shield(serving)
        finally:
            self._server.should_exit = True
            await serving


@contextlib.contextmanager
def _no_signals() -> Iterator[None]:
    yield


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise UsageError(
            f"can't listen on {host}:{port}: {(error.strerror or str(error)).lower()}",
            "Name another HOST:PORT with --http.",
        ) from error
