"""What is said of a target that cannot be reached: what, why, and what to do."""

import pytest

from apibench.assembly.preflight import unreachable
from apibench.engine.seam import Finding


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
