"""What every destination does alike, whatever its platform: one suite, run on each kind that ``conftest.py`` names."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import time
import traceback
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hostile import messages
from hypothesis import HealthCheck, given, settings
from msgspec.structs import replace

from perscom_adapters import Bold, Destination, Field, Mention, Message, Paced, Paragraph, Quote, Receipt, Text, struck
from perscom_adapters.testing import Cut, Drip, Fault, Garble, Hang, Rate, Say, cloudflare_block, html_error, redirect
from perscom_receiver import DestinationError

SAID = "Words-of-a-message"
MESSAGE = Message(word="promotion", title="SFC Whitfield promoted", blocks=(Paragraph((Text(SAID),)),))
EDITED = Message(word="promotion", title="SFC Whitfield promoted, again")
FORMED = replace(
    MESSAGE,
    blocks=(*MESSAGE.blocks, Quote((Paragraph((Bold((Text("For valour"),)),)),))),
    fields=(Field(name="Unit", value=(Text("1st Platoon"),)),),
    url="https://perscom.example/users/7",
    footer="1st Ranger Group",
)
HOSTILE = Message(word="test", title="@everyone <!here> <@1> @name", blocks=(Paragraph((Text("<@U1> <@&2> @here"),)),))
SOON = 0.3  # seconds; a timeout that a test waits for


async def failed(
    kit: Any, *faults: Fault, previous: Receipt | None = None, timeout: float = 5.0, **more: Any
) -> DestinationError:
    """The error of one send that meets ``faults``. It holds nothing secret, not even for a debugger that prints variables."""
    kit.chat.script(*faults)
    with pytest.raises(DestinationError) as caught:
        await kit.make(timeout=timeout).send(MESSAGE, previous=previous, **more)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + str(vars(caught.value))
    assert SAID not in told
    told += "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    assert not [secret for secret in kit.secrets if secret in told]
    return caught.value


def shown_in(kit: Any, number: int) -> dict[str, object]:
    """Of a message that stands there, as much as a payload holds."""
    posted = kit.chat.messages[number].payload
    return {key: posted[key] for key in kit.payload(MESSAGE)}


def receipt_of(kit: Any, **more: Any) -> Receipt:
    """The receipt of the newest message."""
    posted = kit.chat.messages[-1]
    told = {"message_id": posted.message_id, "channel_id": posted.channel_id} if kit.edits else {}
    return Receipt(platform=kit.platform, **told, **more)


def test_a_message_is_posted_once_as_it_is_and_gives_a_receipt(play: Any) -> None:
    async def use(kit: Any) -> None:
        destination = kit.make()
        assert isinstance(destination, Destination)
        assert await destination.send(MESSAGE) == receipt_of(kit)

    kit = play(use)
    assert len(kit.chat.arrivals) == len(kit.chat.messages) == 1
    assert shown_in(kit, 0) == kit.payload(MESSAGE)
    assert kit.chat.messages[0].pings == frozenset()
    assert not kit.chat.mistakes


def test_exactly_those_who_are_mentioned_are_pinged_and_after_a_deletion_nobody(play: Any) -> None:
    async def use(kit: Any) -> None:
        strangers = tuple(Mention(one.kind, f"{one.id}>") for one in kit.mentions)
        message = replace(HOSTILE, mentions=(*kit.mentions, *strangers), silent=True)
        receipt = await kit.make().send(message)
        assert kit.chat.messages[0].pings == {f"{one.kind}:{one.id}" for one in kit.mentions}
        if kit.edits:
            assert await kit.make().send(struck(message), previous=receipt) == receipt
            shown = json.dumps(kit.chat.messages[0].payload)
            assert not [one for one in kit.mentions if one.id in shown]

    kit = play(use)
    assert len(kit.chat.arrivals) == 1 + kit.edits
    assert not kit.chat.mistakes


def test_a_thread_is_posted_into_and_named_in_the_receipt(play: Any) -> None:
    async def use(kit: Any) -> None:
        thread = await kit.thread()
        if not kit.threads:
            assert (await failed(kit, thread=thread)).outcome == "rejected"
            return
        receipt = await kit.make().send(MESSAGE, thread=thread)
        assert receipt == receipt_of(kit, thread_id=thread)
        assert shown_in(kit, -1) == kit.payload(MESSAGE)

    assert not play(use).chat.mistakes


@pytest.mark.parametrize("thread", ["7/../8", "general", "1&wait=false", "٣"])
def test_what_cannot_be_a_thread_is_not_sent(play: Any, thread: str) -> None:
    async def use(kit: Any) -> None:
        assert (await failed(kit, thread=thread)).outcome == "rejected"

    assert play(use).chat.arrivals == []


def test_an_edit_changes_the_message_and_keeps_its_receipt_or_is_refused_before_anything_is_sent(play: Any) -> None:
    async def use(kit: Any) -> None:
        destination = kit.make()
        receipt = await destination.send(MESSAGE)
        if kit.edits:
            assert await destination.send(EDITED, previous=receipt) == receipt
        else:
            assert (await failed(kit, previous=receipt)).outcome == "rejected"

    kit = play(use)
    (posted,) = kit.chat.messages
    shown = kit.payload(EDITED if kit.edits else MESSAGE)
    assert len(posted.edits) == kit.edits
    assert len(kit.chat.arrivals) == 1 + kit.edits
    assert {key: posted.payload[key] for key in shown} == shown
    assert not kit.chat.mistakes


@pytest.mark.parametrize(
    "place",
    [{}, {"message_id": "../../1"}, {"message_id": "../../1", "channel_id": "../x"}, {"message_id": "7", "channel_id": "7"}],
)
def test_what_has_no_id_there_cannot_be_edited_and_nothing_is_sent(play: Any, place: dict[str, str]) -> None:
    async def use(kit: Any) -> None:
        platform = "elsewhere" if place.get("message_id") == "7" else kit.platform
        assert (await failed(kit, previous=Receipt(platform=platform, **place))).outcome == "rejected"

    assert play(use).chat.arrivals == []


@pytest.mark.parametrize(
    ("kind", "outcome", "seconds"),
    [("retry", "retry", 7.0), ("trouble", "retry", None), ("permanent", "permanent", None), ("rejected", "rejected", None)],
)
def test_each_kind_of_failure_is_told_apart(play: Any, kind: str, outcome: str, seconds: float | None) -> None:
    async def use(kit: Any) -> None:
        answer: Say = getattr(kit, kind)
        error = await failed(kit, answer)
        assert (error.outcome, error.retry_after, error.status) == (outcome, seconds, answer.status)
        assert kit.platform.capitalize() in str(error)

    kit = play(use)
    assert kit.chat.messages == []
    assert len(kit.chat.arrivals) == 1  # it never tries again by itself


@pytest.fixture
def without_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some platforms want a moment between a refused message and the same in plain text."""
    monkeypatch.setattr("perscom_adapters._fallback.LONGEST_REST", 0.0)


