"""Never lose an event, with Django: a guarded view stores, a process of its own handles.

Run it, with one of the two servers:

    PERSCOM_WEBHOOK_SECRET=... uvicorn django_receiver:asgi_app
    PERSCOM_WEBHOOK_SECRET=... gunicorn --workers 4 --preload django_receiver:wsgi_app
    PERSCOM_WEBHOOK_SECRET=... perscom-bridge work django_receiver:worker
"""

import os

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import re_path
from django.views.decorators.csrf import csrf_exempt

from perscom_receiver import Event, Refusal, Router, SQLiteInbox, Worker, asgi, wsgi

inbox = SQLiteInbox(os.environ.get("INBOX", "inbox.db"))
router = Router()


@router.on("rankrecord.created")
def congratulate(event: Event) -> None:
    """Called once for each event; again, with the same event.id, if it failed or was cut off."""
    print(f"handled {event.name} of {event.created:%H:%M:%S} UTC", flush=True)


worker = Worker(inbox, router)  # a management command would be: worker.run_forever()


@csrf_exempt  # PERSCOM has no session; its signature was checked instead
def perscom(request: HttpRequest) -> HttpResponse:
    try:
        event = asgi.current_event(request.scope) if hasattr(request, "scope") else wsgi.current_event(request.META)
        return HttpResponse(status=202 if inbox.add(event) else 200)
    except Refusal as refusal:  # nothing guards this path, or the disk is full: PERSCOM tries again
        return HttpResponse(refusal.answer, status=refusal.status)


# In a project of yours these are settings.py, urls.py, asgi.py and wsgi.py. Both spellings of the path: a redirect would turn
# PERSCOM's POST into an empty GET.
settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY=os.urandom(32).hex())
urlpatterns = [re_path("^webhooks/perscom/?$", perscom)]
asgi_app = asgi.SignatureMiddleware(get_asgi_application(), secrets=os.environ["PERSCOM_WEBHOOK_SECRET"])
wsgi_app = wsgi.SignatureMiddleware(get_wsgi_application(), secrets=os.environ["PERSCOM_WEBHOOK_SECRET"])
