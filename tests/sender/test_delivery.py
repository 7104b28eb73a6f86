"""Delivering to real servers that answer well, badly or not at all; the schedule runs on a clock that is moved by hand."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from endpoints import Endpoint
from sending import SECRET, Clock, running, until

from perscom_receiver import Verifier
from perscom_sender import PERSCOM_SCHEDULE, Attempt, Breaking, Delivery, Notice, Schedule, Sender

Make = Callable[..., Sender]
NEVER = Breaking(after=1000, disable_after=None)


def only(sender: Sender) -> Delivery:
    (delivery,) = sender.log.deliveries()
    return delivery


def attempts(sender: Sender) -> list[Attempt]:
    return sender.log.attempts(only(sender).id)


async def ended(sender: Sender, tries: int = 1) -> Attempt:
    """The last of so many tries, as soon as it is in the log."""
    await until(lambda: len(attempts(sender)) >= tries)
    assert len(attempts(sender)) == tries
    return attempts(sender)[-1]


def seconds(attempt: Attempt) -> float:
    """How long after its beginning the next one follows."""
    assert attempt.next is not None
    return (attempt.next - attempt.started).total_seconds()


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_is_a_success(sender: Sender, status: int) -> None:
    async def main() -> None:
        async with Endpoint(status) as endpoint, running(sender):
            sender.subscriptions.add(endpoint.url, SECRET, ["*"])
            await sender.publish("order.paid", {"id": 1})
            attempt = await ended(sender)
            assert (attempt.kind, attempt.status, attempt.error, attempt.next) == ("done", status, None, None)
            assert attempt.ms is not None
            assert only(sender).state == "delivered"

    asyncio.run(main())


def test_a_receiver_of_ours_verifies_what_arrives(sender: Sender) -> None:
    async def main() -> None:
        async with Endpoint() as endpoint, running(sender):
            sender.subscriptions.add(f"{endpoint.url}?for=a%20b&c[]=1", SECRET, ["*"])
            number = await sender.publish("rankrecord.created", {"id": 7, "text": "Größe / 😀"}, {})
            await until(lambda: endpoint.requests)
            event = Verifier(SECRET).event(*endpoint.requests[0])
            assert endpoint.targets == ["/hook?for=a%20b&c[]=1"]
            assert event.name == "rankrecord.created"
            assert event.data == {"id": 7, "text": "Größe / 😀"}
            assert event.id == sender.log.deliveries(event=number)[0].event_id
            await until(lambda: only(sender).state == "delivered")

    asyncio.run(main())


def test_perscoms_schedule_sends_the_same_bytes_three_times_and_gives_up(make: Make, clock: Clock) -> None:
    sender = make(breaking=NEVER)

    async def main() -> None:
        async with Endpoint(500) as endpoint, running(sender):
            sender.subscriptions.add(endpoint.url, SECRET, ["*"], schedule=PERSCOM_SCHEDULE)
            await sender.publish("order.paid", {"id": 1})
            for tries, wait in ((1, 10), (2, 100)):
                attempt = await ended(sender, tries)
                assert (attempt.kind, attempt.status, attempt.answer) == ("status", 500, "thanks")
                assert wait <= seconds(attempt) <= wait * 1.1
                assert only(sender).next == attempt.next
                clock.now += wait - 0.5
                await asyncio.sleep(0.05)
                assert len(endpoint.requests) == tries
                clock.now += wait * 0.1 + 0.5
            attempt = await ended(sender, 3)
            assert attempt.next is None
            assert (only(sender).state, only(sender).error) == ("failed", "it answered 500")
            clock.now += 10_000
            await asyncio.sleep(0.05)
            assert len(endpoint.requests) == 3
            assert len({(body, headers["Signature"]) for headers, body in endpoint.requests}) == 1

    asyncio.run(main())


@pytest.mark.parametrize(
    ("entry", "kind", "error"),
    [
        (404, "status", "it answered 404"),
        (503, "status", "it answered 503"),
        ((302, {"Location": "https://other.example/path?token=hidden"}), "redirect", "it redirects to 'other.example' (302)"),
        ((307, {"Location": "/elsewhere"}), "redirect", "it redirects to another path of its own (307)"),
        ((301, {"Location": "http://[::1"}), "redirect", "it redirects to another path of its own (301)"),
        (304, "redirect", "(304)"),
        ("cut", "closed", "closed the connection"),
    ],
)
def test_all_else_is_a_failure_that_tells_why(
    sender: Sender, entry: Any, kind: str, error: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with Endpoint(entry) as endpoint, running(sender):
            sender.subscriptions.add(f"{endpoint.url}?token=secret-token", SECRET, ["*"])
            await sender.publish("order.paid", {})
            attempt = await ended(sender)
            assert attempt.kind == kind
            assert error in str(attempt.error)
            assert attempt.next is not None
            assert len(endpoint.requests) == 1

    with caplog.at_level(logging.DEBUG, "perscom_sender"):
        asyncio.run(main())
    for secret in ("hidden", "secret-token", SECRET):
        assert secret not in str(attempts(sender)) + caplog.text


def test_who_does_not_answer_in_time_has_failed(sender: Sender) -> None:
    async def main() -> None:
        async with Endpoint("hang") as endpoint, running(sender):
            sender.subscriptions.add(endpoint.url, SECRET, ["*"], timeout=0.7)
            await sender.publish("order.paid", {})
            attempt = await ended(sender)
            assert (attempt.kind, attempt.error) == ("timeout", "no whole answer came within 0.7 s")

    asyncio.run(main())


def test_who_is_not_there_has_failed(sender: Sender) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]

    async def main() -> None:
        async with running(sender):
            sender.subscriptions.add(f"http://127.0.0.1:{port}/", SECRET, ["*"])
            await sender.publish("order.paid", {})
            assert (await ended(sender)).kind == "connect"

    asyncio.run(main())


@pytest.mark.parametrize("host", ["a" * 64 + ".example", "no-such-host.invalid"])
def test_a_name_without_an_address_has_failed(sender: Sender, host: str) -> None:
    async def main() -> None:
        async with running(sender):
            sender.subscriptions.add(f"https://{host}/", SECRET, ["*"], timeout=5)
            await sender.publish("order.paid", {})
            assert (await ended(sender)).kind == "dns"

    asyncio.run(main())


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "127.1", "[::ffff:127.0.0.1]", "0.0.0.0", "017700000001"],  # noqa: S104
)
def test_a_private_address_is_never_connected_to(make: Make, host: str) -> None:
    sender = make(allow=["10.0.0.0/8"])

    async def main() -> None:
        async with Endpoint() as endpoint, running(sender):
            sender.subscriptions.add(f"http://{host}:{endpoint.port}/", SECRET, ["*"])
            await sender.publish("order.paid", {})
            attempt = await ended(sender)
            assert attempt.kind == "address"
            assert "nothing was sent" in str(attempt.error)
            assert endpoint.requests == []

    asyncio.run(main())


def test_no_proxy_and_no_password_is_taken_from_the_environment(
    sender: Sender, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/")
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))

    async def main() -> None:
        async with Endpoint() as endpoint, running(sender):
            sender.subscriptions.add(endpoint.url, SECRET, ["*"])
            await sender.publish("order.paid", {})
            assert (await ended(sender)).kind == "done"
            assert "Authorization" not in endpoint.requests[0][0]

    asyncio.run(main())


class TestAsked:
    @pytest.mark.parametrize("status", [429, 503])
    def test_retry_after_is_waited_for_by_the_whole_endpoint(self, make: Make, clock: Clock, status: int) -> None:
        sender = make(breaking=NEVER)

        async def main() -> None:
            async with Endpoint((status, {"Retry-After": "120"}), 200) as endpoint, running(sender):
                number = sender.subscriptions.add(endpoint.url, SECRET, ["*"], schedule=PERSCOM_SCHEDULE).id
                await sender.publish("order.paid", {"id": 1})
                attempt = await ended(sender)
                assert 120 <= seconds(attempt) <= 121
                await sender.publish("order.paid", {"id": 2})
                clock.now += 119
                await asyncio.sleep(0.05)
                assert len(endpoint.requests) == 1
                clock.now += 2
                await until(lambda: {one.state for one in sender.log.deliveries(subscription=number)} == {"delivered"})

        asyncio.run(main())

    def test_a_date_is_waited_for(self, make: Make, clock: Clock) -> None:
        sender = make(breaking=NEVER)
        when = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(clock.now + 90))

        async def main() -> None:
            async with Endpoint((503, {"Retry-After": when})) as endpoint, running(sender):
                sender.subscriptions.add(endpoint.url, SECRET, ["*"], schedule=PERSCOM_SCHEDULE)
                await sender.publish("order.paid", {})
                assert 89 <= seconds(await ended(sender)) <= 91

        asyncio.run(main())

    @pytest.mark.parametrize("header", ["", "soon", "-5", "1e9", "\u0663", "Mon, 99 Foo 2026", "9" * 90])
    def test_nonsense_is_not_believed(self, make: Make, header: str) -> None:
        sender = make(breaking=NEVER)

        async def main() -> None:
            async with Endpoint((503, {"Retry-After": header})) as endpoint, running(sender):
                sender.subscriptions.add(endpoint.url, SECRET, ["*"], schedule=PERSCOM_SCHEDULE)
                await sender.publish("order.paid", {})
                assert 10 <= seconds(await ended(sender)) <= (86_400 if header.startswith("999") else 11)

        asyncio.run(main())

    def test_429_does_not_use_up_the_tries(self, make: Make, clock: Clock) -> None:
        sender = make(breaking=NEVER)

        async def main() -> None:
            async with Endpoint(*[429] * 8, 500, 500, 200) as endpoint, running(sender):
                sender.subscriptions.add(endpoint.url, SECRET, ["*"], schedule=PERSCOM_SCHEDULE)
                await sender.publish("order.paid", {})
                for tries in range(1, 11):
                    await ended(sender, tries)
                    clock.now += 120
                await until(lambda: only(sender).state == "delivered")
                assert len(endpoint.requests) == 11

        asyncio.run(main())

    def test_410_disables_with_a_notice_and_keeps_the_events(self, make: Make, clock: Clock) -> None:
        notices: list[Notice] = []
        sender = make(notice=notices.append)

        async def main() -> None:
            async with Endpoint(410, 200) as endpoint, running(sender):
                number = sender.subscriptions.add(endpoint.url, SECRET, ["*"], name="shop", concurrency=1).id
                for n in range(5):
                    await sender.publish("order.paid", {"id": n})
                await until(lambda: notices)
                clock.now += 100_000
                await sender.publish("order.paid", {"id": 5})
                await asyncio.sleep(0.05)
                assert len(endpoint.requests) == 1
                assert notices == [
                    Notice(sender.subscriptions.get(number), "The endpoint answered 410: it wants no more events.")
                ]
                assert [one.state for one in sender.log.deliveries()] == ["waiting"] * 6
                assert sender.subscriptions.enable(number).enabled
                await until(lambda: {one.state for one in sender.log.deliveries()} == {"delivered"})
                assert len(endpoint.requests) == 7

        asyncio.run(main())


class TestDisabled:
    def test_events_of_a_disabled_one_are_kept_and_sent_later(self, sender: Sender) -> None:
        async def main() -> None:
            async with Endpoint() as endpoint, running(sender):
                number = sender.subscriptions.add(endpoint.url, SECRET, ["*"]).id
                assert sender.subscriptions.disable(number, "moving house").disabled == "moving house"
                for n in range(3):
                    await sender.publish("order.paid", {"id": n})
                await asyncio.sleep(0.05)
                assert endpoint.requests == []
                sender.subscriptions.enable(number)
                await until(lambda: len(endpoint.requests) == 3)

        asyncio.run(main())

    def test_a_removed_one_gets_nothing_more(self, sender: Sender) -> None:
        async def main() -> None:
            async with Endpoint() as endpoint, running(sender):
                number = sender.subscriptions.add(endpoint.url, SECRET, ["*"], enabled=False).id
                await sender.publish("order.paid", {})
                sender.subscriptions.remove(number)
                await sender.publish("order.paid", {})
                await asyncio.sleep(0.05)
                assert endpoint.requests == []
                assert [one.state for one in sender.log.deliveries(subscription=number)] == ["waiting"]

        asyncio.run(main())

    def test_one_that_only_fails_is_disabled_after_its_days(self, make: Make, clock: Clock) -> None:
        notices: list[Notice] = []
        sender = make(breaking=Breaking(after=2, rest=1, longest=1, disable_after=1000), notice=notices.append)

        async def main() -> None:
            async with Endpoint(500) as endpoint, running(sender):
                number = sender.subscriptions.add(endpoint.url, SECRET, ["*"], schedule=Schedule((500, 600, 700))).id
                await sender.publish("order.paid", {})
                for tries in (1, 2, 3):
                    await ended(sender, tries)
                    clock.now += 771
                await until(lambda: notices)
                disabled = sender.subscriptions.get(number)
                assert disabled is not None
                assert "failed" in str(disabled.disabled)
                assert only(sender).state == "waiting"

        asyncio.run(main())


class TestBreaker:
    def test_it_opens_probes_with_one_request_and_closes(self, make: Make, clock: Clock) -> None:
        sender = make(breaking=Breaking(after=3, rest=30, longest=40))

        async def main() -> None:
            async with Endpoint(500) as endpoint, running(sender):
                sender.subscriptions.add(endpoint.url, SECRET, ["*"], schedule=Schedule((1,) * 50), concurrency=3)
                for n in range(6):
                    await sender.publish("order.paid", {"id": n})

                async def requests_are(count: int) -> None:
                    await until(lambda: len(endpoint.requests) == count)
                    await asyncio.sleep(0.05)
                    assert len(endpoint.requests) == count

                await until(lambda: len([a for d in sender.log.deliveries() for a in sender.log.attempts(d.id)]) >= 3)
                await asyncio.sleep(0.05)
                opened = len(endpoint.requests)  # it was open after three; others may have been on their way
                assert 3 <= opened <= 5
                clock.now += 29
                await requests_are(opened)
                clock.now += 2
                await requests_are(opened + 1)  # half open: one of six
                clock.now += 39
                await requests_are(opened + 1)
                endpoint.script = [200]
                clock.now += 2  # twice 30 s would be longer, and 40 are the limit
                await requests_are(opened + 7)
                await until(lambda: {one.state for one in sender.log.deliveries()} == {"delivered"})
                assert endpoint.most <= 3

        asyncio.run(main())

    def test_a_slow_or_dead_endpoint_never_delays_the_others(self, sender: Sender) -> None:
        """With less slots than requests that hang."""

        async def main() -> None:
            async with Endpoint("hang") as dead, Endpoint() as well, running(sender, grace=0):
                for _ in range(40):
                    sender.subscriptions.add(dead.url, SECRET, ["*"], concurrency=5, timeout=60)
                healthy = sender.subscriptions.add(well.url, SECRET, ["*"]).id
                for n in range(20):
                    await sender.publish("order.paid", {"id": n})
                await until(lambda: len(well.requests) == 20, seconds=4)
                await until(
                    lambda: {one.state for one in sender.log.deliveries(subscription=healthy)} == {"delivered"}, seconds=4
                )
                await until(lambda: dead.running == 200)

        asyncio.run(main())


def test_names_that_nobody_answers_for_never_delay_the_others(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    answered, known = threading.Event(), socket.getaddrinfo

    def look_up(host: str, *rest: Any) -> Any:
        if host.startswith("dead"):
            answered.wait(20)
        return known("127.0.0.1", *rest)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)

    async def main() -> None:
        async with Endpoint() as endpoint, running(sender, grace=0):
            for n in range(40):
                sender.subscriptions.add(f"http://dead{n}.example/", SECRET, ["*"], timeout=60)
            sender.subscriptions.add(f"http://well.example:{endpoint.port}/", SECRET, ["*"])
            await sender.publish("order.paid", {})
            await until(lambda: endpoint.requests, seconds=4)

    try:
        asyncio.run(main())
    finally:
        answered.set()


def test_an_endpoint_gets_no_more_requests_at_once_than_it_wants(sender: Sender) -> None:
    async def slow(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(0.1)
        return web.Response()

    async def main() -> None:
        async with Endpoint(slow) as endpoint, running(sender):
            sender.subscriptions.add(endpoint.url, SECRET, ["*"], concurrency=3)
            for n in range(20):
                await sender.publish("order.paid", {"id": n})
            await until(lambda: len(endpoint.requests) == 20)
            assert endpoint.most == 3

    asyncio.run(main())


@pytest.mark.parametrize(("rate", "at_once"), [(2.0, 2), (0.1, 1)])
def test_a_rate_holds_over_all_senders(make: Make, clock: Clock, rate: float, at_once: int) -> None:
    senders = make(), make()

    async def main() -> None:
        async with Endpoint() as endpoint:
            senders[0].subscriptions.add(endpoint.url, SECRET, ["*"], rate=rate, concurrency=5)
            for n in range(6):
                await senders[0].publish("order.paid", {"id": n})
            async with running(*senders):
                await counted(endpoint)

    async def counted(endpoint: Endpoint) -> None:
        for count in range(at_once, 7, at_once):
            await until(lambda count=count: len(endpoint.requests) == count)
            await asyncio.sleep(0.05)
            assert len(endpoint.requests) == count
            clock.now += at_once / rate + 0.01

    asyncio.run(main())


def test_several_senders_share_the_work_and_send_nothing_twice(make: Make) -> None:
    senders = [make() for _ in range(3)]

    async def main() -> None:
        async with Endpoint() as endpoint, running(*senders):
            senders[0].subscriptions.add(endpoint.url, SECRET, ["*"], concurrency=10)
            await asyncio.gather(*(senders[n % 3].publish("order.paid", {"id": n}) for n in range(200)))
            await until(lambda: len(endpoint.requests) >= 200)
            await asyncio.sleep(0.05)
            assert len({body for _, body in endpoint.requests}) == len(endpoint.requests) == 200

    asyncio.run(main())


def test_get_sends_a_query_as_perscom_does(sender: Sender) -> None:
    async def main() -> None:
        async with Endpoint() as endpoint, running(sender):
            sender.subscriptions.add(f"{endpoint.url}?token=lost", SECRET, ["*"], method="GET")
            await sender.publish("order.paid", {"id": 1, "tags": ["a b"]})
            assert (await ended(sender)).kind == "done"
            assert endpoint.targets == ["/hook?event=order.paid&data%5Bid%5D=1&data%5Btags%5D%5B0%5D=a%20b"]
            assert endpoint.requests[0][1] == b""

    asyncio.run(main())


def test_a_test_reaches_its_subscription_whatever_that_wants(sender: Sender) -> None:
    async def main() -> None:
        async with Endpoint() as endpoint, running(sender):
            number = sender.subscriptions.add(endpoint.url, SECRET).id
            sender.subscriptions.add(endpoint.url, SECRET, ["*"])
            sender.test(number)
            await until(lambda: endpoint.requests)
            event = Verifier(SECRET).event(*endpoint.requests[0])
            assert (event.name, event.data) == ("webhook.test", {"status": "ok"})
            assert only(sender).subscription == number
            await ended(sender)

    asyncio.run(main())


def test_a_thread_delivers_and_stops(sender: Sender) -> None:
    async def main() -> None:
        async with Endpoint() as endpoint:
            sender.subscriptions.add(endpoint.url, SECRET, ["*"])
            thread = sender.start_thread()
            sender.publish_blocking("order.paid", {})
            await until(lambda: endpoint.requests)
            await asyncio.to_thread(thread.stop)
            assert only(sender).state == "delivered"

    asyncio.run(main())