def test_a_message_whose_form_is_refused_is_told_as_plain_text_and_the_receipt_says_why(
    play: Any, without_rests: None, caplog: pytest.LogCaptureFixture
) -> None:
    async def use(kit: Any) -> None:
        if kit.form is None:
            return
        destination = kit.make()
        kit.chat.script(kit.form)
        receipt = await destination.send(FORMED)
        assert receipt == receipt_of(kit, refused=receipt.refused)
        assert kit.platform.capitalize() in (receipt.refused or "")
        assert (receipt.refused or "") in caplog.text
        told = json.dumps(kit.chat.messages[0].payload, ensure_ascii=False).replace("\u2060", "").replace("\\\\", "")
        assert [word in told for word in ("SFC Whitfield promoted", SAID, "Unit", "1st Platoon")] == [True] * 4
        if kit.edits:
            kit.chat.script(kit.form)
            assert await destination.send(EDITED, previous=receipt) == receipt
            await destination.send(FORMED, previous=receipt)

    kit = play(use)
    if kit.form is not None:
        (posted,) = kit.chat.messages
        assert not posted.pings
        assert len(posted.edits) == 2 * kit.edits
        assert not kit.edits or posted.payload == {**posted.payload, **kit.payload(FORMED)}, "nothing is left of the plain one"
        assert not kit.chat.mistakes


def test_a_message_that_is_refused_as_plain_text_too_is_not_sent_a_third_time(play: Any, without_rests: None) -> None:
    async def use(kit: Any) -> None:
        if kit.form is not None:
            error = await failed(kit, kit.form, kit.form)
            assert (error.outcome, error.status) == ("rejected", kit.form.status)
            assert len(kit.chat.arrivals) == 2

    play(use)


def test_a_plain_text_without_an_answer_is_unclear(play: Any, without_rests: None) -> None:
    async def use(kit: Any) -> None:
        if kit.form is not None:
            assert (await failed(kit, kit.form, Hang(stage="after_storing"), timeout=SOON)).outcome == "unclear"

    play(use)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(messages)
def test_whatever_is_in_a_message_its_plain_text_is_taken_and_pings_nobody(
    play: Any, without_rests: None, said: Message
) -> None:
    async def use(kit: Any) -> None:
        if kit.form is not None:
            kit.chat.script(kit.form)
            assert (await kit.make().send(said)).refused

    kit = play(use)
    assert [posted.pings for posted in kit.chat.messages] == [frozenset()] * (kit.form is not None)


