"""The server in front of the application, with its limits."""

from typing import Any

import uvicorn
from fastapi import FastAPI

MAX_CONNECTIONS = 1_000
"""At once; more are answered with 503."""
MAX_HEAD_BYTES = 64 * 1024
KEEP_ALIVE_S = 20
GRACE_S = 5
"""How long requests may go on after a stop; streams are cut then."""


def server(app: FastAPI, host: str, port: int, **tls: Any) -> uvicorn.Server:
    """
    A server to be run by `await server.serve()`; `tls` takes uvicorn's `ssl_certfile`, `ssl_keyfile` and so on.

    It writes no log of its own: the application's log has every request.
    """
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http="h11",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=MAX_CONNECTIONS,
        h11_max_incomplete_event_size=MAX_HEAD_BYTES,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACE_S,
        **tls,
    )
    return uvicorn.Server(config)
