"""What a target is to serve, and of which addresses that says anything."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apibench.model.host import Host
from apibench.model.proof import is_allowed, is_everybodys, line_for, plain_address, range_of, way_to

KEY = "5e" * 32
AT = {"host": "shop.example", "port": 8443, "address": "192.0.2.1"}


@given(st.text("abc.-", min_size=1, max_size=30), st.text("abc.-", min_size=1, max_size=30))
def test_each_name_has_a_line_of_its_own_in_each_installation(one: str, other: str) -> None:
    assert line_for(KEY, one) == line_for(KEY, one.upper())
    assert (line_for(KEY, one) == line_for(KEY, other)) == (one == other)
    assert line_for(KEY, one) != line_for("5f" * 32, one)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "::1", "10.0.0.5", "192.168.1.1", "172.16.0.1", "fc00::1", "100.64.0.1"),
        *("169.254.169.254", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "fd00:ec2::254", "100.100.100.200"),
        *("0.0.0.1", "::", "255.255.255.255", "224.0.0.1", "ff02::1", "fe80::1", "::ffff:10.0.0.5", "64:ff9b::a00:5"),
        *("192.0.0.192", "198.51.100.7", "2002:a00:5::1"),
    ],
)
def test_nothing_is_proven_of_addresses_that_are_others_elsewhere_or_nobody_s(address: str) -> None:
    assert not is_everybodys(plain_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_something_is_proven_of_addresses_that_are_the_same_for_everybody(address: str) -> None:
    assert is_everybodys(plain_address(address))


def test_without_ranges_everything_is_allowed_and_within_them_what_they_hold() -> None:
    ranges = [range_of("10.1.2.3/8"), range_of("2001:db8::/32"), range_of("192.0.2.7")]
    held = {"10.255.0.1": True, "::ffff:10.0.0.1": True, "11.0.0.1": False, "2001:db8::5": True, "192.0.2.8": False}
    assert {each: is_allowed(plain_address(each), ranges) for each in held} == held
    assert is_allowed(plain_address("11.0.0.1"), [])


@pytest.mark.parametrize(
    ("resolve", "goes_to"),
    [
        ({}, ("shop.example", 8443, ())),
        (
            {"addresses": [{"host": "SHOP.example", "port": 8443, "address": "192.0.2.1"}]},
            ("shop.example", 8443, ("192.0.2.1",)),
        ),
        ({"addresses": [{"host": "shop.example", "port": 80, "address": "192.0.2.1"}]}, ("shop.example", 8443, ())),
        (
            {
                "connect_to": [
                    {"host": "other.example", "to_host": "no.example", "to_port": 1},
                    {"port": 8443, "to_host": "edge.example", "to_port": 444},
                    {"to_host": "late.example", "to_port": 2},
                ],
                "addresses": [{"host": "edge.example", "port": 444, "address": "2001:db8::1"}],
            },
            ("edge.example", 444, ("2001:db8::1",)),
        ),
    ],
)
def test_the_way_is_the_one_that_requests_go(
    resolve: dict[str, Any], goes_to: tuple[str, int, tuple[str, ...]]
) -> None:
    way = way_to(Host.model_validate({"base_url": "https://Shop.example:8443/v1", "resolve": resolve}))
    assert (way.to_name, way.to_port, way.addresses) == goes_to
    assert way.url == "https://shop.example:8443/.well-known/apibench.txt"
    assert (way.name, way.authority) == ("shop.example", "shop.example:8443")


def test_usual_ports_and_ipv6_are_written_as_people_do() -> None:
    assert way_to(Host(base_url="http://[2001:db8::1]:80/")).url == "http://[2001:db8::1]/.well-known/apibench.txt"
    assert way_to(Host(base_url="https://shop.example")).authority == "shop.example"
