"""The address guard: every way around it that is known, at the place where the socket is made."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import socket
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from faults import OK, FaultServer, says
from hypothesis import given
from hypothesis import strategies as st

from perscom_receiver import AddressGuard, AddressRefused, ConfigurationError, DeliveryError, is_public_address
from perscom_receiver import testing as perscom_testing
from perscom_sender._http import MOST_ADDRESSES, AiohttpTransport
from perscom_sender.signing import SignedRequest, Signer

NOW = datetime(2026, 3, 2, 19, 8, 10, tzinfo=UTC)

# What must not be reached, as the literal that a socket is given. A line for each kind of network.
PRIVATE = {
    "this machine": "127.0.0.1 127.255.255.254 ::1",
    "nothing, which is this machine": "0.0.0.0 0.1.2.3 ::",
    "private": "10.0.0.0 10.255.255.255 172.16.0.1 172.31.255.255 192.168.0.0 192.168.255.255",
    "shared by a provider's customers": "100.64.0.0 100.127.255.255",
    "link-local": "169.254.0.1 169.254.255.255 fe80::1 febf:ffff::1",
    "unique local, and its predecessor": "fc00::1 fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff fec0::1",
    "metadata of clouds": "169.254.169.254 169.254.170.2 169.254.170.23 169.254.169.253 169.254.0.23 100.100.100.200 "
    "192.0.0.192 168.63.129.16 fd00:ec2::254 fd00:ec2::23 fd20:ce::254 fd00:a9fe:a9fe::1 fe80::a9fe:a9fe "
    "::ffff:169.254.169.254 64:ff9b::a9fe:a9fe 2002:a9fe:a9fe:: 2606:4700::5efe:a9fe:a9fe",
    "documentation": "192.0.2.1 198.51.100.1 203.0.113.255 2001:db8::1 3fff::1 3fff:fff:ffff::1",
    "benchmarks": "198.18.0.1 198.19.255.255 2001:2::1",
    "multicast": "224.0.0.1 239.255.255.255 ff02::1 ff0e::1 ff05::1:3",
    "reserved, and broadcast": "240.0.0.1 255.255.255.254 255.255.255.255 192.0.0.1 192.0.0.8 192.88.99.1",
    "mapped": "::ffff:127.0.0.1 ::ffff:7f00:1 ::ffff:10.0.0.1 ::ffff:192.168.1.1 ::ffff:0.0.0.0 0:0:0:0:0:ffff:7f00:0001",
    "compatible, and translated by SIIT": "::127.0.0.1 ::7f00:1 ::10.0.0.1 ::ffff:0:127.0.0.1 ::ffff:0:a00:1",
    "6to4": "2002:7f00:1:: 2002:a00:1::1 2002:c0a8:101::1 2002:a9fe:a9fe::1 2002:6440:1::1 2002::1 2002:e000:1::1 "
    "2002:ffff:ffff::",
    "NAT64": "64:ff9b::7f00:1 64:ff9b::10.0.0.1 64:ff9b::192.168.1.1 64:ff9b::169.254.169.254 64:ff9b::",
    "NAT64 of one's own": "64:ff9b:1::1 64:ff9b:1:ffff::7f00:1 64:ff9b:1::8.8.8.8 64:ff9b:2::1",
    "Teredo": "2001::1 2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:0:7f00:1::",
    "ISATAP": "2606:4700::5efe:10.0.0.1 2606:4700::5efe:7f00:1 2606:4700::200:5efe:192.168.1.1 fe80::5efe:8.8.8.8 "
    "2002:808:808::5efe:10.0.0.1 fd00::5efe:8.8.8.8",
    "ORCHID, and other assignments": "2001:10::1 2001:20::1 2001:30::1 2001:1::1 2001:3::1 2001:4:112::1 2001:1ff:ffff::1",
    "given to nobody": "100::1 100:0:0:1::1 200::1 1fff:ffff::1 4000::1 5f00::1 8000::1 a000::1 e000::1 ::2 1::1",
    "zones": "fe80::1%eth0 fe80::1%1 2606:4700::1111%eth0 ::1%lo",
}
# Texts that are no literal. What a resolver or a C library makes of them is not our guess to make.
NO_LITERAL = (
    *(
        "2130706433",
        "0x7f000001",
        "017700000001",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "127.1",
        "127.0.1",
        "0",
        "00.0.0.0",
        "127.0.0.01",
    ),
    *("16843009", "1.1", "01.01.01.01", "0x1.0x1.0x1.0x1", "1.1.1.1.", "1.1.1.1 ", " 1.1.1.1", "1.1.1.1\0", "1.1.1.1/32"),
    *("[::1]", "[2606:4700::1111]", "::ffff:0x7f.1", "::ffff:127.1", "2606:4700::1111/128", "①②⑦.⓪.⓪.①", "１.１.１.１"),
    *("١.١.١.١", "1。1。1。1", "", " ", "localhost", "example.com", "1.1.1.1@127.0.0.1", "1.1.1.1#", "256.1.1.1", "-1.1.1.1"),
)
PUBLIC = (
    *("1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0"),
    *("172.15.255.255", "172.32.0.0", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255"),
    *("2606:4700::1111", "2001:4860:4860::8888", "2a00:1450::1", "2400:cb00::1", "2620:fe::fe", "2001:200::1", "3fff:1000::1"),
    *("::ffff:8.8.8.8", "::ffff:808:808", "64:ff9b::808:808", "2002:808:808::1", "2606:4700::5efe:8.8.8.8"),
)
# What names and addresses in URLs turn into on their way to a socket: asked of this machine's own resolver.
SPELLINGS = (
    *("localhost", "127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7F.1", "0177.0.0.1", "017700000001"),
    *("0x7f.0.0.0x1", "0", "0.0.0.0", "0x0", "00", "::", "::1", "0:0:0:0:0:0:0:1", "::ffff:127.0.0.1", "::ffff:7f00:1"),  # noqa: S104
    *("10.1", "0xa.1", "012.1", "167772161", "3232235777", "0xC0A80101", "0300.0250.1.1", "192.168.257", "2852039166"),
    *("0xA9FEA9FE", "0251.0376.0251.0376", "169.254.43518", "::ffff:a9fe:a9fe", "64:ff9b::a9fe:a9fe"),
)


@pytest.mark.parametrize("address", [address for line in PRIVATE.values() for address in line.split()])
def test_a_network_that_is_somebodys_own_is_refused(address: str) -> None:
    assert not is_public_address(address)
    with pytest.raises(AddressRefused):
        open_to(AddressGuard(), address)


@pytest.mark.parametrize("text", NO_LITERAL)
def test_a_text_that_is_no_literal_is_refused_even_where_it_would_be_public(text: str) -> None:
    assert not is_public_address(text)
    assert not AddressGuard(allow=["0.0.0.0/0", "::/0"]).allows(text)


@pytest.mark.parametrize("address", PUBLIC)
def test_the_internet_is_let_through_up_to_its_edges(address: str) -> None:
    assert is_public_address(address)
    open_to(AddressGuard(), address)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_whatever_the_resolver_makes_of_a_spelling_is_refused(spelling: str) -> None:
    """It may not know it, or have no IPv6; what it does make of it never gets a socket, neither does the spelling itself."""
    try:
        found = socket.getaddrinfo(spelling, 443, type=socket.SOCK_STREAM)
    except OSError:
        found = []
    guard = AddressGuard()
    for answer in (*found, (socket.AF_INET, socket.SOCK_STREAM, 6, "", (spelling, 443))):
        with pytest.raises(AddressRefused):
            guard.open_socket(answer)


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_counts_the_same_inside_of_an_ipv6_one(inner: ipaddress.IPv4Address) -> None:
    public = is_public_address(str(inner))
    number = int(inner)
    for outer in (0xFFFF << 32 | number, 0x64FF9B << 96 | number, 0x2002 << 112 | number << 80):
        assert is_public_address(str(ipaddress.IPv6Address(outer))) == public
    isatap = ipaddress.IPv6Address("2606:4700::5efe:0:0")
    assert is_public_address(str(ipaddress.IPv6Address(int(isatap) | number))) == public


@given(st.ip_addresses(v=4) | st.ip_addresses(network="2000::/3"))
def test_what_python_calls_private_is_never_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    special = ("is_private", "is_multicast", "is_reserved", "is_loopback", "is_link_local", "is_unspecified")
    assert not is_public_address(str(address)) or not [name for name in special if getattr(address, name)]


class TestTheListOfWhatIsAllowed:
    def test_it_opens_these_networks_and_no_others(self) -> None:
        guard = AddressGuard(allow=["10.20.0.0/16", "192.168.1.7", ipaddress.ip_network("fd12::/16")])
        for allowed in (
            "10.20.0.1",
            "10.20.255.255",
            "192.168.1.7",
            "fd12::1",
            "1.1.1.1",
            "::ffff:10.20.0.1",
            "64:ff9b::a14:1",
        ):
            assert guard.allows(allowed)
        for refused in (
            "10.21.0.1",
            "192.168.1.8",
            "127.0.0.1",
            "fd13::1",
            "::ffff:10.21.0.1",
            "fd12::1%eth0",
            "169.254.169.254",
        ):
            assert not guard.allows(refused)

    @pytest.mark.parametrize("allow", [["10.0.0.1/8"], ["localhost"], [""], [None], ["10.0.0.0/33"], "10.0.0.0/8"])
    def test_what_is_no_network_is_told(self, allow: Any) -> None:
        with pytest.raises(ConfigurationError, match="network"):
            AddressGuard(allow=allow)


def open_to(guard: AddressGuard, address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        guard.open_socket((family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, 443))).close()
    except AddressRefused:
        raise
    except OSError:
        assert family == socket.AF_INET6, "a machine may be without IPv6"


class Names(AbstractResolver):
    """Answers each question with the next of the given lists of addresses, and the last one from then on."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET) -> list[ResolveResult]:
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [
            ResolveResult(hostname=host, host=address, port=port, family=socket.AF_INET, proto=6, flags=0) for address in found
        ]

    async def close(self) -> None: ...


