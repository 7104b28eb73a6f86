"""Celery and dramatiq with requests, as a program would send webhooks with them: ``benchmarks.sender`` starts their workers.

With ``SESSION`` set, connections are kept, which few programs do.
"""

from __future__ import annotations

import os
from functools import cache

import dramatiq
import requests
from celery import Celery
from dramatiq.brokers.redis import RedisBroker

from benchmarks.measure import SECRET, golden
from perscom_receiver import sign

URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/9")

app = Celery("peers", broker=URL, backend=URL)  # its results are the log of attempts
app.conf.update(task_acks_late=True, worker_prefetch_multiplier=1, result_expires=60, worker_hijack_root_logger=False)
broker = RedisBroker(url=URL, namespace="benchmark")
dramatiq.set_broker(broker)


@cache
def _body() -> bytes:
    return golden("rankrecord_created")[1]


@cache
def _session() -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=100))
    return session


def _post(url: str) -> int:
    headers = {"Signature": sign(_body(), SECRET), "Content-Type": "application/json"}
    post = _session().post if os.environ.get("SESSION") else requests.post
    answer = post(url, data=_body(), headers=headers, timeout=10)
    answer.raise_for_status()
    return answer.status_code


@app.task(name="deliver")  # type: ignore[untyped-decorator]
def celery_deliver(url: str) -> int:
    """One delivery."""
    return _post(url)


@dramatiq.actor(max_retries=3)
def dramatiq_deliver(url: str) -> None:
    """One delivery."""
    _post(url)
