"""Send an event the way PERSCOM does: to try out a receiver, or to feed one from your own system.

Run it:

    PERSCOM_WEBHOOK_SECRET=... python send.py http://127.0.0.1:8000/webhooks/perscom rankrecord.created
"""

import http.client
import os
import sys
from urllib.parse import urlsplit

from perscom_receiver.testing import signed_request


def main(url: str, name: str) -> int:
    """POST one signed sample; 0 when it was taken, 1 when not."""
    headers, body = signed_request(name, os.environ["PERSCOM_WEBHOOK_SECRET"])
    parts = urlsplit(url)
    connect = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = connect(parts.netloc, timeout=3)  # as long as PERSCOM waits
    connection.request("POST", parts.path or "/", body, headers)
    answer = connection.getresponse()
    print(f"{name}: {answer.status} {answer.reason} {answer.read(500).decode(errors='replace')}")
    return 0 if 200 <= answer.status < 300 else 1


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1], sys.argv[2]))
