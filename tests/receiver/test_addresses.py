"""Which addresses belong to everybody, in every spelling that a socket is ever given."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perscom_receiver import is_public_address


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public_address(address)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.9.9.9", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1"),  # noqa: S104
        *("169.254.169.254", "100.64.0.1", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.1.1.1"),
        *("240.0.0.1", "255.255.255.255", "::", "::1", "::127.0.0.1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12:3456::1"),
        *("fec0::1", "ff02::1", "ff0e::1", "2001:db8::1", "2001::1", "100::1", "4000::1", "64:ff9b:1::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:7f00:1", "2002:7f00:1::", "2002:a00:1::1", "64:ff9b::a00:1"),
        *("", "localhost", "example.com", "2130706433", "0x7f.1", "127.1", "1.1.1.1 ", "1.1.1.1/32", "[::1]", "١.١.١.١"),
    ],
)
def test_what_belongs_to_somebody_or_is_no_address_is_not(address: str) -> None:
    assert not is_public_address(address)


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_within_an_ipv6_one_counts_as_itself(inner: IPv4Address) -> None:
    public = is_public_address(str(inner))
    for prefix in (0xFFFF << 32, 0x64FF9B << 96):
        assert is_public_address(str(IPv6Address(prefix | int(inner)))) == public
    assert is_public_address(str(IPv6Address(0x2002 << 112 | int(inner) << 80))) == public


@given(st.text() | st.ip_addresses().map(str))
def test_any_text_has_an_answer(text: str) -> None:
    assert is_public_address(text) in (True, False)
