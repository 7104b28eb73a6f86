"""Signing and checking, against HMAC as others compute it and against everything a stranger may write."""

from __future__ import annotations

import base64
import copy
import hmac
import logging
import pickle
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from perscom_receiver import (
    ConfigurationError,
    EmptyBody,
    MalformedSignature,
    MissingSignature,
    Secret,
    SignatureMismatch,
    VerificationError,
    Verifier,
    sign,
    verify,
)

BODY = b'{"event":"webhook.test","created":"2026-03-02T19:08:10.854257Z"}'
SECRET = "9mK2pQ7vX4nL8sT1wZ6bR3yC5dF0gH2j"
NOTHING_SIGNED = "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"
"""HMAC-SHA256 of nothing under the empty key, a constant that every textbook has."""

# Secrets as a person may choose them: not blank, any text that can be encoded.
texts = st.text(st.characters(codec="utf-8"), min_size=1).filter(lambda text: bool(text.strip(" \0")) and bool(text.strip()))
keys = st.binary(min_size=1, max_size=200).filter(lambda key: bool(key.strip()) and bool(key.strip(b"\0")))
bodies = st.binary(min_size=1, max_size=500)


def computed_by_the_standard_library(body: bytes, secret: str | bytes) -> str:
    return hmac.digest(secret.encode() if isinstance(secret, str) else secret, body, "sha256").hex()