def test_the_path_of_a_limit_holds_no_secret_and_leads_from_the_platform_to_the_place(play: Any) -> None:
    async def use(kit: Any) -> None:
        destination = kit.make()
        if not isinstance(destination, Paced):
            return
        assert destination.pace.path == kit.make().pace.path
        assert destination.pace.path.startswith(f"{kit.platform}/")
        assert destination.pace.path.endswith("/")
        assert not [secret for secret in kit.secrets if secret in destination.pace.path]
        error = await failed(kit, kit.retry)
        assert error.pace is not None
        assert destination.pace.path.startswith(error.pace)
        for fault in (kit.trouble, kit.permanent, kit.rejected, html_error(503)):
            assert (await failed(kit, fault)).pace is None

    play(use)


def test_who_rests_as_told_does_not_meet_the_limit_more_than_once(play: Any) -> None:
    now = [datetime(2026, 1, 1, tzinfo=UTC)]
    refused = []

    async def use(kit: Any) -> None:
        destination = kit.make()
        if not isinstance(destination, Paced):
            return
        while len(kit.chat.messages) < 100:
            try:
                await destination.send(MESSAGE)
                wait = destination.pace.rest
            except DestinationError as error:
                refused.append(error.status)
                wait = error.retry_after or 0.0
            now[0] += timedelta(seconds=wait)

    play(use, rate="known", now=lambda: now[0])
    assert refused in ([], [429])


@pytest.mark.parametrize(
    "fault", [html_error(500), html_error(502), html_error(504), html_error(408)], ids=lambda fault: fault.status
)
def test_an_error_page_of_a_proxy_is_worth_another_try(play: Any, fault: Say) -> None:
    async def use(kit: Any) -> None:
        error = await failed(kit, fault)
        assert (error.outcome, error.status) == ("retry", fault.status)

    play(use)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [({}, 60.0), ({"Retry-After": "soon"}, 60.0), ({"Retry-After": "-3"}, 60.0), ({"Retry-After": "99999"}, 3600.0)],
)
def test_a_time_to_wait_that_is_none_or_no_sane_one_is_replaced(play: Any, headers: dict[str, str], seconds: float) -> None:
    async def use(kit: Any) -> None:
        error = await failed(kit, Say(status=429, body=b"error code: 1015", headers=headers))
        assert (error.outcome, error.retry_after) == ("retry", seconds)

    play(use)


def test_the_platforms_own_limit_is_a_retry_with_its_time(play: Any) -> None:
    async def use(kit: Any) -> None:
        await kit.make().send(MESSAGE)
        error = await failed(kit)
        assert (error.outcome, error.status) == ("retry", 429)
        assert 29 < (error.retry_after or 0) <= 30

    assert len(play(use, rate=Rate(1, 30.0)).chat.messages) == 1


@pytest.mark.parametrize(
    "fault",
    [
        Hang(stage="before_reading"),
        Hang(),
        Hang(stage="after_storing"),
        Cut(stage="before_reading"),
        Cut(),
        Cut(stage="after_storing"),
        Garble(stage="after_storing"),
    ],
    ids=lambda fault: f"{type(fault).__name__} {fault.stage}",
)
def test_no_answer_is_unclear_for_a_new_message_and_a_retry_for_an_edit(play: Any, fault: Fault) -> None:
    async def use(kit: Any) -> None:
        error = await failed(kit, fault, timeout=SOON)
        assert (error.outcome, error.status) == ("unclear", None)
        if kit.edits:
            receipt = await kit.make().send(MESSAGE)
            assert (await failed(kit, fault, timeout=SOON, previous=receipt)).outcome == "retry"

    play(use)


def test_an_answer_that_means_nothing_here_is_unclear_for_a_new_message_and_a_retry_for_an_edit(play: Any) -> None:
    async def use(kit: Any) -> None:
        assert (await failed(kit, Say(status=101))).outcome == "unclear"
        if kit.edits:
            receipt = await kit.make().send(MESSAGE)
            assert (await failed(kit, Say(status=101), previous=receipt)).outcome == "retry"

    play(use)


def test_a_refused_connection_is_a_retry(play: Any) -> None:
    async def use(kit: Any) -> None:
        await kit.chat.stop()
        error = await failed(kit)
        assert (error.outcome, error.status) == ("retry", None)
        assert "nothing was sent" in str(error)

    play(use)


def test_a_closed_session_is_a_retry(play: Any) -> None:
    async def use(kit: Any) -> None:
        await kit.session.close()
        assert (await failed(kit)).outcome == "retry"

    assert play(use).chat.arrivals == []


def test_being_cancelled_is_being_cancelled_and_breaks_nothing(play: Any) -> None:
    async def use(kit: Any) -> None:
        destination = kit.make()
        kit.chat.script(Hang())
        sending = asyncio.create_task(destination.send(MESSAGE))
        while not kit.chat.arrivals:
            await asyncio.sleep(0.01)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        assert await destination.send(MESSAGE) == receipt_of(kit)

    play(use)


