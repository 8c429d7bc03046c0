"""Who may speak with whom, and whether others can listen."""

import ipaddress
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from apibench.model.errors import CertificatesUnusable, UsageError

Authorize = Callable[[str, str], Awaitable[None]]
"""Whether the bearer of a token may do what needs a role. Raises Refused where not."""


@dataclass(frozen=True, slots=True)
class Security:
    """
    How one end of a link proves itself, and what it asks of the other.

    With the three files both ends show certificates (mTLS); without them the link is plain text.
    """

    token: str = field(default="", repr=False)
    """What a client presents; a server has no use for it."""
    ca_file: Path | None = None
    """PEM: who signs the certificates of the other end."""
    certificate_file: Path | None = None
    """PEM: ours, with the chain."""
    key_file: Path | None = None
    insecure: bool = False
    """Plain text also where others could listen."""

    @property
    def encrypts(self) -> bool:
        """Whether the link is encrypted. Raises UsageError where only some of the files are given."""
        given = [each is not None for each in (self.ca_file, self.certificate_file, self.key_file)]
        if any(given) and not all(given):
            raise UsageError(
                "only some of CA, certificate and key are given",
                "Give all three: both ends of a link prove who they are.",
            )
        return all(given)

    def certificates(self) -> tuple[bytes, bytes, bytes]:
        """
        CA, certificate and key.

        Raises CertificatesUnusable, also where ours holds no longer: the other end would only hang up on us.
        """
        from apibench.wire.certificates import Credential, now_utc  # noqa: PLC0415 - plain text does not pay for it

        ca, certificate, key = _content(self.ca_file), _content(self.certificate_file), _content(self.key_file)
        try:
            Credential.of_pem(certificate, key).check_time(now_utc())
        except CertificatesUnusable as error:
            raise CertificatesUnusable(f"{self.certificate_file}: {error.message}", error.hint) from error
        return ca, certificate, key

    def check_plain_text(self, address: str) -> None:
        """Raises UsageError where plain text would leave this machine and nobody has said that it may."""
        if not (self.insecure or is_loopback(host_of(address))):
            raise UsageError(
                f"{address} would be spoken with in plain text, for everybody on the way to read",
                "Give CA, certificate and key (`apibench certs` makes some), or say that plain text is wanted.",
            )


def host_of(address: str) -> str:
    """The host of HOST:PORT, without the brackets of IPv6. Raises UsageError for what is no such address."""
    host, colon, port = address.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    if not (colon and bare and port.isascii() and port.isdecimal() and int(port) < 65_536):
        raise UsageError(f"`{address}` is no HOST:PORT", "Write it as `controller.example:8091` or `[::1]:8091`.")
    return bare


def is_loopback(host: str) -> bool:
    """Whether what is said to that host stays on this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _content(path: Path | None) -> bytes:
    try:
        return path.read_bytes() if path is not None else b""
    except OSError as error:
        raise CertificatesUnusable(
            f"{path} can't be read: {error.strerror}", "Name a file of PEM that this user may read."
        ) from error