class TestSign:
    @pytest.mark.parametrize(
        ("key", "message", "digest"),
        [
            (b"Jefe", b"what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
            (b"\xaa" * 20, b"\xdd" * 50, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
            (
                b"\xaa" * 131,
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
        ],
        ids=["a short key", "binary", "a key larger than a block"],
    )
    def test_it_gives_the_known_answers_of_rfc_4231(self, key: bytes, message: bytes, digest: str) -> None:
        assert sign(message, key) == digest

    def test_it_gives_the_signatures_that_php_gave(self, golden: list[dict[str, Any]]) -> None:
        valid = [request for request in golden if request["valid"]]
        assert len(valid) > 40
        for request in valid:
            body = base64.b64decode(request["body_base64"])
            assert sign(body, request["secret"]) == request["headers"]["Signature"], request["name"]

    @given(body=st.binary(max_size=500), secret=texts | keys)
    @example(body=b"", secret="x")
    @example(body=b"x", secret="x" * 63)
    @example(body=b"x", secret="x" * 64)
    @example(body=b"x", secret="x" * 65)
    @example(body=b"x" * 2**20, secret="x")
    def test_it_is_the_hmac_of_the_standard_library(self, body: bytes, secret: str | bytes) -> None:
        assert sign(body, secret) == computed_by_the_standard_library(body, secret)

    def test_a_text_secret_is_its_utf_8_bytes(self) -> None:
        assert sign(BODY, "schlüssel 🔑 der Einheit") == sign(BODY, "schlüssel 🔑 der Einheit".encode())

    def test_a_secret_is_taken_exactly_as_typed(self) -> None:
        spellings = [SECRET, f" {SECRET}", f"{SECRET} ", f"{SECRET}\n", SECRET.upper(), "caf\u00e9" * 8, "cafe\u0301" * 8]
        assert len({sign(BODY, spelling) for spelling in spellings}) == len(spellings)

    def test_a_secret_that_looks_encoded_is_not_decoded(self) -> None:
        key = b"sixteen bytes ok"
        assert len({sign(BODY, key), sign(BODY, key.hex()), sign(BODY, base64.b64encode(key))}) == 3


class TestVerify:
    @given(body=bodies, secret=texts | keys)
    def test_what_was_signed_is_genuine(self, body: bytes, secret: str | bytes) -> None:
        verify(body, sign(body, secret), secret)
        verify(body, computed_by_the_standard_library(body, secret), secret)

    @given(body=bodies, secret=texts, data=st.data())
    def test_one_flipped_bit_of_the_body_is_refused(self, body: bytes, secret: str, data: st.DataObject) -> None:
        at = data.draw(st.integers(0, len(body) * 8 - 1))
        changed = bytearray(body)
        changed[at // 8] ^= 1 << at % 8
        with pytest.raises(SignatureMismatch):
            verify(bytes(changed), sign(body, secret), secret)

    @pytest.mark.parametrize("at", range(64))
    def test_one_other_digit_at_any_place_is_refused(self, at: int) -> None:
        right = sign(BODY, SECRET)
        for digit in set("0123456789abcdef") - {right[at]}:
            with pytest.raises(SignatureMismatch):
                verify(BODY, right[:at] + digit + right[at + 1 :], SECRET)

    @pytest.mark.parametrize("at", range(64))
    def test_one_flipped_bit_of_the_signature_is_refused(self, at: int) -> None:
        right = sign(BODY, SECRET)
        for bit in range(8):
            with pytest.raises(VerificationError):
                verify(BODY, right[:at] + chr(ord(right[at]) ^ 1 << bit) + right[at + 1 :], SECRET)

    @given(length=st.integers(0, 63))
    def test_the_beginning_of_the_right_signature_is_not_enough(self, length: int) -> None:
        with pytest.raises(VerificationError):
            verify(BODY, sign(BODY, SECRET)[:length], SECRET)

    @given(signature=st.none() | st.text() | st.text("0123456789abcdef", min_size=62, max_size=66))
    @example(signature="é" * 64)
    @example(signature="０" * 64)
    @example(signature="\ud800" * 64)
    @example(signature="0" * 64)
    def test_any_text_whatever_is_refused_and_nothing_else_happens(self, signature: str | None) -> None:
        with pytest.raises(VerificationError) as refusal:
            verify(BODY, signature, SECRET)
        assert refusal.value.status == 401
        assert refusal.value.answer == "The request could not be verified."

    @pytest.mark.parametrize("signature", [None, ""], ids=["none", "empty"])
    def test_no_signature_is_called_missing(self, signature: str | None) -> None:
        with pytest.raises(MissingSignature):
            verify(BODY, signature, SECRET)

    @pytest.mark.parametrize("around", ["{} ", " {}", "{}\n", "\n{}", "{}\0", "0x{}", "sha256={}", "{0},{0}", "{0}{0}"])
    def test_anything_around_the_digits_is_malformed(self, around: str) -> None:
        with pytest.raises(MalformedSignature):
            verify(BODY, around.format(sign(BODY, SECRET)), SECRET)

    def test_upper_case_is_malformed(self) -> None:
        with pytest.raises(MalformedSignature):
            verify(BODY, sign(BODY, SECRET).upper(), SECRET)

    @pytest.mark.parametrize("signature", [computed_by_the_standard_library(b"", SECRET), NOTHING_SIGNED, "0" * 64])
    def test_an_empty_body_is_refused_even_with_the_right_hmac_of_nothing(self, signature: str) -> None:
        with pytest.raises(EmptyBody):
            verify(b"", signature, SECRET)

    def test_any_of_several_secrets_will_do(self) -> None:
        others = [f"{SECRET}{n}" for n in range(3)]
        for secret in others:
            verify(BODY, sign(BODY, secret), *others)
        with pytest.raises(SignatureMismatch):
            verify(BODY, sign(BODY, SECRET), *others)

    def test_it_compares_in_constant_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Nobody can measure that in a test, so it is looked at whether the comparison made for it does the work."""
        compared: list[tuple[str, str]] = []

        def compare_digest(one: str, other: str) -> bool:
            compared.append((one, other))
            return True

        monkeypatch.setattr(hmac, "compare_digest", compare_digest)
        verify(BODY, "0" * 64, SECRET)
        assert compared == [(sign(BODY, SECRET), "0" * 64)]

    def test_json_written_again_is_another_body(self) -> None:
        with pytest.raises(SignatureMismatch):
            verify(BODY.replace(b":", b": "), sign(BODY, SECRET), SECRET)


class TestSecrets:
    @pytest.mark.parametrize("secret", ["", " ", "\t\n", "\u00a0", "\u2003", b"", b" ", "\0", b"\0\0\0"])
    def test_a_blank_secret_is_refused_when_it_is_given(self, secret: str | bytes) -> None:
        for use in (lambda: sign(BODY, secret), lambda: verify(BODY, NOTHING_SIGNED, secret), lambda: Verifier(secret)):
            with pytest.raises(ConfigurationError, match="blank"):
                use()

    @pytest.mark.parametrize("blank", ["", b"", " ", "\0"])
    def test_one_blank_secret_among_good_ones_is_refused(self, blank: str | bytes) -> None:
        with pytest.raises(ConfigurationError, match="blank"):
            Verifier(SECRET, blank)
        with pytest.raises(ConfigurationError, match="blank"):
            Verifier([SECRET, blank])

    def test_the_secret_zero_is_a_secret(self) -> None:
        """PHP takes it for empty and never sends; there is no reason to do the same."""
        verify(BODY, sign(BODY, "0"), "0")

    @pytest.mark.parametrize("nothing", [(), ([],), ((), []), ({},)], ids=["none", "a list", "two", "a dict"])
    def test_no_secret_at_all_is_refused(self, nothing: tuple[Any, ...]) -> None:
        with pytest.raises(ConfigurationError, match="At least one"):
            Verifier(*nothing)
        with pytest.raises(ConfigurationError, match="At least one"):
            verify(BODY, sign(BODY, SECRET), *nothing)

    @pytest.mark.parametrize("wrong", [None, 5, True, 1.5, bytearray(b"abc"), memoryview(b"abc"), object()])
    def test_a_secret_of_another_type_is_refused(self, wrong: Any) -> None:
        for use in (
            lambda: sign(BODY, wrong),
            lambda: Verifier(wrong),
            lambda: Verifier([wrong]),
            lambda: Verifier([SECRET, wrong]),
        ):
            with pytest.raises(ConfigurationError, match="A secret is str"):
                use()

    def test_half_a_surrogate_pair_is_no_secret(self) -> None:
        with pytest.raises(ConfigurationError, match="not valid Unicode") as error:
            sign(BODY, "\ud800" + SECRET)
        assert SECRET not in str(error.value)
        assert error.value.__cause__ is None
        assert error.value.__suppress_context__

    @pytest.mark.parametrize("secret", [SECRET, SECRET.encode()], ids=["str", "bytes"])
    def test_a_lone_text_is_one_secret_and_never_its_letters(self, secret: str | bytes) -> None:
        verifier = Verifier(secret)
        assert len(verifier.secrets) == 1
        verify(BODY, sign(BODY, SECRET), secret)
        for letter in set(SECRET):
            with pytest.raises(SignatureMismatch):
                verify(BODY, sign(BODY, letter), secret)
            with pytest.raises(SignatureMismatch):
                verifier.event({"Signature": sign(BODY, letter)}, BODY)

    @pytest.mark.parametrize(
        "several",
        [["one secret", "two secrets"], ("one secret", b"two secrets"), {"one secret": 1, "two secrets": 2}.keys()],
        ids=["list", "tuple", "keys"],
    )
    def test_several_may_come_in_any_iterable(self, several: Iterable[str | bytes]) -> None:
        assert [secret.name for secret in Verifier(several).secrets] == ["secret 1", "secret 2"]
        assert Verifier(iter(several)).secrets == Verifier("one secret", "two secrets").secrets

    def test_the_same_secret_twice_counts_once(self) -> None:
        assert len(Verifier(SECRET, SECRET.encode(), [SECRET], Secret(SECRET)).secrets) == 1

    def test_a_name_tells_which_one_fitted(self) -> None:
        verifier = Verifier(Secret("the old one of last year", name="old"), Secret(SECRET, name="new"))
        assert verifier.event({"Signature": sign(BODY, SECRET)}, BODY).secret_name == "new"
        assert verifier.event({"Signature": sign(BODY, "the old one of last year")}, BODY).secret_name == "old"

    def test_it_shows_its_value_nowhere(self) -> None:
        secret = Secret(SECRET, name="new")
        shown = [repr(secret), str(secret), f"{secret}", f"{secret!r:>50}", repr([secret]), repr(Verifier(secret).secrets)]
        assert not [text for text in shown if SECRET in text]
        assert "new" in repr(secret)

    @pytest.mark.parametrize("copied", [pickle.dumps, copy.copy, copy.deepcopy], ids=lambda function: function.__name__)
    def test_it_is_never_written_out(self, copied: Any) -> None:
        with pytest.raises(TypeError) as error:
            copied(Secret(SECRET))
        assert SECRET not in str(error.value)

    def test_equality_is_about_the_value(self) -> None:
        assert Secret("abc") == Secret(b"abc", name="other")
        assert hash(Secret("abc")) == hash(Secret(b"abc"))
        assert Secret("abc") != Secret("abd")
        assert Secret("abc") != "abc"

    @pytest.mark.parametrize(
        ("secret", "words"),
        [("fifteen letters", "fewer than 16"), (f" {SECRET}", "white space"), (f"{SECRET}\n", "white space")],
        ids=["short", "space in front", "newline behind"],
    )
    def test_a_weak_one_is_warned_about_once_without_its_value(
        self, secret: str, words: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.WARNING, "perscom_receiver"):
            verifier = Verifier(secret)
            for _ in range(3):
                verifier.event({"Signature": sign(BODY, secret)}, BODY)
        (record,) = caplog.records
        assert words in record.getMessage()
        assert secret.strip() not in record.getMessage()

    def test_a_good_one_is_not_warned_about(self, caplog: pytest.LogCaptureFixture) -> None:
        Verifier(SECRET, "exactly 16 chars")
        assert not caplog.records


@given(body=bodies, signature=st.text(max_size=80), secret=texts)
def test_no_error_tells_the_secret_the_signature_or_the_body(body: bytes, signature: str, secret: str) -> None:
    marked_body, marked_signature, marked_secret = b"\xa7\xa7" + body, f"⁂⁂{signature}", f"※※{secret}"
    right = sign(marked_body, marked_secret)
    for value in (marked_signature, right + "0", right.upper(), "0" * 64):
        with pytest.raises(VerificationError) as refusal:
            verify(marked_body, value, marked_secret)
        told = f"{refusal.value} {refusal.value!r} {refusal.value.answer}"
        for private in (right, value, marked_secret, marked_body.decode("latin-1")):
            assert private not in told
