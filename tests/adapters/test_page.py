"""``import perscom_adapters``: what it offers, and what it does not load."""

from __future__ import annotations

import subprocess
import sys

import perscom_adapters


def test_the_public_page_needs_no_chat_library_and_no_http_client() -> None:
    script = "import perscom_adapters, sys; print(*sorted(m.partition('.')[0] for m in sys.modules))"
    loaded = set(subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout.split())
    assert "perscom_adapters" in loaded
    assert not loaded & {"discord_webhook", "slack_sdk", "telegram", "aiohttp", "httpx", "requests", "urllib3"}


def test_the_public_page_exports_what_it_lists() -> None:
    public = {name for name in vars(perscom_adapters) if not name.startswith("_")}
    modules = {name for name in public if isinstance(getattr(perscom_adapters, name), type(sys))}
    assert public - modules == set(perscom_adapters.__all__)
