"""What users' type checkers must infer. Never run: test_public_api.py hands this file to mypy.

A line that must be an error carries an ignore of exactly that error; strict mode complains about ignores that are not needed.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, assert_never, assert_type
from wsgiref.types import WSGIApplication

from fastapi import Depends, FastAPI
from flask import Blueprint, Flask
from msgspec import UnsetType
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

import perscom_receiver.asgi
import perscom_receiver.flask
import perscom_receiver.starlette
import perscom_receiver.wsgi
from perscom_adapters import (
    LANGUAGES,
    Directory,
    Mention,
    Message,
    Paragraph,
    Struck,
    Text,
    continued,
    group_key,
    names,
    names_of,
    plain,
    render,
    render_digest,
    render_group,
    render_late,
    reworded,
    struck,
)
from perscom_receiver import (
    EVENT_NAMES,
    UNSET,
    AssignmentRecord,
    AwardRecord,
    Calendar,
    CalendarEvent,
    CombatRecord,
    ConfigurationError,
    Context,
    DestinationError,
    Done,
    Event,
    Group,
    Handler,
    MalformedEvent,
    Missed,
    PerscomError,
    PerscomMessage,
    Purged,
    QualificationRecord,
    RankRecord,
    Receiver,
    Record,
    Refusal,
    Related,
    RetryPolicy,
    Router,
    Secret,
    Secrets,
    ServiceRecord,
    SQLiteInbox,
    Submission,
    Told,
    User,
    VerificationError,
    Verifier,
    Worker,
    explain,
    php_json,
    sign,
    verify,
)
from perscom_receiver.queue import Claim, Connection, Database, Queue, Restored
from perscom_receiver.testing import make_event, sample, signed_request
from perscom_receiver.testing.queue_suite import QueueSuite, Store
from perscom_sender import Answer, Attempt, Automation, Breaking, Delivery, Run, Schedule, Sender, SignedRequest, Subscription

body = b"{}"

# Signing and checking
assert_type(sign(body, "secret"), str)
assert_type(sign(body, b"secret"), str)
verify(body, "0" * 64, "one")
verify(body, None, "one", b"two", Secret("three", name="new"), ["four", b"five"])
assert_type(explain({"Signature": "0" * 64}, body, "one", method="GET", query=True, known=["two"]).sentences, tuple[str, ...])
sign("text", "secret")  # type: ignore[arg-type]
sign(body, None)  # type: ignore[arg-type]
verify(body, b"0" * 64, "one")  # type: ignore[arg-type]
verify(body, "0" * 64, 5)  # type: ignore[arg-type]
several: Secrets = ["one", b"two", Secret("three")]
assert_type(Secret("three", valid_until=datetime.now(UTC)).valid_until, datetime | None)
secret = os.environ["PERSCOM_WEBHOOK_SECRET"]
lone: Secrets = secret
wrong: Secrets = 5  # type: ignore[assignment]

# Verifier
verifier = Verifier(several, lone, max_age=timedelta(minutes=10), now=lambda: datetime.now(UTC))
assert_type(verifier.secrets, tuple[Secret, ...])
event = verifier.event({"Signature": "0" * 64}, body)
verifier.event([("Signature", "0" * 64)], body)
verifier.event([(b"signature", b"0" * 64)], body)
verifier.event({b"signature": b"0" * 64}, body)
verifier.event({"Signature": "0" * 64}, "text")  # type: ignore[arg-type]
verifier.event("Signature: 0", body)  # type: ignore[arg-type]

# Event
assert_type(event, Event)
assert_type(Event.parse(body), Event)
assert_type(event.id, str)
assert_type(event.name, str)
assert_type(event.resource, str)
assert_type(event.action, str)
assert_type(event.created, datetime)
assert_type(event.request_id, str | None)
assert_type(event.trace_id, str | None)
assert_type(event.secret_name, str | None)
assert_type(event.old_secret, bool)
assert_type(event.data, object)
assert_type(event.changes, Mapping[str, object])
assert_type(event.body, bytes)
event.name = "user.created"  # type: ignore[misc]
event.changes["name"] = "x"  # type: ignore[index]
assert_type(len(EVENT_NAMES), int)
assert_type(php_json({"a": [1, 2.5, None]}), bytes)

# What it is about
assert_type(event.user, User | None)
assert_type(event.record, Record | None)
assert_type(event.calendar, Calendar | None)
assert_type(event.calendar_event, CalendarEvent | None)
assert_type(event.message, PerscomMessage | None)
assert_type(event.submission, Submission | None)
assert_type(event.template, dict[str, object] | list[object] | None)
assert_type(event.problems, tuple[str, ...])
str(event.user.name)  # type: ignore[union-attr]
if event.user is not None:
    assert_type(event.user.id, int | UnsetType)
    assert_type(event.user.phone_number, str | UnsetType | None)
    assert_type(event.user.last_seen_at, datetime | UnsetType | None)
    assert_type(event.user.rank, Related | UnsetType | None)
    assert_type(event.user.extra, Mapping[str, object])
    assert_type(event.user.name or "somebody", str)
    if event.user.approved is not UNSET:
        assert_type(event.user.approved, bool)
    if event.user.rank:
        assert_type(event.user.rank.name, str | UnsetType)
    str(event.user.nmae)  # type: ignore[attr-defined]
    event.user.name = "x"  # type: ignore[misc]
    event.user.extra["call_sign"] = "x"  # type: ignore[index]
if event.record is not None:
    assert_type(event.record.user, User | UnsetType | None)
    str(event.record.rank_id)  # type: ignore[union-attr]
if event.message is not None:
    assert_type(event.message.recipients, tuple[int, ...] | UnsetType | None)
User(id=7, name="Reyes")
User(id="7")  # type: ignore[arg-type]


def kind(record: Record) -> str | int | UnsetType | None:
    match record:
        case RankRecord():
            return assert_type(record.type, int | UnsetType)
        case AssignmentRecord():
            return assert_type(record.type, str | UnsetType)
        case AwardRecord():
            return assert_type(record.award_id, int | UnsetType | None)
        case QualificationRecord():
            return assert_type(record.qualification_id, int | UnsetType | None)
        case CombatRecord() | ServiceRecord():
            return assert_type(record.text, str | UnsetType | None)
        case _:
            assert_never(record)


# Errors
assert_type(VerificationError("x").status, int)
assert_type(MalformedEvent("x").answer, str)
assert_type(DestinationError("x", outcome="retry").retry_after, float | None)
DestinationError("x", outcome="never")  # type: ignore[arg-type]
assert_type(DestinationError("x", outcome="retry", retry_after=1, pace="chat/bot/").pace, str | None)
assert_type(Done(receipt=None, rest=1.5, flaw="half of it").rest, float)
tree: list[type[PerscomError]] = [VerificationError, MalformedEvent, Refusal, ConfigurationError, DestinationError]

# Router, Receiver, Worker
router = Router()


@router.on("rankrecord.created")
async def congratulate(event: Event) -> None: ...


@router.on("user.*", name="note", when=lambda event: event.request_id is not None)
def note(event: Event) -> int:
    return len(event.body)


@router.on("*", retry=RetryPolicy(first=60), concurrency=2, hold=True, repeat_unclear=False)
async def mirror(event: Event, context: Context) -> RetryPolicy | None:
    return context.previous(RetryPolicy)


def three(event: Event, context: Context, more: str) -> None: ...


@router.on("*", name="grouped", group=lambda event: Group(event.request_id, window=5) if event.request_id else None)
def together(event: Event, context: Context) -> int:
    assert_type(context.others, tuple[Event, ...])
    assert_type(context.told, tuple[Told, ...])
    return 1 + len(context.others)


assert_type(note(event), int)
assert_type(router.handlers, tuple[Handler, ...])
assert_type(router.matching(event), tuple[Handler, ...])
router.on(5)  # type: ignore[arg-type]
router.on("*")(5)  # type: ignore[type-var]
router.on("*")(three)  # type: ignore[type-var]
router.on("*", name="a lambda")(lambda event: event.id)
Handler(key="a lambda", call=lambda event, context: context.attempt, patterns=("*",))

inbox = SQLiteInbox("inbox.db")
assert_type(inbox.add(event), bool)
receiver = Receiver("one", ["two"], inbox=inbox, max_body=2**20)
Receiver("one")  # type: ignore[call-arg]
Receiver("one", inbox="inbox.db")  # type: ignore[arg-type]
worker = Worker(inbox, router, around=Flask(__name__).app_context)
Worker(inbox, router, around="app")  # type: ignore[arg-type]
assert_type(RetryPolicy().delay(1, age=0, chance=0.5), float | None)


async def store() -> None:
    assert_type(await inbox.aadd(event), bool)


# Backups, and forgetting
def show(done: int, total: int) -> None: ...


database = inbox.database
assert_type(database, Database)
database.backup("monday.db")
database.backup(Path("monday.db"), progress=show)
database.backup("monday.db", show)  # type: ignore[call-arg]
restored = database.restore("monday.db", progress=show)
assert_type(restored, Restored)
assert_type(restored.newest, float | None)
assert_type(restored.waiting, int)
assert_type(restored.replaced, Path | None)
assert_type(restored.since, int | None)
assert_type(database.rewrite(), bool)
missed = inbox.missed("discord", lambda event: event.name == "webhook.test", since=0.0)
assert_type(missed, Missed)
assert_type((missed.rows, missed.gone), tuple[tuple[int, ...], int])
assert_type(inbox.replay("discord", missed.rows), int)
purged = inbox.purge_user(7)
assert_type(purged, Purged)
assert_type((purged.events, purged.dropped, purged.overwritten), tuple[int, int, bool])
inbox.purge_user("7")  # type: ignore[arg-type]
purged.events = 0  # type: ignore[misc]


# The queue
def claim(connection: Connection) -> Claim | None:
    return Queue("default", "inbox").claim(connection, 0, 30, 10)


assert_type(database.write(claim), Claim | None)
assert_type(database.read(Queue("default", "inbox").next_ready), float | None)


# Starlette and FastAPI
endpoint = perscom_receiver.starlette.webhook_app(receiver)
assert_type(endpoint, ASGIApp)


async def handler(request: Request) -> None:
    assert_type(perscom_receiver.starlette.current_event(request), Event)


starlette_app = Starlette(
    routes=[Route("/webhooks/perscom", endpoint), Mount("/hooks", app=endpoint)],
    middleware=[Middleware(perscom_receiver.starlette.SignatureMiddleware, secrets=lone, path=None)],
)
starlette_app.add_middleware(perscom_receiver.starlette.SignatureMiddleware, secrets=several, max_body=2**20)
Starlette(lifespan=worker.lifespan)
starlette_app.add_middleware(perscom_receiver.starlette.SignatureMiddleware, secrets=lone, standard=True)
starlette_app.add_middleware(perscom_receiver.starlette.SignatureMiddleware)  # type: ignore[call-arg]
wrapped: ASGIApp = perscom_receiver.starlette.SignatureMiddleware(starlette_app, secrets="one", max_age=timedelta(hours=1))

fastapi_app = FastAPI(lifespan=worker.lifespan)
fastapi_app.add_middleware(perscom_receiver.starlette.SignatureMiddleware, secrets=[secret])


@fastapi_app.post("/webhooks/perscom")
async def perscom(event: Annotated[Event, Depends(perscom_receiver.starlette.current_event)]) -> dict[str, str]:
    return {"got": event.name}


# Flask
flask_app = Flask(__name__)
assert_type(perscom_receiver.flask.webhook_blueprint(receiver), Blueprint)
flask_app.register_blueprint(perscom_receiver.flask.webhook_blueprint(receiver, path="/hooks/perscom"))
flask_app.wsgi_app = perscom_receiver.flask.SignatureMiddleware(flask_app.wsgi_app, secrets=lone)  # type: ignore[method-assign]
perscom_receiver.flask.SignatureMiddleware(flask_app.wsgi_app)  # type: ignore[call-arg]
assert_type(perscom_receiver.flask.current_event(), Event)
perscom_receiver.flask.webhook_blueprint(receiver, worker=worker)
perscom_receiver.flask.Perscom(router).init_app(flask_app)
perscom_receiver.flask.Perscom(flask_app)  # type: ignore[arg-type]

# Other frameworks
asgi_app: ASGIApp = perscom_receiver.asgi.SignatureMiddleware(starlette_app, secrets=lone)
assert_type(perscom_receiver.asgi.webhook_app(receiver), ASGIApp)
assert_type(perscom_receiver.asgi.current_event({}), Event)
wsgi_app: WSGIApplication = perscom_receiver.wsgi.webhook_app(receiver)
assert_type(perscom_receiver.wsgi.current_event({}), Event)


# Messages
class Board:
    """A directory of a user's own."""

    def name(self, resource: str, key: int, /) -> str | None:
        return "Sergeant" if resource == "rank" else None

    def old(self, kind: str, user_id: int, /) -> str | None:
        return None

    def image(self, resource: str, key: int | None, name: str | None, /) -> str | None:
        return None


