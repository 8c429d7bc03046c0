"""
The REST face of an installation, from a command line: requests, and the stream of a run.

The standard library does for this: one request at a time, and a stream that is read line by line.
"""

import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from apibench import __version__
from apibench.model.errors import (
    ApibenchError,
    CertificatesUnusable,
    LinkLost,
    NotFound,
    Refused,
    UsageError,
    WordsInvalid,
)
from apibench.model.fault import Fault
from apibench.wire.security import is_loopback

ANSWER_S = 30.0
SILENT_S = 45.0
"""A stream says that it is alive every 15 s; one that does not is broken."""
MAX_ANSWER = 512 * 1024 * 1024
MAX_LINE = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """One event of a run's stream."""

    number: int
    kind: str
    document: Mapping[str, Any]


class RestClient:
    """One installation, by the URL of its controller."""

    def __init__(self, url: str, token: str | None, *, ca_file: Path | None = None, insecure: bool = False) -> None:
        """
        `ca_file`: PEM, who signs its certificate; `insecure`: show the token in plain text also to other machines.

        Raises UsageError for what is no URL of a controller, or where there is no token or it would be read by others,
        and CertificatesUnusable.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise UsageError(f"--controller: '{url}' is no URL of a controller", "Write it like http://127.0.0.1:8090.")
        if not token:
            raise UsageError(
                "--controller: a token is needed",
                "Set APIBENCH_TOKEN; apibench serve and apibench controller show the first one when they start.",
            )
        if parts.scheme == "http" and not insecure and not is_loopback(parts.hostname):
            raise UsageError(
                f"--controller: the token would go to {parts.hostname} in plain text, for everybody on the way to read",
                "Use https://, a tunnel to 127.0.0.1, or set APIBENCH_INSECURE=1 where the network is yours alone.",
            )
        self.url = url.rstrip("/")
        self._token = token
        self._context = _trusting(ca_file)
        # No proxy: a token is for the controller alone.
        handlers = [urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=self._context), _NoRedirect()]
        self._opener = urllib.request.build_opener(*handlers)

    def ask(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> Any:
        """What it answers. Raises LinkLost, Refused, NotFound, UsageError, and WordsInvalid with all faults."""
        with self._open(method, path, body, headers or {}, ANSWER_S) as answer:
            try:
                content = answer.read(MAX_ANSWER)
            except (OSError, HTTPException) as error:
                raise self._lost(error) from error
        return json.loads(content) if content else None

    def stream(self, run_id: str, after: int) -> Iterator[StreamEvent]:
        """Events of a run with higher numbers, until it ends or the stream breaks: then LinkLost is raised."""
        headers = {"Accept": "text/event-stream", "Last-Event-ID": str(after)}
        with self._open("GET", f"/v1/runs/{run_id}/stream", None, headers, SILENT_S) as answer:
            try:
                yield from _events(answer)
            except (OSError, HTTPException) as error:
                raise self._lost(error) from error

    def _open(
        self, method: str, path: str, body: Mapping[str, Any] | None, headers: Mapping[str, str], timeout_s: float
    ) -> HTTPResponse:
        content = None if body is None else json.dumps(body, ensure_ascii=False).encode()
        request = urllib.request.Request(self.url + path, content, method=method)  # noqa: S310 - http or https, see above
        request.add_header("Authorization", f"Bearer {self._token}")
        request.add_header("User-Agent", f"apibench/{__version__}")
        if content is not None:
            request.add_header("Content-Type", "application/json")
        for name, value in headers.items():
            request.add_header(name, value)
        try:
            answer: HTTPResponse = self._opener.open(request, timeout=timeout_s)
        except urllib.error.HTTPError as error:
            with error:
                raise _refusal(error.code, error.read(MAX_LINE)) from error
        except (OSError, HTTPException) as error:
            raise self._lost(error) from error
        return answer

    def _lost(self, error: Exception) -> LinkLost:
        reason = getattr(error, "reason", None) or error
        if isinstance(reason, ssl.SSLCertVerificationError):
            return LinkLost(
                f"the certificate of {self.url} is not to be trusted: {reason.verify_message.lower().rstrip('.')}",
                "Name who has signed it: APIBENCH_CA_FILE. Dial it by a name that it has.",
            )
        said = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
        return LinkLost(
            f"the controller at {self.url} does not answer: {said.lower()}", "Is the URL right, and does it run?"
        )


def _trusting(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
    except OSError as error:
        reason = (error.strerror or str(error)).lower() if not isinstance(error, ssl.SSLError) else "it is no PEM"
        raise CertificatesUnusable(f"{ca_file}: {reason}", "Name the CA's certificate, not a key.") from error


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A controller redirects nobody, and a token must not go where an answer points to."""

    def redirect_request(self, *_: Any) -> None:
        """Follow none."""


def _events(answer: HTTPResponse) -> Iterator[StreamEvent]:
    number, kind, data = 0, "", ""
    while line := answer.readline(MAX_LINE):
        text = line.decode("utf-8", "replace").rstrip("\r\n")
        name, _, value = text.partition(":")
        value = value.removeprefix(" ")
        if not text:
            if kind and data:
                yield StreamEvent(number, kind, json.loads(data))
            kind, data = "", ""
        elif name == "id" and value.isdigit():
            number = int(value)
        elif name == "event":
            kind = value
        elif name == "data":
            data += value


def _refusal(status: int, content: bytes) -> ApibenchError:
    """An error answer as the error that it was there."""
    try:
        error = json.loads(content)["error"]
        message, hint, faults = error["message"], error["hint"], error["faults"]
    except (ValueError, KeyError, TypeError):
        return LinkLost(f"the controller answered with status {status}", "Is it a controller that answers there?")
    if faults and status not in (502, 503):
        return WordsInvalid([Fault("refused", each["place"], each["message"], each["remedy"]) for each in faults])
    kinds: dict[int, type[ApibenchError]] = {401: Refused, 403: Refused, 404: NotFound, 503: LinkLost, 502: LinkLost}
    return kinds.get(status, UsageError)(message, hint)
