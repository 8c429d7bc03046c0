"""
How a target proves that it is its tester's: it serves a line that only this installation makes, for its name.

The line is a keyed hash of the name, so nothing is kept of it, and every controller of the installation makes the same.
Whoever can put it on a machine may have that machine loaded. What is proven is an address that has served it, never a
name: where a name points to is anybody's choice who owns the name.
"""

import hashlib
import hmac
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from apibench.model.host import Host

PATH = "/.well-known/apibench.txt"
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_PROTOCOLS = ipaddress.IPv4Network("192.0.0.0/24")
"""Of protocols, and of a cloud's metadata. Not every Python knows that they are nobody's."""

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IpRange = ipaddress.IPv4Network | ipaddress.IPv6Network


def line_for(key: str, name: str) -> str:
    """What the target of that name is to serve, by the installation's key (hex digits)."""
    digest = hmac.new(bytes.fromhex(key), name.lower().encode(), hashlib.sha256).hexdigest()
    return f"apibench-{digest[:48]}"


@dataclass(frozen=True, slots=True)
class Way:
    """Where the requests to a host of a plan go, as the engine goes."""

    scheme: str
    name: str
    """As the target is addressed; in lower case."""
    port: int
    to_name: str
    to_port: int
    addresses: tuple[str, ...]
    """Given by the plan; none: those that the name has."""

    @property
    def url(self) -> str:
        """Of the file."""
        return f"{self.scheme}://{self.authority}{PATH}"

    @property
    def authority(self) -> str:
        """Its Host header."""
        name = f"[{self.name}]" if ":" in self.name else self.name
        return name if self.port == _usual_port(self.scheme) else f"{name}:{self.port}"


def way_to(host: Host) -> Way:
    """The way to a host that is no Unix socket."""
    parts = urlsplit(host.base_url)
    name, port = (parts.hostname or "").lower(), parts.port or _usual_port(parts.scheme)
    to_name, to_port = name, port
    for rule in host.resolve.connect_to:
        if (rule.host or name).strip("[]").lower() == name and (rule.port or port) == port:
            to_name, to_port = rule.to_host.strip("[]").lower(), rule.to_port
            break
    given = tuple(
        rule.address
        for rule in host.resolve.addresses
        if (rule.host.strip("[]").lower(), rule.port) == (to_name, to_port)
    )
    return Way(parts.scheme, name, port, to_name, to_port, given)


def plain_address(text: str) -> IpAddress:
    """An address out of IPv6's clothes, and from behind NAT64. Raises ValueError."""
    address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def range_of(text: str) -> IpRange:
    """`10.0.0.0/8`, or one address. Raises ValueError."""
    return ipaddress.ip_network(text, strict=False)


def is_allowed(address: IpAddress, ranges: Sequence[IpRange]) -> bool:
    """Whether an installation's ranges hold an address; without ranges all are allowed."""
    return not ranges or any(address in each for each in ranges)


def is_everybodys(address: IpAddress) -> bool:
    """
    Whether an address is the same machine for everybody, so that something can be proven of it.

    127.0.0.1 and 10.0.0.5 are others on a worker than on the controller that has looked.
    """
    tunnelled = isinstance(address, ipaddress.IPv6Address) and (address.sixtofour or address.teredo)
    return address.is_global and not (address.is_multicast or address in _PROTOCOLS or tunnelled)


def _usual_port(scheme: str) -> int:
    return 443 if scheme == "https" else 80