def test_a_slow_answer_in_time_is_an_answer(play: Any) -> None:
    async def use(kit: Any) -> None:
        kit.chat.script(Drip(seconds=0.0001))
        assert await kit.make().send(MESSAGE) == receipt_of(kit)

    play(use)


async def assert_unreadable(kit: Any, fault: Fault, timeout: float = 5.0) -> None:
    if kit.unreadable == "unclear":
        assert (await failed(kit, fault, timeout=timeout)).outcome == "unclear"
    else:
        kit.chat.script(fault)
        assert await kit.make(timeout=timeout).send(MESSAGE) == Receipt(platform=kit.platform)


def test_a_success_that_drips_until_time_is_up_ends_in_time(play: Any) -> None:
    async def use(kit: Any) -> None:
        begun = time.monotonic()
        await assert_unreadable(kit, Drip(seconds=2 * SOON), timeout=SOON)
        assert time.monotonic() - begun < 5 * SOON

    play(use)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>captive portal</html>",
        b"\xff\x00garbage",
        b'{"id": "\xff"}',
        b"[" * 70_000,
        b"x" * 5_000_000,
        b"[]",
        b"{}",
        b"null",
    ],
    ids=lambda body: f"{body[:9]!r} {len(body)}",
)
def test_a_success_without_a_readable_message_is_never_worth_a_blind_repeat(play: Any, body: bytes) -> None:
    async def use(kit: Any) -> None:
        await assert_unreadable(kit, Say(status=200, body=body))

    play(use)


@pytest.mark.parametrize(
    "body",
    [b"x" * 5_000_000, b"[" * 70_000, b"\xff", b'{"id": "\xff"}', b"{", b"[1]", b'{"error": {}, "code": [], "ok": 0}'],
)
@pytest.mark.parametrize(("status", "outcome"), [(400, "rejected"), (403, "permanent"), (429, "retry"), (500, "retry")])
def test_a_refusal_that_cannot_be_read_is_sorted_by_its_status(play: Any, status: int, outcome: str, body: bytes) -> None:
    async def use(kit: Any) -> None:
        error = await failed(kit, Say(status=status, body=body))
        assert (error.outcome, error.status) == (outcome, status)
        assert len(str(error)) < 300

    play(use)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_and_names_its_host_alone(play: Any, status: int) -> None:
    async def use(kit: Any) -> None:
        error = await failed(kit, redirect(kit.elsewhere, status))
        assert (error.outcome, error.status) == ("retry", status)
        assert "127.0.0.1" in str(error)
        assert kit.elsewhere not in str(error)

    kit = play(use)
    assert kit.chat.messages == []
    assert len(kit.chat.arrivals) == 1


def test_many_tasks_may_use_one_destination(play: Any) -> None:
    async def use(kit: Any) -> None:
        destination = kit.make()
        receipts = await asyncio.gather(*(destination.send(MESSAGE) for _ in range(10)))
        assert len({receipt.message_id for receipt in receipts}) == (10 if kit.edits else 1)

    assert len(play(use).chat.messages) == 10


def test_two_sends_at_once_do_not_mix_up_what_became_of_them(play: Any) -> None:
    async def use(kit: Any) -> None:
        destination = kit.make()
        kit.chat.script(kit.permanent)
        results = await asyncio.gather(*(destination.send(MESSAGE) for _ in range(2)), return_exceptions=True)
        assert sorted(type(result).__name__ for result in results) == ["DestinationError", "Receipt"]

    assert len(play(use).chat.messages) == 1


def test_a_proxy_in_the_environment_is_not_asked(play: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://user:password@127.0.0.1:{proxy.getsockname()[1]}")

        async def use(kit: Any) -> None:
            assert await kit.make(timeout=2.0).send(MESSAGE) == receipt_of(kit)

        play(use)
        proxy.setblocking(False)
        with pytest.raises(BlockingIOError):
            proxy.accept()


def test_no_log_line_and_no_repr_holds_a_secret_or_a_word_of_the_message(play: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def use(kit: Any) -> None:
        destination = kit.make()
        assert "announcements" in repr(destination)
        assert not [secret for secret in kit.secrets if secret in repr(destination) + str(vars(destination))]
        faults = (
            Cut(),
            Hang(),
            Garble(),
            html_error(),
            redirect(kit.elsewhere),
            cloudflare_block(),
            kit.permanent,
            kit.rejected,
        )
        for fault in faults:
            await failed(kit, fault, timeout=SOON)
        receipt = await destination.send(MESSAGE)
        if kit.edits:
            await destination.send(EDITED, previous=receipt)

    kit = play(use)
    assert caplog.records
    assert not [secret for secret in (*kit.secrets, kit.elsewhere, SAID) if secret in caplog.text]
