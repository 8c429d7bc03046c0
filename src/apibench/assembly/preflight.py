"""
Before the first request: can this host make the load, and is anybody there?

Connects and shakes hands, and sends no request. What it says has three parts: what, why, and what to do.
"""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from urllib.parse import urlsplit

from apibench.assembly import host
from apibench.assembly.engine_choice import queues
from apibench.engine.seam import EngineOptions, Finding, HostFacts, PreparedLoad
from apibench.model.errors import TargetUnreachable, UsageError
from apibench.model.figures import human_count, human_duration
from apibench.model.load import Open
from apibench.model.plan import Plan
from apibench.model.units import format_duration

OWN_DESCRIPTORS = 64
"""What the process needs beside its connections."""
LEAVING_DESCRIPTORS = 32
"""Connections to a thread that may wait for their peer to close them, beside those that the plan asks for."""
WAITING_S = 60
"""For how long the kernel keeps the port of a connection that this side closed first."""
RETRY_S = 0.2

ERRORS_TOLD = 3
"""Of several addresses that fail, each for a reason of its own."""

_SYSTEM_NUMBER = re.compile(r" \(os error \d+\)")
_LOOK_UP_FAILED = "failed to lookup address information: "
_NO_ADDRESS = ("Name or service not known", "No address associated with hostname", "Name does not resolve")
_NO_ANSWER = ("Temporary failure in name resolution", "Try again")

Prepare = Callable[[], PreparedLoad]


@dataclass
class Patience:
    """How long a target is waited for: one span for all that is tried, from the look-up to the handshake."""

    total_ns: int
    """0: it is there, or it is not."""
    stopped: Callable[[], bool]
    """Whether somebody has asked for the end."""
    tell: Callable[[str], None]
    """Takes a sentence for the user."""
    began_ns: int = field(default_factory=time.monotonic_ns)
    told: bool = False

    @property
    def waited_ns(self) -> int:
        """How long it has been waited for; 0 where nobody wanted to wait."""
        return time.monotonic_ns() - self.began_ns if self.total_ns else 0

    def wait(self, because: str) -> bool:
        """Wait a little before the next try. False: there is to be none."""
        left_ns = self.began_ns + self.total_ns - time.monotonic_ns()
        if left_ns <= 0:
            return False
        if not self.told:
            self.told = True
            self.tell(f"{because}; waiting for the target, up to {format_duration(self.total_ns)}")
        time.sleep(min(RETRY_S, left_ns / 1e9))
        return True


def prepare(prepare_once: Prepare, plan: Plan, patience: Patience) -> PreparedLoad | None:
    """Compile and look names up, as often as the user's patience allows; None if that was called off."""
    while True:
        began_ns = time.monotonic_ns()
        try:
            return prepare_once()
        except TargetUnreachable as error:
            took_ns = time.monotonic_ns() - began_ns
            # Called off, it is no longer a matter of whether the target is there.
            if patience.stopped():
                return None
            told = not_found(error, plan, took_ns)
            if not patience.wait(told.message):
                raise _after_waiting(told, patience.waited_ns) from error


def not_found(error: TargetUnreachable, plan: Plan, took_ns: int) -> TargetUnreachable:
    """What to say of a name that led nowhere, with the flag that gives its address."""
    name, colon, reason = error.message.partition(": ")
    if not colon or not reason.startswith(_LOOK_UP_FAILED):
        return error
    reason = reason.removeprefix(_LOOK_UP_FAILED)
    said = _SYSTEM_NUMBER.sub("", reason).lower()
    check = "Check the spelling"
    if reason.startswith(_NO_ADDRESS):
        said = "the name has no address"
    elif reason.startswith(_NO_ANSWER):
        said, check = "the name server did not answer", "Is the network up? Try again"
    return TargetUnreachable(
        f"cannot find host '{name}': {said} (looked up for {human_duration(took_ns)})",
        f"{check}, or give the address: --resolve {name}:{_port(plan, name)}:IP",
    )


def _port(plan: Plan, name: str) -> str:
    """The port that is asked at a host of that name."""
    for host_of_plan in plan.hosts.values():
        for rule in host_of_plan.resolve.connect_to:
            if rule.to_host == name:
                return str(rule.to_port)
        url = urlsplit(host_of_plan.base_url)
        if url.hostname == name.lower():
            return str(url.port or (443 if url.scheme == "https" else 80))
    return "PORT"


def _after_waiting(told: TargetUnreachable, waited_ns: int) -> TargetUnreachable:
    if not waited_ns:
        return told
    return TargetUnreachable(f"{told.message}; waited {human_duration(waited_ns)} for it", told.hint)


