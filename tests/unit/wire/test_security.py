"""Which addresses are ones, and which stay on this machine."""

import pytest

from apibench.model.errors import UsageError
from apibench.wire.security import Security, host_of, is_loopback


@pytest.mark.parametrize(
    ("address", "host", "loopback"),
    [
        ("localhost:8091", "localhost", True),
        ("127.0.0.2:0", "127.0.0.2", True),
        ("[::1]:8091", "::1", True),
        ("0.0.0.0:8091", "0.0.0.0", False),  # noqa: S104 -- that is the question
        ("[::]:8091", "::", False),
        ("localhost.example:8091", "localhost.example", False),
        ("10.0.0.1:65535", "10.0.0.1", False),
    ],
)
def test_an_address_has_a_host_that_is_here_or_elsewhere(address: str, host: str, *, loopback: bool) -> None:
    assert host_of(address) == host
    assert is_loopback(host) is loopback


@pytest.mark.parametrize(
    "address", ["", "host", "host:", ":80", "[]:80", "host:-1", "host:65536", "host:8o91", "host:²"]
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(UsageError, match="no HOST:PORT"):
        host_of(address)


def test_a_token_is_in_no_text_of_it() -> None:
    assert "canary" not in f"{Security(token='canary')!r} {Security(token='canary')}"
