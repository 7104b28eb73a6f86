"""The WSGI app that test_sockets.py runs in gunicorn: a guarded view and a storing endpoint. It is made before the fork."""

import json
import os
from hashlib import sha256

from flask import Flask, Response, request

from perscom_receiver import Receiver, SQLiteInbox
from perscom_receiver.flask import SignatureMiddleware, current_event, webhook_blueprint

SECRETS = json.loads(os.environ["TEST_SECRETS"])
MAX_BODY = int(os.environ["TEST_MAX_BODY"])

app = Flask(__name__)


@app.post("/guarded")
def guarded() -> dict[str, str]:
    return {"id": current_event().id, "read": sha256(request.get_data()).hexdigest()}


@app.after_request
def name_the_worker(response: Response) -> Response:
    response.headers["X-Worker"] = str(os.getpid())
    return response


inbox = SQLiteInbox(os.environ["TEST_INBOX"])
app.register_blueprint(webhook_blueprint(Receiver(*SECRETS, inbox=inbox, max_body=MAX_BODY), path="/stored"))
app.wsgi_app = SignatureMiddleware(app.wsgi_app, secrets=SECRETS, path="/guarded", max_body=MAX_BODY)  # type: ignore[method-assign]
