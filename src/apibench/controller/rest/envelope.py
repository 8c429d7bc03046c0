"""
Around every answer: an id, headers that keep browsers from guessing, and a line in the log.

Plain ASGI, because the usual middleware of the framework would hold a stream's pieces back.
"""

import re
import secrets
import time
import traceback
from pathlib import Path
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.typing import FilteringBoundLogger

from apibench.controller.rest.refusals import RequestRefused, error_response
from apibench.model.run_id import is_run_id

_REQUEST_ID = re.compile(rb"[0-9A-Za-z._-]{1,64}")
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}


class Envelope:
    """The outermost part of the application."""

    def __init__(self, app: ASGIApp, log: FilteringBoundLogger) -> None:
        self._app = app
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and whatever becomes of it, say so."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        began_ns = time.monotonic_ns()
        status: int | None = None

        async def send_wrapped(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                headers["X-Request-Id"] = request_id
            await send(message)

        try:
            await self._app(scope, receive, send_wrapped)
        except Exception as error:  # noqa: BLE001 - nothing of ours may reach the server's own page of errors
            self._log.error("request.failed", request=request_id, **_run(scope), **_told(error))
            if status is None:
                hint = f"It is our fault; the log knows more under the request {request_id}."
                response = error_response(RequestRefused(500, "internal", "something broke here", hint))
                await response(scope, receive, send_wrapped)
        finally:
            self._log.info(
                "request",
                request=request_id,
                method=scope["method"],
                route=_route(scope),
                **_run(scope),
                status=status,
                actor=scope.get("apibench.actor"),
                client=_client(scope),
                took_us=(time.monotonic_ns() - began_ns) // 1_000,
            )


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return str(value, "ascii")
    return secrets.token_hex(8)


def _route(scope: Scope) -> str | None:
    """The resource without its values: who types a token into a path must not find it in a log."""
    return getattr(scope.get("route"), "path", None)


def _run(scope: Scope) -> dict[str, str]:
    """The run that it is about, if it is about one. Nothing else that is typed in its place gets into a log."""
    run_id = scope.get("apibench.run_id") or scope.get("path_params", {}).get("run_id", "")
    return {"run_id": run_id} if is_run_id(run_id) else {}


def _client(scope: Scope) -> str | None:
    client = scope.get("client")
    return None if client is None else str(client[0])


def _told(error: Exception) -> dict[str, Any]:
    frames = traceback.extract_tb(error.__traceback__)
    where = [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames[-6:]]
    return {"error": type(error).__name__, "message": str(error), "where": where}