board: Directory = Board()
assert_type(LANGUAGES, tuple[str, ...])
message = render(event, board, language=LANGUAGES[0], timezone=UTC, show=["answers"])
assert_type(message, Message | None)
assert_type(render_group([event], board, reword=lambda message, event: reworded(message, title=event.name)), Message | None)
assert_type(render_late([event], event), Message | None)
assert_type(render_late([event], [event, event], board, language="de"), Message | None)
assert_type(render_digest(iter([event])), Message | None)
assert_type(group_key(event), str | None)
assert_type(names(event, board, language="fr"), Mapping[str, str])
assert_type(names_of("promotion"), tuple[str, ...])
render(event, "board")  # type: ignore[arg-type]
render(event, board, "de")  # type: ignore[call-arg]
render_group(event)  # type: ignore[arg-type]
if message is not None:
    assert_type(reworded(message, title="Promoted!", body=None), Message)
    assert_type(struck(message), Message)
    assert_type(continued(message, lambda part: len(plain(part)) < 2000), tuple[Message, ...])
    message.title = "x"  # type: ignore[misc]
pinged = Message(word="test", title="t", blocks=(Paragraph((Struck((Text("no"),)),)),), mentions=(Mention("user", "1"),))
assert_type(pinged.mentions[0].id, str)
Mention("everyone", "1")  # type: ignore[arg-type]
Struck("no")  # type: ignore[arg-type]

