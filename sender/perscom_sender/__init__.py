"""Sending signed events. Today: how PERSCOM writes and signs a body, byte for byte.

    body = php_json({"event": "webhook.test", "created": "2026-11-24T08:00:00.000000Z", "data": {"status": "ok"}})
    headers = {"Content-Type": "application/json", "Signature": sign(body, secret)}

Subscriptions, delivery and retries follow in a later version.
"""

from perscom_receiver import is_public_address, php_json, sign

__all__ = ["is_public_address", "php_json", "sign"]