def check_limits(plan: Plan, hosts: Sequence[HostFacts], threads: int, part: float = 1.0) -> None:
    """
    Raise the limit on file descriptors, and refuse a plan that needs more of them, or of ports, than there can be.

    A pool that may grow to ten thousand does so only if it must: there the limit shows as an error by name. `part`: how
    much of the plan this host is to carry out, in [0, 1].
    """
    limit = host.raise_descriptor_limit()
    needed = {facts.name: _connections(plan, facts.name, part) for facts in hosts}
    descriptors = sum(needed.values()) + OWN_DESCRIPTORS + LEAVING_DESCRIPTORS * threads
    if descriptors > limit and any(needed.values()):
        raise UsageError(
            f"{human_count(sum(needed.values()))} connections need about {human_count(descriptors)} file descriptors; "
            f"this process may have {human_count(limit)}",
            f"Run: ulimit -n {descriptors}, or use fewer connections.",
        )
    ports = host.local_ports()
    for address, count in _by_address(hosts, needed).items():
        if count > ports:
            raise UsageError(
                f"{human_count(count)} connections to {address} need as many local ports; this host has "
                f"{human_count(ports)}",
                "Use fewer connections, or widen net.ipv4.ip_local_port_range.",
            )


def warnings(plan: Plan, hosts: Sequence[HostFacts], threads: int) -> list[str]:
    """What may spoil a run that is not refused for it."""
    return [*_split_queue(plan, threads), *_idle_rules(plan), *_few_ports(plan, hosts)]


def _split_queue(plan: Plan, threads: int) -> list[str]:
    if threads == 1 or not queues(plan):
        return []
    warning = (
        f"each of {threads} threads has its part of the connections that are waited for, so something may wait "
        "although another thread has one free: the figures depend on the threads. Leave --threads out for one queue."
    )
    return [warning]


def _idle_rules(plan: Plan) -> list[str]:
    """Rules that lead nobody anywhere: a slip in one would lead the run elsewhere than its user believes."""
    found: list[str] = []
    for host_of_plan in plan.hosts.values():
        url = urlsplit(host_of_plan.base_url)
        name, port = (url.hostname or "").lower(), url.port or (443 if url.scheme == "https" else 80)
        asked = (name, port)
        # As the engine goes: the first way that fits, and then the address of the name to which it leads.
        for way in host_of_plan.resolve.connect_to:
            wanted = (way.host or name).lower(), way.port or port
            if wanted == (name, port) and asked == (name, port):
                asked = way.to_host.lower(), way.to_port
            else:
                found.append(f"--connect-to {wanted[0]}:{wanted[1]} does nothing: what is asked is {name}:{port}")
        found += [
            f"--resolve {rule.host}:{rule.port} does nothing: what is asked is {asked[0]}:{asked[1]}"
            for rule in host_of_plan.resolve.addresses
            if (rule.host.strip("[]").lower(), rule.port) != asked
        ]
    return found


def _few_ports(plan: Plan, hosts: Sequence[HostFacts]) -> list[str]:
    remote = [facts for facts in hosts if not host.is_local(facts.addresses)]
    churning = [facts.name for facts in remote if not plan.hosts[facts.name].keepalive]
    if not churning or host.reuses_waiting_ports():
        return []
    ports = host.local_ports()
    warning = (
        f"each request opens a connection, and this host has {human_count(ports)} local ports to an address: if the "
        f"target leaves it to us to close, more than {human_count(ports // WAITING_S)} requests a second use them up. "
        "Leave --no-keepalive out, or set net.ipv4.tcp_tw_reuse=1."
    )
    return [warning]


def _connections(plan: Plan, name: str, part: float) -> int:
    """How many connections to a host so much of a plan has open at once for certain."""
    connections = plan.hosts[name].connections
    total = 0
    for scenario in plan.scenarios:
        load = scenario.load
        asks = any(sent.host == name for owner, sent in plan.sent() if owner is scenario)
        if not asks or (isinstance(load, Open) and load.when_busy == "grow"):
            continue
        vus = load.max_vus if isinstance(load, Open) else max([load.vus, *(stage.vus for stage in load.stages)])
        total += ceil(vus * part) * connections.count
    return min(total, ceil(connections.count * part)) if connections.type == "shared" else total


