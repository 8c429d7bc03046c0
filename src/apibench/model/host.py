"""Where requests go, and how we reach it: one `Host` for each name that a plan's requests use."""

import ipaddress
import re
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, Strict, model_validator

from apibench.model.http_text import refuse_template
from apibench.model.part import MAX_VUS, Flag, Name, NotBuilt, Part, Port, SpanNs, Text, fault, not_built

DEFAULT_CONNECT_NS = 5_000_000_000
DEFAULT_TOTAL_NS = 10_000_000_000
MAX_REDIRECTS = 50
MAX_URL = 2_048
_PATH_LIMIT = 4_096
_HOST_NAME = re.compile(
    r"(?=.{1,253}\.?$)[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*\.?"
)


def _base_url(url: str) -> str:
    refuse_template(url)
    if not all("!" <= character <= "~" for character in url):
        raise fault("url.characters", "holds spaces or characters beyond ASCII", _ascii_remedy(url))
    scheme, separator, rest = url.partition("://")
    if not separator:
        raise fault("url.scheme", f"'{url}' has no scheme", f"Did you mean http://{url} ?")
    if scheme not in ("http", "https"):
        raise fault("url.scheme", f"`{scheme}` is no scheme we speak", "Use http:// or https://.")
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if "@" in authority:
        raise fault("url.credentials", "a URL is no place for a password", "Send an Authorization header instead.")
    if "?" in rest or "#" in rest:
        raise fault("url.query", "a base URL has no query and no fragment", "Put the query into the step's `path`.")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        if "[" in authority or "]" in authority:
            ipaddress.IPv6Address(host)  # not every Python 3.11 looks into the brackets
    except ValueError as error:
        raise fault("url.host", f"'{url}' has no host and port we can read", f"{error}.".capitalize()) from error
    if port == 0 or authority.endswith(":"):
        raise fault("url.port", "the port is missing after the colon, or 0", "Use 1 to 65535, or leave the colon out.")
    if "[" not in authority and not _HOST_NAME.fullmatch(host):
        raise fault("url.host", f"'{host}' is no host name", "Write a name, an IPv4 address or [an IPv6 address].")
    return url


def _ascii_remedy(url: str) -> str:
    try:
        return f"Write {url.encode('idna').decode('ascii')} or percent-encode it." if len(url) < 60 else "Encode it."
    except UnicodeError:
        return "Percent-encode it; a host name in its xn-- form."


def _address(address: str) -> str:
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        raise fault("address", f"'{address}' is no IP address", "Write it like 127.0.0.1 or ::1.") from None


def _http_version(version: Any) -> Any:
    if version in ("2", "3"):
        raise not_built(f"http: {version}")
    return version


BaseUrl = Annotated[str, Strict(), Field(min_length=1, max_length=MAX_URL), AfterValidator(_base_url)]
Address = Annotated[str, Strict(), AfterValidator(_address)]
FilePath = Annotated[Text, Field(min_length=1, max_length=_PATH_LIMIT)]


class Tls(Part):
    """How the target proves who it is."""

    verify: Flag = True
    ca_file: FilePath | None = None
    """Certificates to trust in place of the system's, PEM."""
    server_name: Name | None = None
    """The name to ask for and to check, where it is not the URL's host."""


class Timeouts(Part):
    """When to give up. Each counts from its own start; `None` means only `total_ns` bounds it."""

    connect_ns: SpanNs = DEFAULT_CONNECT_NS
    """Connect and TLS together; and, before the run, the look-up of the name."""
    first_byte_ns: SpanNs | None = None
    """From the first byte sent to the first byte read."""
    idle_ns: SpanNs | None = None
    """The longest silence while a response is read."""
    total_ns: SpanNs = DEFAULT_TOTAL_NS
    """From the first byte sent to the last byte read."""


class ResolvedAddress(Part):
    """A name and port with the address where they are found, whatever DNS says (curl's `--resolve`)."""

    host: Name
    port: Port
    address: Address


class ConnectTo(Part):
    """Go there instead, with the Host header and TLS name unchanged (curl's `--connect-to`). `None` matches all."""

    host: Name | None = None
    port: Port | None = None
    to_host: Name
    to_port: Port


class Resolve(Part):
    """How a host name becomes an address."""

    family: Literal["any", "4", "6"] = "any"
    addresses: tuple[ResolvedAddress, ...] = Field(default=(), max_length=1_000)
    connect_to: tuple[ConnectTo, ...] = Field(default=(), max_length=1_000)
    unix_socket: FilePath | None = None

    @model_validator(mode="after")
    def _one_way_there(self) -> "Resolve":
        if self.unix_socket is not None and (self.addresses or self.connect_to):
            raise fault("resolve.both", "a Unix socket needs no addresses", "Keep `unix_socket` or the others.")
        return self


class Connections(Part):
    """Who owns connections: every virtual user has `count` of its own, or all share `count`."""

    type: Literal["per_vu", "shared"] = "per_vu"
    count: Annotated[int, Strict(), Field(ge=1, le=MAX_VUS)] = 1


class Host(Part):
    """One target, and how to reach it. A request's full path is that of `base_url`, then its own."""

    base_url: BaseUrl
    http: Annotated[Literal["1.1", "auto"], BeforeValidator(_http_version)] = "auto"
    tls: Tls = Tls()
    timeouts: Timeouts = Timeouts()
    proxy: NotBuilt = None
    resolve: Resolve = Resolve()
    connections: Connections = Connections()
    keepalive: Flag = True
    redirects: Annotated[int, Strict(), Field(ge=0, le=MAX_REDIRECTS)] = 0
    """How many hops to follow; each is a request of its own."""
