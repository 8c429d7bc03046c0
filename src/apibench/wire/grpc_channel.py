"""What all gRPC links have in common: how they connect, what they prove, and what their failures mean."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import grpc
import grpc.aio

from apibench.model.errors import ApibenchError, LinkLost, NotFound, Refused
from apibench.wire.handshake import disagreement
from apibench.wire.limits import MAX_MESSAGE_BYTES
from apibench.wire.mailbox import lost
from apibench.wire.security import Security

PACKAGE = "apibench.v1"
HINT = "apibench-hint-bin"
"""Trailing metadata: the remedy of an error. `-bin`, because it may hold any character."""
CONNECT_TIMEOUT_S = 10.0
CALL_TIMEOUT_S = 10.0

_SIZES = [
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
]
_PINGS = [
    # A cut network answers nothing, and a stream that only waits would never hear of it: within 15 s it does.
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
]
SERVER_OPTIONS = [
    *_SIZES,
    *_PINGS,
    # Without it a client that pings as above is sent away with `too_many_pings`.
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    # Two servers on one port would share its connections between them, unseen.
    ("grpc.so_reuseport", 0),
]
CHANNEL_OPTIONS = [
    *_SIZES,
    *_PINGS,
    # By default up to two minutes pass between attempts: a service that is back has to be found within seconds.
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 3_000),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    # Links share no connection, so that one that is broken tells nothing of another.
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_http_proxy", 0),
]

_REFUSALS = {
    grpc.StatusCode.UNAUTHENTICATED,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.UNIMPLEMENTED,
}
"""Trying the same again would end the same."""


def connect(address: str, security: Security) -> grpc.aio.Channel:
    """
    A channel to HOST:PORT; whether anybody is there shows when it is used.

    Raises UsageError for what is no address and for plain text that others could read, CertificatesUnusable.
    """
    if not security.encrypts:
        security.check_plain_text(address)
        return grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS)
    ca, certificate, key = security.certificates()
    credentials = grpc.ssl_channel_credentials(ca, key, certificate)
    return grpc.aio.secure_channel(address, credentials, options=CHANNEL_OPTIONS)


def credentials_of(security: Security) -> tuple[tuple[str, str], ...]:
    """The metadata that present a token. Raises Refused for one that no header can hold."""
    if not security.token:
        return ()
    if not (security.token.isascii() and security.token.isprintable()):
        raise Refused("the token has characters that no token has", "Copy it again, without quotes or line ends.")
    return (("authorization", f"Bearer {security.token}"),)


def meaning_of(error: grpc.aio.AioRpcError, address: str) -> ApibenchError:
    """What a failed call says, as an error of ours."""
    hint = next((value for name, value in _trailing(error) if name == HINT), b"")
    remedy = hint.decode("utf-8", "replace") if isinstance(hint, bytes) else hint
    words = error.details() or error.code().name.lower()
    if error.code() is grpc.StatusCode.NOT_FOUND:
        return NotFound(words, remedy or "Look at the list of what there is.")
    if error.code() in _REFUSALS:
        return Refused(f"{address} refuses: {words}", remedy or "Are both sides of the same version?")
    if found := disagreement(words):
        return LinkLost(f"{address}: {found[0]}", found[1])
    return LinkLost(f"{address}: {words}", remedy) if remedy else lost(f"{address}: {words}")


@contextmanager
def failures(address: str) -> Iterator[None]:
    """What a call within raises is an error of ours: LinkLost, Refused, NotFound."""
    try:
        yield
    except grpc.aio.AioRpcError as error:
        raise meaning_of(error, address) from error
    except (grpc.aio.UsageError, asyncio.InvalidStateError) as error:
        raise lost(f"the link to {address} is closed") from error


def _trailing(error: grpc.aio.AioRpcError) -> Sequence[tuple[str, str | bytes]]:
    return list(error.trailing_metadata() or ())
