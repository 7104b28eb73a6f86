"""The ASGI app that test_sockets.py runs in uvicorn: a guarded handler and a storing endpoint."""

import json
import os
from hashlib import sha256

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

import perscom_receiver.asgi
from perscom_receiver import Receiver, SQLiteInbox
from perscom_receiver.starlette import SignatureMiddleware, current_event, webhook_app

SECRETS = json.loads(os.environ["TEST_SECRETS"])
MAX_BODY = int(os.environ["TEST_MAX_BODY"])

perscom_receiver.asgi.BODY_WITHIN = 1.0  # type: ignore[attr-defined]  # seconds: no test can wait for ten


async def guarded(request: Request) -> JSONResponse:
    event = current_event(request)
    return JSONResponse({"id": event.id, "read": sha256(await request.body()).hexdigest()})


endpoint = webhook_app(Receiver(*SECRETS, inbox=SQLiteInbox(os.environ["TEST_INBOX"]), max_body=MAX_BODY))
app = Starlette(
    routes=[Route("/guarded", guarded, methods=["POST"]), Route("/stored", endpoint)],
    middleware=[Middleware(SignatureMiddleware, secrets=SECRETS, path="/guarded", max_body=MAX_BODY)],
)
