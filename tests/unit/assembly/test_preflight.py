"""What is said of a target that cannot be reached: what, why, and what to do."""

from typing import Any

import pytest

from apibench.assembly import host
from apibench.assembly.preflight import check_limits, unreachable, warnings
from apibench.engine.seam import Finding, HostFacts
from apibench.model.errors import UsageError
from apibench.model.plan import Plan


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
        ("local.descriptors", "no file descriptors left", "ulimit -n"),
        ("tcp.something_new", "cannot be used: tcp.something_new: the reason", "protocol"),
    ],
)
def test_every_case_has_three_parts(error: str, says: str, remedy: str) -> None:
    told = unreachable([finding("10.0.0.5:443", error)], [], waited=False)
    assert says in told.message
    assert remedy in told.hint


def test_who_has_waited_is_not_told_to_wait() -> None:
    assert "--wait-for-target" not in unreachable([finding("a:1", "tcp.refused")], [], waited=True).hint


def test_all_addresses_that_were_tried_are_named() -> None:
    told = unreachable([finding("127.0.0.1:1", "tcp.refused"), finding("[::1]:1", "tcp.refused")], [], waited=False)
    assert "also tried [::1]:1" in told.message


def test_a_name_of_which_one_family_answers_is_told_how_to_use_that() -> None:
    told = unreachable([finding("[::1]:80", "tcp.refused")], [finding("127.0.0.1:80", None)], waited=False)
    assert "127.0.0.1:80 can be used" in told.message
    assert told.hint.startswith("Add -4")


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
def test_connections_that_all_share_are_counted_once(document: dict[str, Any]) -> None:
    plan = plan_of(document, 5_000, connections={"type": "shared", "count": 50})
    check_limits(plan, found_at("192.0.2.1:80"), threads=1)


@pytest.mark.usefixtures("small_host")
def test_a_connection_for_each_request_to_another_machine_is_warned_of(document: dict[str, Any]) -> None:
    plan = plan_of(document, 5, keepalive=False)
    assert "more than 1 requests a second use them up" in warnings(plan, found_at("192.0.2.1:80"))[0]
    # The kernel uses waiting ports again on loopback.
    assert warnings(plan, found_at("127.0.0.1:80")) == []


def test_an_address_of_this_machine_is_known_as_such() -> None:
    assert host.is_local(["127.0.0.9:80"])
    assert host.is_local(["[::1]:80"])
    assert not host.is_local(["192.0.2.1:80"])
