"""What is said of a target that cannot be reached: what, why, and what to do."""

from types import SimpleNamespace
from typing import Any

import pytest

from apibench.assembly import host, preflight
from apibench.assembly.preflight import check_limits, not_found, unreachable, warnings
from apibench.engine.seam import EngineOptions, Finding, HostFacts, PreparedLoad
from apibench.model.errors import TargetUnreachable, UsageError
from apibench.model.groups import GroupName
from apibench.model.plan import Plan
from apibench.model.run import SeriesName


def finding(address: str, error: str | None, detail: str = "the reason") -> Finding:
    return Finding("target", address, error, detail, 5_000_000_000)


@pytest.mark.parametrize(
    ("error", "says", "remedy"),
    [
        ("tcp.refused", "nothing listens on 10.0.0.5:443: connection refused", "--wait-for-target 30s"),
        ("timeout.connect", "no answer from 10.0.0.5:443 in 5.00 s", "firewall"),
        ("tls.untrusted", "is not trusted: the reason", "--cacert"),
        ("tls.expired", "is not valid at this time", "clock"),
        ("tls.wrong_name", "is for another name", "--resolve"),
        ("target.denied", "10.0.0.5:443 may not be connected to: the reason", "allow its address"),
        ("local.descriptors", "no file descriptors left", "ulimit -n"),
        ("tls.protocol", "the TLS handshake with 10.0.0.5:443 failed: the reason", "protocol"),
        ("tcp.something_new", "cannot be used: tcp.something_new: the reason", "protocol"),
    ],
)
def test_every_case_has_three_parts(error: str, says: str, remedy: str) -> None:
    told = unreachable([finding("10.0.0.5:443", error)], [], may_wait=True)
    assert says in told.message
    assert remedy in told.hint


def test_who_has_waited_is_not_told_to_wait() -> None:
    assert "--wait-for-target" not in unreachable([finding("a:1", "tcp.refused")], [], may_wait=False).hint


def test_all_addresses_that_were_tried_are_named() -> None:
    told = unreachable([finding("127.0.0.1:1", "tcp.refused"), finding("[::1]:1", "tcp.refused")], [], may_wait=True)
    assert "also tried [::1]:1" in told.message


def test_a_name_of_which_one_family_answers_is_told_how_to_use_that() -> None:
    told = unreachable([finding("[::1]:80", "tcp.refused")], [finding("127.0.0.1:80", None)], may_wait=True)
    assert "127.0.0.1:80 can be used" in told.message
    assert told.hint.startswith("Add -4")


def told_of(error: str, detail: str, address: str = "10.0.0.5:443") -> str:
    return str(unreachable([finding(address, error, detail)], [], may_wait=True))


def test_a_handshake_that_fails_is_told_by_its_cause() -> None:
    said = {
        "received corrupt message of type InvalidContentType": "speaks no TLS. Use http://",
        "received fatal alert: ProtocolVersion": "speaks neither TLS 1.2 nor 1.3",
        "received fatal alert: CertificateRequired": "wants a certificate of the client",
        "it asked for a certificate, and closed the connection when it got none": "wants a certificate of the client",
        "received fatal alert: HandshakeFailure": "It may want a certificate of the client (not built yet)",
    }
    for detail, says in said.items():
        assert says in told_of("tls.protocol", detail)


def test_a_socket_that_is_not_there_is_no_refused_connection() -> None:
    missing = told_of("tcp.refused", "No such file or directory (os error 2)", "unix:/run/it")
    assert missing.startswith("there is no socket /run/it. Check the path.")
    refused = told_of("tcp.refused", "Connection refused (os error 111)", "unix:/run/it")
    assert refused.startswith("nothing listens on the socket /run/it. Is the server running?")
    assert "may not connect" in told_of("local.system", "Permission denied (os error 13)", "unix:/run/it")


def test_addresses_that_fail_for_different_reasons_are_told_apart() -> None:
    bad = [finding("10.0.0.5:1", "tcp.refused"), finding("10.0.0.6:1", "timeout.connect")]
    told = unreachable(bad, [], may_wait=False)
    assert told.message == ("nothing listens on 10.0.0.5:1: connection refused; no answer from 10.0.0.6:1 in 5.00 s")
    assert "Is the server running?" in told.hint
    assert "firewall" in told.hint


@pytest.mark.parametrize(
    ("reason", "says"),
    [
        ("Name or service not known", "the name has no address (looked up for 12.0 ms). Check the spelling"),
        (
            "Temporary failure in name resolution",
            "the name server did not answer (looked up for 12.0 ms). Is the network",
        ),
    ],
)
def test_a_name_without_an_address_is_told_with_the_flag_that_gives_one(
    document: dict[str, Any], reason: str, says: str
) -> None:
    plan = plan_of(document, 1, base_url="https://nosuch.invalid")
    failed = TargetUnreachable(f"nosuch.invalid: failed to lookup address information: {reason}", "")
    told = not_found(failed, plan, 12_000_000)
    assert str(told).startswith(f"cannot find host 'nosuch.invalid': {says}")
    assert told.hint.endswith("--resolve nosuch.invalid:443:IP")
    other = TargetUnreachable("nosuch.invalid: has no IPv6 address", "hint")
    assert not_found(other, plan, 0) is other