# Testing
assert_type(signed_request("rankrecord.created", secret="0123456789abcdef", user_id=7), tuple[dict[str, str], bytes])
assert_type(make_event("rankrecord.created"), Event)
sample("rankrecord.created")["data"]

# Sending
sender = Sender("sender.db", allow=["10.0.0.0/8"], breaking=Breaking(after=3), notice=lambda notice: notice.subscription.id)
assert_type(
    sender.subscriptions.add("https://example.org", "a secret", ["Records"], schedule=Schedule((10, 100))), Subscription
)
assert_type(sender.log.attempts(1), list[Attempt])
assert_type(sender.log.deliveries(state="failed"), list[Delivery])
sender.log.deliveries(state="lost")  # type: ignore[arg-type]
assert_type(sender.automations.add("user.updated", subscription=1, template={"id": "{{ model.id }}"}), Automation)
assert_type(sender.automations.runs(event=1, outcome="failed"), list[Run])
sender.automations.runs(outcome="lost")  # type: ignore[arg-type]
Delivery().state = "waiting"  # type: ignore[call-arg, misc]


async def send() -> None:
    assert_type(await sender.publish("order.paid", {"id": 1}, key="order/1"), int)
    await sender.publish("order.paid", {}, priority=1)  # type: ignore[call-arg]


class Silent:
    async def send(self, request: SignedRequest, *, timeout: float) -> Answer:
        return Answer(204, {})

    async def close(self) -> None: ...


Sender("sender.db", transport=Silent())
Sender("sender.db", transport=Silent)  # type: ignore[arg-type]


class File:
    def __init__(self, folder: Path) -> None:
        self.path = folder / "queue.db"

    def open(self) -> Database:
        return Database(self.path)


class TestFile(QueueSuite):
    def new_store(self, folder: Path) -> Store:
        return File(folder)  # type: ignore[return-value]  # it has no foreign and no crash
