"""
Before the first request: can this host make the load, and is anybody there?

Connects and shakes hands, and sends no request. What it says has three parts: what, why, and what to do.
"""

import time
from collections.abc import Callable, Sequence

from apibench.assembly import host
from apibench.engine.seam import Finding, PreparedLoad
from apibench.model.errors import TargetUnreachable, UsageError
from apibench.model.figures import human_count, human_duration
from apibench.model.load import Open
from apibench.model.plan import Plan

OWN_DESCRIPTORS = 64
"""What the process needs beside its connections."""
RETRY_S = 0.2


def check_limits(plan: Plan) -> None:
    """Raise the limit on file descriptors, and refuse a plan that needs more than there can be."""
    limit = host.raise_descriptor_limit()
    needed = connections_at_most(plan)
    asked = [
        scenario for scenario in plan.scenarios if isinstance(scenario.load, Open) and scenario.load.when_busy == "grow"
    ]
    # A pool that may grow to ten thousand does so only if it must: the limit then shows as an error by name.
    if not asked and needed + OWN_DESCRIPTORS > limit:
        raise UsageError(
            f"{human_count(needed)} connections need about {human_count(needed + OWN_DESCRIPTORS)} file descriptors; "
            f"this process may have {human_count(limit)}",
            f"Run: ulimit -n {needed + OWN_DESCRIPTORS}, or use fewer connections.",
        )
    ports = host.local_ports()
    if not asked and needed > ports * max(len(plan.hosts), 1):
        raise UsageError(
            f"{human_count(needed)} connections to one address need as many local ports; this host has "
            f"{human_count(ports)}",
            "Use fewer connections, or widen net.ipv4.ip_local_port_range.",
        )


def connections_at_most(plan: Plan) -> int:
    """How many connections a plan can have open at once."""
    total = 0
    for scenario in plan.scenarios:
        load = scenario.load
        vus = load.max_vus if isinstance(load, Open) else max([load.vus, *(stage.vus for stage in load.stages)])
        for name in {request.host for owner, request in plan.requests() if owner is scenario}:
            connections = plan.hosts[name].connections
            total += connections.count if connections.type == "shared" else vus * connections.count
    return total


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