class Prepared:
    """A target of which nothing can be used, until somebody has looked often enough."""

    series: tuple[SeriesName, ...] = ()
    groups: tuple[GroupName, ...] = ()
    hosts: tuple[HostFacts, ...] = ()
    functions: tuple[str, ...] = ()

    def __init__(self, tries: int = 10**9) -> None:
        self.tries = tries

    def preflight(self, options: EngineOptions | None = None) -> tuple[Finding, ...]:  # noqa: ARG002
        self.tries -= 1
        return (finding("127.0.0.1:1", "tcp.refused" if self.tries > 0 else None),)

    def start(self, *_: Any, **__: Any) -> Any:
        raise AssertionError


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A clock that only sleeping moves."""
    now = [0]
    sleep = SimpleNamespace(monotonic_ns=lambda: now[0], sleep=lambda s: now.__setitem__(0, now[0] + round(s * 1e9)))
    monkeypatch.setattr(preflight, "time", sleep)
    return now


def unfindable() -> PreparedLoad:
    raise TargetUnreachable("a: failed to lookup address information: Name or service not known", "")


def test_a_target_is_waited_for_once_and_that_is_said(document: dict[str, Any], clock: list[int]) -> None:
    plan = plan_of(document, 1)
    told: list[str] = []
    fails = iter([unfindable] * 5)

    def found_late() -> PreparedLoad:
        return next(fails, Prepared)()

    patience = preflight.Patience(2_000_000_000, lambda: False, told.append, began_ns=0)
    prepared = preflight.prepare(found_late, plan, patience)
    assert prepared is not None
    # One span for both: a second of it is gone with the look-ups.
    assert clock == [1_000_000_000]
    with pytest.raises(TargetUnreachable, match=r"connection refused; waited 2\.00 s for it"):
        preflight.check_target(prepared, patience)
    assert clock == [2_000_000_000]
    assert len(told) == 1
    assert told[0].endswith("waiting for the target, up to 2s")


def test_a_target_that_comes_is_not_waited_for_any_longer(clock: list[int]) -> None:
    patience = preflight.Patience(10**10, lambda: False, lambda _: None, began_ns=0)
    preflight.check_target(Prepared(4), patience)
    assert clock == [600_000_000]


@pytest.mark.usefixtures("clock")
def test_who_calls_it_off_is_not_told_that_nobody_is_there(document: dict[str, Any]) -> None:
    patience = preflight.Patience(10**10, lambda: True, lambda _: None, began_ns=0)
    assert preflight.prepare(unfindable, plan_of(document, 1), patience) is None
    preflight.check_target(Prepared(), patience)


def plan_of(document: dict[str, Any], vus: int, **host_words: Any) -> Plan:
    document["hosts"]["api"] |= host_words
    document["scenarios"][0]["load"]["vus"] = vus
    return Plan.model_validate(document)


def found_at(*addresses: str) -> list[HostFacts]:
    return [HostFacts("api", addresses, 0)]


@pytest.fixture
def small_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host with a thousand descriptors and a hundred ports, whose waiting ports are not used again."""
    monkeypatch.setattr(host, "raise_descriptor_limit", lambda: 1_000)
    monkeypatch.setattr(host, "local_ports", lambda: 100)
    monkeypatch.setattr(host, "reuses_waiting_ports", lambda: False)


@pytest.mark.usefixtures("small_host")
def test_more_descriptors_than_there_can_be_are_refused_with_those_that_leave(document: dict[str, Any]) -> None:
    plan = plan_of(document, 990)
    with pytest.raises(UsageError, match="990 connections need about 1,118 file descriptors"):
        check_limits(plan, found_at("unix:/run/it"), threads=2)


@pytest.mark.usefixtures("small_host")
def test_ports_are_counted_by_address_and_a_unix_socket_takes_none(document: dict[str, Any]) -> None:
    plan = plan_of(document, 150)
    with pytest.raises(UsageError, match=r"150 connections to 192\.0\.2\.1:80 need as many local ports"):
        check_limits(plan, found_at("192.0.2.1:80"), threads=1)
    check_limits(plan, found_at("192.0.2.1:80", "192.0.2.2:80"), threads=1)
    check_limits(plan, found_at("unix:/run/it"), threads=1)


@pytest.mark.usefixtures("small_host")
def test_a_worker_is_asked_for_its_part_of_the_connections_only(document: dict[str, Any]) -> None:
    plan = plan_of(document, 400)
    check_limits(plan, found_at("192.0.2.1:80"), threads=1, part=0.25)
    with pytest.raises(UsageError, match="101 connections"):
        check_limits(plan, found_at("192.0.2.1:80"), threads=1, part=0.251)


@pytest.mark.usefixtures("small_host")
def test_connections_that_all_share_are_counted_once(document: dict[str, Any]) -> None:
    plan = plan_of(document, 5_000, connections={"type": "shared", "count": 50})
    check_limits(plan, found_at("192.0.2.1:80"), threads=1)
    many = plan_of(document, 5_000, connections={"type": "shared", "count": 400})
    check_limits(many, found_at("192.0.2.1:80"), threads=1, part=0.25)
    with pytest.raises(UsageError, match="101 connections"):
        check_limits(many, found_at("192.0.2.1:80"), threads=1, part=0.251)


@pytest.mark.usefixtures("small_host")
def test_a_connection_for_each_request_to_another_machine_is_warned_of(document: dict[str, Any]) -> None:
    plan = plan_of(document, 5, keepalive=False)
    assert "more than 1 requests a second use them up" in warnings(plan, found_at("192.0.2.1:80"), 1)[0]
    # The kernel uses waiting ports again on loopback.
    assert warnings(plan, found_at("127.0.0.1:80"), 1) == []


def test_an_address_of_this_machine_is_known_as_such() -> None:
    assert host.is_local(["127.0.0.9:80"])
    assert host.is_local(["[::1]:80"])
    assert not host.is_local(["192.0.2.1:80"])
