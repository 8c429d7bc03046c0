"""The built-in target: what we try ourselves against, and what the demo loads."""

import json
from typing import Any, Self

from apibench import _engine
from apibench.model.errors import UsageError


class EchoServer:
    """A small HTTP server that does what it is told and counts for itself; a context that stops it at its end."""

    def __init__(self, **config: Any) -> None:
        """Start to serve. The words are those of the server's `Config`; what is None is left to its default."""
        given = {name: value for name, value in config.items() if value is not None}
        try:
            self._server = _engine.EchoServer(json.dumps(given))
        except _engine.EngineError as error:
            # It says what is wrong and, as a rule, what to do about it in a second sentence.
            message, _, remedy = str(error.args[1]).rstrip(".").partition(". ")
            remedy = f"{remedy}." if remedy else "Change what the server is asked for."
            raise UsageError(message[:1].lower() + message[1:], remedy) from error

    @property
    def address(self) -> str:
        """Where it listens: `http://127.0.0.1:8089`, or `unix:PATH`."""
        return self._server.address

    def counts(self) -> dict[str, Any]:
        """What it has counted so far."""
        counts: dict[str, Any] = json.loads(self._server.counts())
        return counts

    def stop(self) -> None:
        """Stop, and finish the log."""
        self._server.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
