"""Verification and parsing against one-shot HMAC and against the verifiers of others."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from time import time

from benchmarks.measure import SECRET, golden, side_by_side, table, times
from perscom_receiver import Event, Verifier, sign


def main() -> None:
    """Print one table for each size."""
    for name, calls in (("webhook_test_default", 4000), ("rankrecord_created", 3000), ("combatrecord_created_long", 500)):
        headers, body = golden(name)
        cases = _cases(headers, body) | _peers(body)
        table(f"verify, {len(body)} bytes ({name})", side_by_side({name: times(case) for name, case in cases.items()}, calls))


def _cases(headers: dict[str, str], body: bytes) -> dict[str, Callable[[], object]]:
    key, signature = SECRET.encode(), headers["Signature"]
    verifier = Verifier(SECRET)
    (secret,) = verifier.secrets
    pairs = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    return {
        "one-shot hmac.digest + compare_digest": lambda: hmac.compare_digest(hmac.digest(key, body, "sha256").hex(), signature),
        "ours: prepared check alone": lambda: hmac.compare_digest(secret.sign(body), signature),
        "ours: check + parse (Verifier.check)": lambda: verifier.check(signature, body),
        "ours: check + parse and its id": lambda: verifier.check(signature, body).id,
        "ours: headers + check + parse (Verifier.event)": lambda: verifier.event(pairs, body),
        "ours: Verifier.event and its id": lambda: verifier.event(pairs, body).id,
        "ours: Event.parse alone": lambda: Event.parse(body),
        "hmac.new(...).hexdigest()": lambda: hmac.compare_digest(hmac.new(key, body, hashlib.sha256).hexdigest(), signature),
    }


def _peers(body: bytes) -> dict[str, Callable[[], object]]:
    """Each peer checks the same bytes in its own scheme."""
    import stripe
    from gidgethub.sansio import validate_event
    from slack_sdk.signature import SignatureVerifier
    from standardwebhooks.webhooks import Webhook
    from svix.webhooks import Webhook as SvixWebhook
    from webhook_utils.crypto import compare_sha256_signature, generate_sha256_signature

    stamp = str(int(time()))
    text = body.decode()
    github = "sha256=" + sign(body, SECRET)
    slack = SignatureVerifier(SECRET)
    slack_signature = slack.generate_signature(timestamp=stamp, body=body)
    standard = Webhook(b64encode(SECRET.encode()).decode())
    svix = SvixWebhook(b64encode(SECRET.encode()).decode())
    signed = standard.sign("msg_1", datetime.fromtimestamp(int(stamp), UTC), text)
    standard_headers = {"webhook-id": "msg_1", "webhook-timestamp": stamp, "webhook-signature": signed}
    svix_headers = {"svix-id": "msg_1", "svix-timestamp": stamp, "svix-signature": signed}
    stripe_header = f"t={stamp},v1=" + sign(f"{stamp}.{text}".encode(), SECRET)
    utils = generate_sha256_signature(SECRET.encode(), body)
    return {
        "gidgethub": lambda: validate_event(body, signature=github, secret=SECRET),
        "webhook-utils": lambda: compare_sha256_signature(SECRET.encode(), body, utils),
        "slack-sdk": lambda: slack.is_valid(body, stamp, slack_signature),
        "standardwebhooks": lambda: standard.verify(text, standard_headers),
        "svix": lambda: svix.verify(text, svix_headers),
        "stripe": lambda: stripe.WebhookSignature.verify_header(text, stripe_header, SECRET, 300),
    }
