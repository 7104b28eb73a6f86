"""Verify only: your code runs for genuine calls and for nothing else.

Run it:

    PERSCOM_WEBHOOK_SECRET=... uvicorn fastapi_receiver:app
"""

import os
from typing import Annotated

from fastapi import Depends, FastAPI

from perscom_receiver import Event
from perscom_receiver.starlette import SignatureMiddleware, current_event

app = FastAPI()
app.add_middleware(SignatureMiddleware, secrets=[os.environ["PERSCOM_WEBHOOK_SECRET"]])


@app.post("/webhooks/perscom")
async def perscom(event: Annotated[Event, Depends(current_event)]) -> dict[str, str]:
    """Only verified events come here. PERSCOM waits 3 s and tries three times: event.id tells a repeat."""
    print(f"got {event.name}", flush=True)
    return {"got": event.name}