def _by_address(hosts: Sequence[HostFacts], needed: Mapping[str, int]) -> dict[str, int]:
    """How many connections go to each address; a Unix socket takes no port."""
    counts: dict[str, int] = {}
    for facts in hosts:
        for address in facts.addresses:
            if not address.startswith("unix:"):
                share = -(-needed[facts.name] // len(facts.addresses))
                counts[address] = counts.get(address, 0) + share
    return counts


def check_target(prepared: PreparedLoad, patience: Patience, options: EngineOptions | None = None) -> None:
    """Connect to every address; raise if one cannot be used, as often as the user's patience allows."""
    while True:
        findings = prepared.preflight(options)
        bad = [finding for finding in findings if finding.error is not None]
        if not bad or patience.stopped():
            return
        good = [finding for finding in findings if finding.error is None]
        told = unreachable(bad, good, may_wait=patience.total_ns == 0)
        if not patience.wait(told.message):
            raise _after_waiting(told, patience.waited_ns)


def unreachable(bad: Sequence[Finding], good: Sequence[Finding], *, may_wait: bool) -> TargetUnreachable:
    """What to say of addresses that cannot be used, beside those that can. `may_wait`: waiting is worth a try."""
    finding = bad[0]
    told = [_told(kind, may_wait=may_wait) for kind in _by_reason(bad)[:ERRORS_TOLD]]
    message = "; ".join(each.message for each in told)
    hint = " ".join(dict.fromkeys(each.hint for each in told))
    usable = [each for each in good if each.host == finding.host]
    if usable:
        # Connections are dealt to all addresses: a share of them would fail, and which share is no property of the
        # target. localhost with a server on one family only is the common case.
        family = "-6" if usable[0].address.startswith("[") else "-4"
        message = f"{message}; {usable[0].address} can be used"
        hint = f"Add {family} to use only that, or start the server on all addresses of the name."
    return TargetUnreachable(message, hint)


def _by_reason(bad: Sequence[Finding]) -> list[list[Finding]]:
    """Those that fail for the same reason, together."""
    kinds: dict[tuple[str | None, str], list[Finding]] = {}
    for finding in bad:
        kinds.setdefault((finding.error, finding.detail), []).append(finding)
    return list(kinds.values())


def _told(bad: Sequence[Finding], *, may_wait: bool) -> TargetUnreachable:
    """What to say of addresses that fail for one reason."""
    finding, also = bad[0], bad[1:]
    where = finding.address
    others = f" (also tried {', '.join(each.address for each in also)})" if also else ""
    wait = " Add --wait-for-target 30s to wait for it." if may_wait else ""
    detail = _SYSTEM_NUMBER.sub("", finding.detail).rstrip(".")
    if where.startswith("unix:"):
        of_socket = _told_of_socket(where.removeprefix("unix:"), detail, wait)
        if of_socket is not None:
            return of_socket
    if finding.error == "tls.protocol":
        return _told_of_tls(where, detail)
    say = {
        "tcp.refused": (f"nothing listens on {where}: connection refused{others}", f"Is the server running?{wait}"),
        "timeout.connect": (
            f"no answer from {where} in {human_duration(finding.took_ns)}{others}",
            "Is the address right, and does a firewall let us through?",
        ),
        "tcp.unreachable": (
            f"there is no way to {where}: {detail}{others}",
            "Check the address and this host's routes.",
        ),
        "target.denied": (
            f"{where} may not be connected to: {detail}{others}",
            "Choose another target, or have whoever runs this installation allow its address.",
        ),
        "tls.untrusted": (
            f"the certificate of {where} is not trusted: {detail}",
            "Use --cacert FILE with the certificate of its issuer, or -k to skip the check in tests.",
        ),
        "tls.expired": (
            f"the certificate of {where} is not valid at this time: {detail}",
            "Renew it, check this host's clock, or use -k to skip the check in tests.",
        ),
        "tls.wrong_name": (
            f"the certificate of {where} is for another name: {detail}",
            "Use the name that it is for, with --connect-to or --resolve if that name leads elsewhere.",
        ),
        "tls.alpn": (f"{where} speaks no HTTP/1.1: {detail}", "Other protocols are not built yet."),
        "local.descriptors": ("this process has no file descriptors left", "Run: ulimit -n 20000"),
        "local.ports": (f"this host has no local ports left towards {where}", "Wait a minute, or free some."),
    }
    message, hint = say.get(
        finding.error or "",
        (f"{where} cannot be used: {finding.error}: {detail}{others}", "Does it speak the protocol of the URL?"),
    )
    return TargetUnreachable(message, hint)


def _told_of_socket(path: str, detail: str, wait: str) -> TargetUnreachable | None:
    if "No such file" in detail:
        return TargetUnreachable(f"there is no socket {path}", f"Check the path. Is the server running?{wait}")
    if "refused" in detail:
        return TargetUnreachable(f"nothing listens on the socket {path}", f"Is the server running?{wait}")
    if "Permission denied" in detail:
        return TargetUnreachable(
            f"this user may not connect to the socket {path}", "Check its rights and its folder's."
        )
    return None


def _told_of_tls(where: str, detail: str) -> TargetUnreachable:
    """Of a handshake that failed before any certificate was judged; told by the library's words for it."""
    if "InvalidContentType" in detail:
        return TargetUnreachable(f"{where} answers, but speaks no TLS", "Use http:// in the URL, or the port of TLS.")
    if "ProtocolVersion" in detail or "SupportedVersions" in detail or "TlsVersion" in detail:
        return TargetUnreachable(
            f"{where} speaks neither TLS 1.2 nor 1.3: {detail}", "Let the server speak one of them."
        )
    if any(words in detail for words in ("CertificateRequired", "BadCertificate", "asked for a certificate")):
        return TargetUnreachable(
            f"{where} wants a certificate of the client: {detail}", "Client certificates are not built yet."
        )
    if "HandshakeFailure" in detail:
        return TargetUnreachable(
            f"{where} broke the handshake off: {detail}",
            "It may want a certificate of the client (not built yet), or share no cipher with us.",
        )
    return TargetUnreachable(
        f"the TLS handshake with {where} failed: {detail}", "Does it speak the protocol of the URL?"
    )
