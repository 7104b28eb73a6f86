"""Who may speak to a NATS, made for a test: keys of its own kind, a file of credentials, and a small authority for TLS."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import nkeys
from nacl.signing import SigningKey

__all__ = ["Authority", "Key", "credentials"]


class Key(NamedTuple):
    """A key pair as NATS writes it."""

    seed: bytes
    public: str
    signing: SigningKey

    @classmethod
    def new(cls, kind: int) -> Key:
        """``kind`` is one of ``nkeys.PREFIX_BYTE_…``."""
        seed = os.urandom(32)
        encoded = nkeys.encode_seed(seed, kind)
        return cls(encoded, nkeys.from_seed(bytearray(encoded)).public_key.decode(), SigningKey(seed))

    def token(self, subject: str, name: str, claims: dict[str, Any]) -> str:
        """A JWT that this key signs, about the key ``subject``."""
        payload: dict[str, Any] = {"iat": 1, "iss": self.public, "name": name, "sub": subject, "nats": claims | {"version": 2}}
        payload["jti"] = base64.b32encode(hashlib.sha256(json.dumps(payload).encode()).digest()).decode().rstrip("=")
        head = f"{_part({'typ': 'JWT', 'alg': 'ed25519-nkey'})}.{_part(payload)}"
        return f"{head}.{_base64(self.signing.sign(head.encode()).signature)}"


def _part(value: object) -> str:
    return _base64(json.dumps(value).encode())


def _base64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def credentials(folder: Path) -> tuple[str, Path]:
    """A server's configuration with an operator and one account, and the file of credentials of a user there."""
    operator, user = Key.new(nkeys.PREFIX_BYTE_OPERATOR), Key.new(nkeys.PREFIX_BYTE_USER)
    account, system = Key.new(nkeys.PREFIX_BYTE_ACCOUNT), Key.new(nkeys.PREFIX_BYTE_ACCOUNT)
    limits = dict.fromkeys(("subs", "data", "payload", "imports", "exports", "conn", "leaf"), -1) | {"wildcards": True}
    storage = {"mem_storage": 10**8, "disk_storage": 2 * 10**9, "streams": -1, "consumer": -1}
    jwts = {
        account.public: operator.token(account.public, "perscom", {"type": "account", "limits": limits | storage}),
        system.public: operator.token(system.public, "system", {"type": "account", "limits": limits}),
    }
    user_jwt = account.token(user.public, "receiver", {"type": "user", "subs": -1, "data": -1, "payload": -1})
    operator_jwt = operator.token(operator.public, "operator", {"type": "operator", "system_account": system.public})
    file = folder / "receiver.creds"
    file.write_text(
        f"-----BEGIN NATS USER JWT-----\n{user_jwt}\n------END NATS USER JWT------\n\n"
        f"-----BEGIN USER NKEY SEED-----\n{user.seed.decode()}\n------END USER NKEY SEED------\n"
    )
    preload = ", ".join(f'{public}: "{jwt}"' for public, jwt in jwts.items())
    return f'operator: "{operator_jwt}"\nresolver: MEMORY\nresolver_preload: {{ {preload} }}\n', file


class Authority:
    """Signs certificates in ``folder``, which holds its own as ``ca.pem``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ca = folder / "ca.pem"
        _openssl(
            *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"),
            *("-subj", "/CN=test authority", "-keyout", folder / "ca.key", "-out", self.ca),
            *("-addext", "keyUsage=critical,keyCertSign,cRLSign"),
        )

    def certificate(self, name: str) -> tuple[Path, Path]:
        """One for 127.0.0.1, and its key."""
        cert, key, request = (self.folder / f"{name}.{end}" for end in ("pem", "key", "csr"))
        extensions = self.folder / f"{name}.ext"
        extensions.write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth,clientAuth\n")
        _openssl(
            *("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-subj", f"/CN={name}", "-keyout", key, "-out", request),
        )
        _openssl(
            *("x509", "-req", "-days", "2", "-in", request, "-CA", self.ca, "-CAkey", self.folder / "ca.key"),
            *("-CAcreateserial", "-extfile", extensions, "-out", cert),
        )
        return cert, key


def _openssl(*arguments: object) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)
