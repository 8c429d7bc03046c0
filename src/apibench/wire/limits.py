"""How much may be on a link at once. The same for links within a process, so that what works there works over gRPC."""

from apibench.model.batch import Pushed
from apibench.model.errors import Refused

MAX_MESSAGE_BYTES = 4 << 20
"""Of one message. What can be larger (a result document) passes in pieces."""
MAX_PAYLOAD_BYTES = MAX_MESSAGE_BYTES - (64 << 10)
"""Of what a message is about: a plan, an interval's counts. The rest is for what it says beside."""
BATCHES_IN_FLIGHT = 256
"""Pushed and not acknowledged, of one worker."""
BYTES_IN_FLIGHT = 1 << 20
"""Of those, that an aggregator takes from one worker before they are in its store. With a store that is away a thousand
workers would else fill its memory within a minute; they keep what it does not take."""
UNHEARD_MESSAGES = 1_024
"""Said and not yet taken by the network or the other end. Whoever falls behind so far has its conversation ended."""


def check_size(what: str, size: int) -> None:
    """Raises Refused for what no message has room for."""
    if size > MAX_PAYLOAD_BYTES:
        raise Refused(
            f"{what} of {size:,} bytes is too large for a message: at most {MAX_PAYLOAD_BYTES:,} pass",
            "Make it smaller.",
        )


def check_pushed(pushed: Pushed) -> None:
    """Raises Refused for a batch, or a sum, that no message has room for."""
    check_size(f"{pushed.name} with counts", len(pushed.counts))
