"""
Before the first request: can this host make the load, and is anybody there?

Connects and shakes hands, and sends no request. What it says has three parts: what, why, and what to do.
"""

import time
from collections.abc import Callable, Mapping, Sequence

from apibench.assembly import host
from apibench.engine.seam import Finding, HostFacts, PreparedLoad
from apibench.model.errors import TargetUnreachable, UsageError
from apibench.model.figures import human_count, human_duration
from apibench.model.load import Open
from apibench.model.plan import Plan

OWN_DESCRIPTORS = 64
"""What the process needs beside its connections."""
LEAVING_DESCRIPTORS = 32
"""Connections to a thread that may wait for their peer to close them, beside those that the plan asks for."""
WAITING_S = 60
"""For how long the kernel keeps the port of a connection that this side closed first."""
RETRY_S = 0.2

Prepare = Callable[[], PreparedLoad]


def prepare(prepare_once: Prepare, patience_ns: int, stopped: Callable[[], bool]) -> PreparedLoad:
    """Compile and look names up, again and again for as long as the user wants to wait for the target."""
    deadline_ns = time.monotonic_ns() + patience_ns
    while True:
        try:
            return prepare_once()
        except TargetUnreachable:
            if stopped() or time.monotonic_ns() >= deadline_ns:
                raise
        time.sleep(RETRY_S)


def check_limits(plan: Plan, hosts: Sequence[HostFacts], threads: int) -> None:
    """
    Raise the limit on file descriptors, and refuse a plan that needs more of them, or of ports, than there can be.

    A pool that may grow to ten thousand does so only if it must: there the limit shows as an error by name.
    """
    limit = host.raise_descriptor_limit()
    needed = {facts.name: _connections(plan, facts.name) for facts in hosts}
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


def warnings(plan: Plan, hosts: Sequence[HostFacts]) -> list[str]:
    """What may spoil a run that is not refused for it."""
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


def _connections(plan: Plan, name: str) -> int:
    """How many connections to a host a plan has open at once for certain."""
    connections = plan.hosts[name].connections
    total = 0
    for scenario in plan.scenarios:
        load = scenario.load
        asks = any(request.host == name for owner, request in plan.requests() if owner is scenario)
        if not asks or (isinstance(load, Open) and load.when_busy == "grow"):
            continue
        vus = load.max_vus if isinstance(load, Open) else max([load.vus, *(stage.vus for stage in load.stages)])
        total += vus * connections.count
    return min(total, connections.count) if connections.type == "shared" else total


def _by_address(hosts: Sequence[HostFacts], needed: Mapping[str, int]) -> dict[str, int]:
    """How many connections go to each address; a Unix socket takes no port."""
    counts: dict[str, int] = {}
    for facts in hosts:
        for address in facts.addresses:
            if not address.startswith("unix:"):
                share = -(-needed[facts.name] // len(facts.addresses))
                counts[address] = counts.get(address, 0) + share
    return counts


def check_target(prepared: PreparedLoad, patience_ns: int, stopped: Callable[[], bool]) -> None:
    """Connect to every address; raise if one cannot be used, after trying for as long as the user wants."""
    deadline_ns = time.monotonic_ns() + patience_ns
    while True:
        findings = prepared.preflight()
        bad = [finding for finding in findings if finding.error is not None]
        if not bad or stopped():
            return
        if time.monotonic_ns() >= deadline_ns:
            good = [finding for finding in findings if finding.error is None]
            raise unreachable(bad, good, waited=patience_ns > 0)
        time.sleep(RETRY_S)


def unreachable(bad: Sequence[Finding], good: Sequence[Finding], *, waited: bool) -> TargetUnreachable:
    """What to say of addresses that cannot be used, beside those that can."""
    finding, also = bad[0], bad[1:]
    where = finding.address
    others = f" (also tried {', '.join(each.address for each in also)})" if also else ""
    wait = "" if waited else " Add --wait-for-target 30s to wait for it."
    detail = finding.detail.rstrip(".")
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
    usable = [each for each in good if each.host == finding.host]
    if usable:
        # Connections are dealt to all addresses: a share of them would fail, and which share is no property of the
        # target. localhost with a server on one family only is the common case.
        family = "-6" if usable[0].address.startswith("[") else "-4"
        message = f"{message}; {usable[0].address} can be used"
        hint = f"Add {family} to use only that, or start the server on all addresses of the name."
    return TargetUnreachable(message, hint)