class Watched(AddressGuard):
    """Knows which addresses got a socket."""

    def __init__(self, *allow: str) -> None:
        super().__init__(allow=allow)
        self.opened: list[str] = []

    def open_socket(self, found: tuple[Any, ...]) -> socket.socket:
        made = super().open_socket(found)
        self.opened.append(found[4][0])
        return made


class Nowhere(Watched):
    """Allows what the internet is, and leads there all the same: nothing leaves this machine."""

    def open_socket(self, found: tuple[Any, ...]) -> socket.socket:
        super().open_socket(found).close()
        raise OSError("not in a test")


def play(
    guard: AddressGuard, names: AbstractResolver | None, use: Callable[[aiohttp.ClientSession, int], Awaitable[None]]
) -> int:
    """How many requests a server on this machine got."""

    async def main() -> int:
        arrived = 0

        async def handle(request: web.Request) -> web.Response:
            nonlocal arrived
            arrived += 1
            return web.Response(status=302, headers={"Location": f"http://10.0.0.1:{port}/"})

        app = web.Application()
        app.router.add_route("*", "/{path:.*}", handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port = runner.addresses[0][1]
        connector = aiohttp.TCPConnector(
            socket_factory=guard.open_socket, resolver=names, use_dns_cache=False, force_close=True
        )
        try:
            async with aiohttp.ClientSession(connector=connector, trust_env=False) as session:
                await use(session, port)
        finally:
            await runner.cleanup()
        return arrived

    return asyncio.run(main())


class TestWithAiohttp:
    @pytest.mark.parametrize(
        "host", ["127.0.0.1", "127.1", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "[::1]", "localhost", "１２７.0.0.1", "0"]
    )
    def test_no_spelling_in_an_address_reaches_this_machine(self, host: str) -> None:
        async def use(session: aiohttp.ClientSession, port: int) -> None:
            request = Signer("0123456789abcdef").request(
                "POST", f"http://{host}:{port}/", perscom_testing.make_event("user.created").body, message_id="m", now=NOW
            )
            with pytest.raises((aiohttp.ClientConnectorError, aiohttp.InvalidURL)) as caught:
                await session.post(request.url, data=request.body, headers=request.headers)
            if not isinstance(caught.value, aiohttp.ClientConnectorDNSError | aiohttp.InvalidURL):
                assert isinstance(caught.value.os_error, AddressRefused)

        assert play(AddressGuard(), None, use) == 0

    def test_of_several_addresses_the_refused_ones_get_no_socket(self) -> None:
        guard = Watched("127.0.0.1/32")

        async def use(session: aiohttp.ClientSession, port: int) -> None:
            async with session.get(f"http://shop.example:{port}/", allow_redirects=False) as answer:
                assert answer.status == 302

        assert play(guard, Names(["10.0.0.1", "127.0.0.2", "127.0.0.1"]), use) == 1
        assert guard.opened == ["127.0.0.1"]

    def test_several_refused_addresses_are_one_refusal(self) -> None:
        async def use(session: aiohttp.ClientSession, port: int) -> None:
            with pytest.raises(aiohttp.ClientConnectorError) as caught:
                await session.get(f"http://shop.example:{port}/")
            assert isinstance(caught.value.os_error, AddressRefused)

        assert play(AddressGuard(), Names(["10.0.0.1", "127.0.0.1", "169.254.169.254"]), use) == 0

    def test_a_name_that_changes_between_two_questions_is_asked_at_the_socket(self) -> None:
        guard = Watched("127.0.0.1/32")

        async def use(session: aiohttp.ClientSession, port: int) -> None:
            async with session.get(f"http://shop.example:{port}/", allow_redirects=False) as answer:
                assert answer.status == 302
            with pytest.raises(aiohttp.ClientConnectorError):
                await session.get(f"http://shop.example:{port}/", allow_redirects=False)

        assert play(guard, Names(["127.0.0.1"], ["127.0.0.2"]), use) == 1

    def test_a_redirect_leads_nowhere_else_either(self) -> None:
        """Ours are not followed; a client that does follow them meets the guard again."""
        guard = Watched("127.0.0.1/32")

        async def use(session: aiohttp.ClientSession, port: int) -> None:
            with pytest.raises(aiohttp.ClientConnectorError):
                await session.get(f"http://127.0.0.1:{port}/")

        assert play(guard, None, use) == 1
        assert guard.opened == ["127.0.0.1"]


# What may stand for a host in an address, each a way to write this machine, another private one, or to confuse who reads it.
HOSTS = (
    *("127.0.0.1", "127.1", "127.0.1", "127.255.255.254", "2130706433", "0x7f000001", "0x7F.1", "0x7f.0.0.1", "0177.0.0.1"),
    *("017700000001", "0177.1", "127.0.0.1.", "127.0.0.1..", "127.000.000.001", "0000000177.0.0.1", "0x0000007f.1", "127.0x1"),
    *("0", "0.0.0.0", "00", "0x0", "0.0", "6425673729", "0x17f000001", "4294967296", "127.0.0.257", "-1", "127.0.0.-1"),  # noqa: S104
    *("[::]", "[::1]", "[0:0:0:0:0:0:0:1]", "[0000::0001]", "[::ffff:127.0.0.1]", "[::FFFF:7F00:1]", "[::127.0.0.1]"),
    *(
        "[64:ff9b::7f00:1]",
        "[64:ff9b:1::7f00:1]",
        "[2002:7f00:1::]",
        "[::ffff:0:127.0.0.1]",
        "[::1%25lo]",
        "[::1%lo]",
        "[::1%1]",
    ),
    *("[fe80::1%25eth0]", "[::ffff:127.1]", "[::ffff:0x7f.1]", "[127.0.0.1]", "[v1.127]", "[::1", "::1", "0:0:0:0:0:0:0:1"),
    *(
        "localhost",
        "LOCALHOST",
        "localhost.",
        "localhost..",
        "loc%61lhost",
        "%6cocalhost",
        "127%2e0%2e0%2e1",
        "%31%32%37.0.0.1",
    ),
    *("127.0.0.1%00.example.com", "127.0.0.1%20", "127.0.0.1%2f.example.com", "127.0.0.1%23", "127.0.0.1\\.example.com"),
    *(
        "１２７.0.0.1",
        "127。0。0。1",
        "127．0．0．1",
        "①②⑦.⓪.⓪.①",
        "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ",
        "loca\u00adlhost",
        "١٢٧.0.0.1",
        "xn--127-0-0-1",
    ),
    *("example.com@127.0.0.1", "1.1.1.1:80@127.0.0.1", "1.1.1.1@2.2.2.2@127.0.0.1", "1.1.1.1\\@127.0.0.1", "@127.0.0.1"),
    *("2852039166", "0xA9FEA9FE", "0251.0376.0251.0376", "169.254.43518", "0xa9.0xfe.0251.254", "[::ffff:a9fe:a9fe]", "10.1"),
    *("", ".", "..", " ", "*", "127.0.0.1,1.1.1.1", "1.1.1.1#@127.0.0.1", "1.1.1.1?@127.0.0.1", "1.1.1.1/@127.0.0.1"),
)


class TestWithTheTransport:
    """As it is in a sender: aiohttp, the system's own look-up, and the guard."""

    @pytest.fixture(autouse=True)
    def names(self, monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
        """The only names there are; no question leaves this machine. All that counts as an address to the system stays one."""
        monkeypatch.setattr(os, "environ", dict(os.environ))
        names, known = {"localhost": ["127.0.0.1"]}, socket.getaddrinfo

        def look_up(host: str, port: int, *rest: Any) -> list[Any]:
            family, kind, protocol, flags = rest
            found = names.get(host.rstrip(".").lower(), [host])
            return [
                answer
                for one in found
                for answer in known(one, port, family, kind, protocol, flags & ~socket.AI_ADDRCONFIG | socket.AI_NUMERICHOST)
            ]

        monkeypatch.setattr(socket, "getaddrinfo", look_up)
        return names

    def send(self, host: str, guard: AddressGuard, tries: int = 1, scheme: str = "http") -> tuple[list[str], int]:
        """The kinds of what came of it, and how many connections a server on this machine got, which is a proxy as well."""

        async def main() -> tuple[list[str], int]:
            kinds: list[str] = []
            async with FaultServer(says(OK + b"Content-Length: 0\r\nConnection: close\r\n\r\n")) as server:
                for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
                    os.environ[name] = f"http://127.0.0.1:{server.port}"
                request = SignedRequest(method="POST", url=f"{scheme}://{host}:{server.port}/", headers={}, body=b"{}")
                for _ in range(tries):
                    transport = AiohttpTransport(guard)  # another one each time: it remembers for 10 s what a name leads to
                    try:
                        await transport.send(request, timeout=5)
                        kinds.append("done")
                    except DeliveryError as error:
                        kinds.append(error.kind)
                    await transport.close()
                return kinds, server.connections

        return asyncio.run(main())

    @pytest.mark.parametrize("host", HOSTS)
    def test_no_spelling_leads_to_this_machine(self, host: str) -> None:
        guard = Nowhere()
        kinds, connections = self.send(host, guard)
        assert (kinds[0] in ("address", "dns", "connect"), connections) == (True, 0)
        assert set(guard.opened) <= {"1.1.1.1"}

    @pytest.mark.parametrize("scheme", ["http", "https"])
    def test_no_proxy_of_the_environment_is_asked(self, scheme: str) -> None:
        assert self.send("10.0.0.1", AddressGuard(allow=["127.0.0.1"]), scheme=scheme) == (["address"], 0)

    def test_of_several_addresses_the_refused_ones_are_never_connected_to(self, names: dict[str, list[str]]) -> None:
        names["shop.example"] = [
            "10.0.0.1",
            "::1",
            "169.254.169.254",
            "127.0.0.2",
            "::ffff:127.0.0.2",
            "127.0.0.1",
            "192.168.0.1",
        ]
        guard = Watched("127.0.0.1")
        assert self.send("shop.example", guard) == (["done"], 1)
        assert guard.opened == ["127.0.0.1"]
        names["shop.example"].remove("127.0.0.1")
        assert self.send("shop.example", guard) == (["address"], 0)

    def test_a_name_that_changes_between_two_tries_is_looked_at_each_time(self, names: dict[str, list[str]]) -> None:
        answers = [["127.0.0.1"], ["127.0.0.2"], ["10.0.0.1"], ["127.0.0.1"]]

        class Turning(Watched):
            """The name leads elsewhere as soon as an address of it was looked at."""

            def open_socket(self, found: tuple[Any, ...]) -> socket.socket:
                names["shop.example"] = answers.pop(0) if answers else ["127.0.0.3"]
                return super().open_socket(found)

        names["shop.example"] = answers.pop(0)
        guard = Turning("127.0.0.1")
        assert self.send("shop.example", guard, tries=5) == (["done", "address", "address", "done", "address"], 2)
        assert guard.opened == ["127.0.0.1"] * 2

    def test_of_a_name_with_thousands_of_addresses_some_are_tried(self, names: dict[str, list[str]]) -> None:
        names["many.example"] = [f"10.0.{n >> 8}.{n & 255}" for n in range(4000)]
        guard = Nowhere()
        assert self.send("many.example", guard) == (["address"], 0)
        names["many.example"] = [f"11.0.{n >> 8}.{n & 255}" for n in range(4000)]
        assert self.send("many.example", guard) == (["connect"], 0)
        assert len(set(guard.opened)) == MOST_ADDRESSES
