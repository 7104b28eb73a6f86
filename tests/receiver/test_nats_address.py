"""The address of NATS: all that belongs to it in one text, every mistake told, and nothing secret ever shown."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perscom_receiver import ConfigurationError, JetStream
from perscom_receiver._nats_address import nats_address

SECRET = "Zq7xV9pLmW2"


@pytest.mark.parametrize(
    ("text", "servers"),
    [
        ("nats://nats.example", ["nats://nats.example:4222"]),
        ("nats://nats.example:4333/", ["nats://nats.example:4333"]),
        ("NATS://nats.example", ["nats://nats.example:4222"]),
        ("tls://10.0.0.7", ["tls://10.0.0.7:4222"]),
        ("nats://[::1]:4333", ["nats://[::1]:4333"]),
        ("nats://one,two:4333, three", ["nats://one:4222", "nats://two:4333", "nats://three:4222"]),
        ("nats://one,nats://two", ["nats://one:4222", "nats://two:4222"]),
        ("nats://me:word@one,two", ["nats://one:4222", "nats://two:4222"]),
        ("nats://me:word@one,me:word@two", ["nats://one:4222", "nats://two:4222"]),
    ],
)
def test_the_servers_of_an_address(text: str, servers: list[str]) -> None:
    assert list(nats_address(text).servers) == servers


def test_who_we_are() -> None:
    user = nats_address("nats://me:p%40ss%2Fw%3Fo%23rd@one")
    assert (user.user, user.password, user.token) == ("me", "p@ss/w?o#rd", None)
    token = nats_address("nats://to%3Aken@one")
    assert (token.user, token.password, token.token) == (None, None, "to:ken")
    assert not nats_address("nats://one").proves_itself
    assert user.proves_itself
    assert token.proves_itself


@pytest.mark.parametrize(
    ("text", "size"), [("1", 1), ("500MB", 500_000_000), ("10GB", 10**10), ("10gb", 10**10), ("3kb", 3000), ("1TB", 10**12)]
)
def test_how_a_new_stream_is_made(text: str, size: int) -> None:
    address = nats_address(f"nats://one?max_bytes={text}&replicas=3")
    assert (address.max_bytes, address.replicas) == (size, 3)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f"http://me:{SECRET}@one", "begins with nats:// or tls://"),
        (SECRET, "begins with nats:// or tls://"),
        ("", "begins with nats:// or tls://"),
        ("nats://", "has a host"),
        ("nats://one:port", "cannot be read"),
        ("nats://one:99999", "cannot be read"),
        ("nats://[::1", "cannot be read"),
        ("nats://one,", "has a host"),
        (f"nats://me:{SECRET}/x@one", "%2F"),
        (f"nats://me:12#{SECRET}@one", "%23"),
        (f"nats://me:{SECRET}?{SECRET}@one", "%3F"),
        (f"nats://one/{SECRET}", "has a host and a port"),
        ("nats://one,tls://two", "all be nats:// or all be tls://"),
        (f"nats://me:{SECRET}@one,other:{SECRET}@two", "one user"),
        (f"nats://one?{SECRET}=1", "creds=…"),
        ("nats://one?replicas=3&replicas=1", "each once"),
        ("nats://one?replicas=", "each once"),
        ("nats://one?replicas", "each once"),
        ("nats://one?replicas=0", "from 1 to 5"),
        ("nats://one?replicas=7", "from 1 to 5"),
        ("nats://one?replicas=²", "from 1 to 5"),
        ("nats://one?max_bytes=0", "such as 500MB"),
        ("nats://one?max_bytes=-1", "such as 500MB"),
        (f"nats://one?max_bytes={SECRET}", "such as 500MB"),
        ("nats://one?creds=/nowhere/receiver.creds", "creds= names in the address of NATS cannot be read: No such file"),
        ("nats://one?ca=/", "cannot be read: Is a directory"),
    ],
)
def test_a_mistake_is_told_and_shows_nothing_of_the_address(text: str, says: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        JetStream(text)
    assert says in str(caught.value)
    assert SECRET not in "".join(traceback.format_exception_only(caught.value))


def test_files_that_are_no_such_files_or_do_not_go_together_are_told(tmp_path: Path) -> None:
    file = tmp_path / "file"
    for name in ("creds", "nkey", "ca"):
        file.write_text(f"{SECRET}\n" * 3)
        with pytest.raises(ConfigurationError, match=f"{name}= names in the address of NATS is none of that kind"):
            JetStream(f"nats://one?{name}={file}")
    file.write_text("-----BEGIN CERTIFICATE-----")
    with pytest.raises(ConfigurationError, match="A certificate needs its key"):
        JetStream(f"nats://one?cert={file}")
    file.write_text("SUAB")
    with pytest.raises(ConfigurationError, match="Say once who we are"):
        JetStream(f"nats://me:{SECRET}@one?nkey={file}")


def test_neither_text_nor_repr_nor_name_shows_what_is_secret() -> None:
    for text in (f"nats://me:{SECRET}@one,two", f"nats://{SECRET}@one,two"):
        stream = JetStream(text)
        assert stream.name == "one:4222, two:4222"
        assert stream.hosts == ("one", "two")
        for shown in (repr(stream), str(stream), repr(nats_address(text)), str(nats_address(text)), f"{vars(stream)}"):
            assert SECRET not in shown


@given(st.text())
def test_whatever_is_written_it_is_an_address_or_a_mistake(text: str) -> None:
    for whole in (text, f"nats://{text}", f"nats://one?{text}"):
        try:
            nats_address(whole)
        except ConfigurationError:
            continue
