"""What is sent: signed as PERSCOM signs, over exactly these bytes, with Standard Webhooks beside it; judged by others."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import logging
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from endpoints import Endpoint
from hypothesis import assume, given
from hypothesis import strategies as st
from php import Php
from sending import running, until

from perscom_receiver import ConfigurationError, Secret, StandardVerifier, Verifier
from perscom_receiver.testing import make_event
from perscom_sender import Sender
from perscom_sender.signing import SignedRequest, Signer, new_secret

GOLDEN: list[dict[str, Any]] = json.loads((Path(__file__).resolve().parents[1] / "vectors" / "requests.json").read_bytes())
GENUINE = [request for request in GOLDEN if request["valid"]]
SECRET, OLD = "9mK2pQ7vX4nL8sT1wZ6bR3yC5dF0gH2j", "the secret before this one"
URL = "https://shop.example/hooks?token=of-a-customer"
BODY = make_event("rankrecord.created").body
NOW = datetime(2026, 3, 2, 19, 8, 10, tzinfo=UTC)


def post(signer: Signer, body: bytes = BODY, now: datetime = NOW) -> SignedRequest:
    return signer.request("POST", URL, body, message_id="evt_1", now=now)


@pytest.mark.parametrize("golden", GENUINE, ids=lambda request: request["name"])
def test_it_signs_as_a_real_php_did(golden: dict[str, Any]) -> None:
    body = base64.b64decode(golden["body_base64"])
    if not body:
        pytest.skip("nothing is signed that has no body")
    request = post(Signer(golden["secret"]), body)
    assert (request.headers["Signature"], request.body) == (golden["headers"]["Signature"], body)


@pytest.fixture(scope="module")
def php() -> Iterator[Php]:
    process = Php("$body, $secret", "return hash_hmac('sha256', $body, $secret);")
    yield process
    process.close()


@pytest.mark.parametrize("golden", GENUINE, ids=lambda request: request["name"])
def test_php_finds_our_signature_of_a_golden_body(php: Php, golden: dict[str, Any]) -> None:
    body = base64.b64decode(golden["body_base64"])
    for secret in (golden["secret"], "Größe 🎖", f" {SECRET}:\\"):
        assert post(Signer(secret), body).headers["Signature"] == php(body, secret.encode())


@given(st.binary(max_size=300), st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=100))
def test_php_finds_our_signature_of_any_body_under_any_secret(php: Php, body: bytes, secret: str) -> None:
    assume(secret.strip())
    assert post(Signer(secret), body).headers["Signature"] == php(body, secret.encode())


def test_without_standard_there_is_what_perscom_sends_and_nothing_more() -> None:
    request = post(Signer(SECRET))
    assert request == SignedRequest(
        method="POST",
        url=URL,
        headers={"Content-Type": "application/json", "Signature": hmac.new(SECRET.encode(), BODY, hashlib.sha256).hexdigest()},
        body=BODY,
    )
    assert "token" not in repr(request)


def test_with_standard_both_forms_prove_the_same_bytes() -> None:
    request = post(Signer(SECRET, standard=True))
    assert Verifier(SECRET).event(request.headers, request.body).body == BODY
    assert StandardVerifier(SECRET, now=lambda: NOW).event(request.headers, request.body).body == BODY


def test_every_attempt_has_its_own_moment_and_all_else_the_same() -> None:
    signer = Signer(SECRET, standard=True)
    first, late = post(signer), post(signer, now=NOW + timedelta(days=3))
    assert {name for name in first.headers if first.headers[name] != late.headers[name]} == {
        "webhook-timestamp",
        "webhook-signature",
    }
    assert first.body == late.body


def test_while_a_secret_changes_the_newest_signs_perscoms_form_and_both_the_other() -> None:
    end = NOW + timedelta(days=1)
    signer = Signer(SECRET, Secret(OLD, valid_until=end), standard=True)
    during, after = post(signer), post(signer, now=end + timedelta(seconds=1))
    for request in (during, after):
        assert Verifier(SECRET).event(request.headers, request.body)
    assert StandardVerifier(OLD, now=lambda: NOW).event(during.headers, during.body)
    assert StandardVerifier(SECRET, now=lambda: NOW).event(during.headers, during.body)
    assert during.headers["webhook-signature"].split(" ")[1] not in after.headers["webhook-signature"]
    assert after.headers["webhook-signature"].count("v1,") == 1


@pytest.mark.parametrize(
    ("secrets", "standard", "words"),
    [
        ((), False, "At least one"),
        (("",), False, "blank"),
        ((Secret(SECRET, valid_until=NOW), OLD), False, "no valid_until"),
        (("whsec_this is none",), True, "base64"),
    ],
)
def test_what_cannot_work_is_refused_when_it_is_made(secrets: tuple[Any, ...], standard: bool, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        Signer(*secrets, standard=standard)


def test_in_perscoms_form_whsec_is_a_text_like_any_other() -> None:
    assert Verifier("whsec_this is none").event(post(Signer("whsec_this is none")).headers, BODY)


def test_a_new_secret_is_one_for_both_forms(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    library = pytest.importorskip("standardwebhooks.webhooks")
    secret = new_secret()
    assert secret != new_secret()
    request = post(Signer(secret, standard=True), now=datetime.now(UTC))
    library.Webhook(secret).verify(request.body, request.headers)
    assert Verifier(secret).event(request.headers, request.body)
    assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 32
    assert not caplog.records


def test_get_is_signed_like_a_post_and_has_no_body() -> None:
    request = Signer(SECRET, standard=True).request("GET", URL, BODY, message_id="evt_1", now=NOW)
    assert request.headers == post(Signer(SECRET)).headers
    assert request.body == b""
    assert request.url.startswith("https://shop.example/hooks?event=rankrecord.created&request_id=")
    assert "token" not in request.url


def test_the_library_of_standard_webhooks_verifies_what_arrives_through_a_change_of_the_secret(
    make: Callable[..., Sender], php: Php
) -> None:
    webhooks = pytest.importorskip("standardwebhooks.webhooks")
    old, new, strangers = new_secret(), new_secret(), new_secret()
    sender = make(now=time.time)

    async def main() -> None:
        async with Endpoint() as endpoint, running(sender):
            number = sender.subscriptions.add(endpoint.url, old, ["*"], standard=True).id

            async def arrived() -> tuple[dict[str, str], bytes, set[str]]:
                """What comes next, and which of the secrets it is good for."""
                count = len(endpoint.requests)
                await sender.publish("order.paid", {"id": count, "text": "Größe / 😀"})
                await until(lambda: len(endpoint.requests) > count)
                headers, body = endpoint.requests[-1]
                good = set()
                for secret in (old, new, strangers):
                    try:
                        assert webhooks.Webhook(secret).verify(body, headers)["data"]["text"] == "Größe / 😀"
                        good.add(secret)
                    except webhooks.WebhookVerificationError:
                        continue
                return headers, body, good

            headers, body, good = await arrived()
            assert (headers["Signature"], good) == (php(body, old.encode()), {old})
            sender.subscriptions.rotate(number, new, overlap=3600)
            headers, body, good = await arrived()
            assert (headers["Signature"], good) == (php(body, new.encode()), {old, new})
            assert StandardVerifier(old).event(headers, body).name == "order.paid"
            sender.subscriptions.rotate(number, new, overlap=0)
            headers, body, good = await arrived()
            assert (headers["Signature"], good) == (php(body, new.encode()), {new})

    asyncio.run(main())


def test_what_the_library_signs_our_receiver_verifies() -> None:
    webhooks = pytest.importorskip("standardwebhooks.webhooks")
    secret, now = new_secret(), datetime.now(UTC)
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": webhooks.Webhook(secret).sign("msg_1", now, BODY.decode()),
    }
    assert StandardVerifier(new_secret(), secret).event(headers, BODY).body == BODY
