"""Notices to the operator in five languages: each says all that English says, also what the log says, and reads well."""

from __future__ import annotations

import ast
import itertools
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from string import Formatter
from typing import Any

import msgspec
import pytest

import perscom_adapters
import perscom_bridge
import perscom_receiver
from perscom_adapters import LANGUAGES, _discord_answers, _slack_answers, _telegram_answers, webhook
from perscom_adapters._answers import by_status
from perscom_adapters._http import Answer
from perscom_bridge import conditions, sentences, wording
from perscom_bridge._languages import _catalogue, log_in
from perscom_bridge.overview import LaneRow
from perscom_bridge.recent import Burst
from perscom_bridge.sentences import HELD_UP, Sentences
from perscom_bridge.signs import GivenUp, Signs
from perscom_bridge.trouble import Outage, Told
from perscom_receiver import (
    Health,
    MalformedSignature,
    MethodRefused,
    MissingSignature,
    Refusal,
    Secret,
    SignatureMismatch,
    _causes,
)
from perscom_receiver._diagnosis import Finding, told

GOLDEN = Path(__file__).parent / "golden" / "notices"
REWRITE = "REWRITE_GOLDEN"
"""``REWRITE_GOLDEN=1 pytest tests/bridge/test_notice_languages.py`` writes the golden files anew. Review them like code."""
TRANSLATIONS = [code for code in LANGUAGES if code != "en"]
QUOTED = {"name": "announcements", "reason": "It is gone.", "kind": "x", "who": "perscom-bridge"}

translations = pytest.mark.parametrize("code", TRANSLATIONS)


# All that a notice may repeat of the log.


def of_platforms() -> Iterator[str]:
    """What the modules of the platforms say of any answer."""
    statuses = [200, 302, 400, 401, 403, 404, 408, 410, 418, 429, 500, 503]
    for status in statuses:
        yield str(by_status(Answer(status, {}, b""), "Discord"))
    for code, status, own in itertools.product(
        (*_discord_answers._CODES, *_discord_answers._THREAD_CODES, 50035, 0), statuses, (True, False)
    ):
        body = {"code": code, "errors": {"embeds": {"_errors": [{"code": "BASE_TYPE_REQUIRED"}]}}}
        answer = Answer(status, {}, msgspec.json.encode(body))
        yield str(_discord_answers.failure(answer, own_thread=own, repeatable=False, pace="discord/"))
    words = (*_slack_answers._PERMANENT, *_slack_answers._REJECTED, *_slack_answers._BAD_FORM)
    words += (*_slack_answers._TOO_MANY, *_slack_answers._TROUBLE, *_slack_answers._UNCLEAR, "unheard_of")
    for word, status in itertools.product(words, statuses):
        place = {"messages": ["no more than 50 items [json-pointer:/blocks/0/text]"]}
        body = {"ok": False, "error": word, "response_metadata": place}
        yield str(_slack_answers.failure(Answer(status, {}, msgspec.json.encode(body)), pace="slack/"))
    said = [re.sub(r"\(\w+\||\).*|\(.*?\)|[|].*|\\b", "", words.pattern) for words, *_ in _telegram_answers._WORDS]
    for description, status in itertools.product((*said, "PEER_FLOOD", "what is this"), statuses):
        body = {"ok": False, "error_code": status, "description": f"Bad Request: {description}"}
        answer = Answer(status, {}, msgspec.json.encode(body))
        yield str(_telegram_answers.failure(answer, pace="telegram/", own_chat=True, own_topic=True, repeatable=False))
    yield from (sentence for *_, sentence in _telegram_answers._WORDS)
    for status in statuses:
        yield str(webhook._failure(Answer(status, {"Retry-After": "7"}, b""), "n8n.example.org"))


def written_out() -> Iterator[str]:
    """The texts of errors that stand in the code of destinations, and of the bridge, with x in their places."""
    for package in (perscom_adapters, perscom_bridge):
        for file in Path(package.__file__ or "").parent.rglob("*.py"):
            if file.parent.name == "testing" or file.name == "_asking.py":  # of asking nobody is told in a notice
                continue
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "DestinationError" and node.args:
                    yield from filled(node.args[0])


def filled(text: ast.expr) -> Iterator[str]:
    if isinstance(text, ast.Constant) and isinstance(text.value, str):
        yield text.value
    elif isinstance(text, ast.JoinedStr):
        pieces = [str(part.value) if isinstance(part, ast.Constant) else "x" for part in text.values]
        yield from ["".join(pieces)] if "{how}" not in ast.unparse(text) else ()
        yield from (
            "x did not answer within 10 s; what was sent to it may have been taken.",
            "x gave no answer (ServerDisconnectedError); what was sent to it may have been taken.",
        )


def causes() -> Iterator[str]:
    """Why the log says that calls are refused."""
    by_kind: dict[type[Refusal], list[_causes.Cause]] = {
        MethodRefused: [_causes.GET, _causes.REDIRECTED, _causes.VISIT],
        MissingSignature: [_causes.UNSIGNED],
        MalformedSignature: [
            *(_causes.PREFIXED, _causes.BASE64, _causes.CAPITALS, _causes.QUOTED, _causes.DOUBLED, _causes.MISSPELT)
        ],
    }
    for kind, listed in by_kind.items():
        for cause in listed:
            yield f"{told(kind(), Finding(cause))} {cause.remedy}".strip()
    mismatch, secret = SignatureMismatch(), Secret("the secret of this test")
    for cause in (_causes.WHITE_SPACE, _causes.COMPRESSED, _causes.REWRITTEN, _causes.SPACED_HERE, _causes.SPACED_THERE):
        yield f"Signature mismatch. {told(mismatch, Finding(cause, secret=secret))} The secret is right. {cause.remedy}"
    for cause in (_causes.REWRITTEN, _causes.OTHER_SECRET, _causes.NO_EVENT):
        yield f"Signature mismatch. {told(mismatch, Finding(cause))} {cause.remedy}"
    yield "Only POST can be verified."
    yield "The body is empty: there is nothing that could have been signed."
    yield (
        "It is signed with the secret named 'previous_secret', which was valid until 2026-03-09 23:59:59+00:00. PERSCOM's"
        " webhook form still has it, or somebody else does."
    )
    yield "The event is older than this inbox remembers, so it may be a replay."
    yield "The body is nested deeper than 512 levels."
    yield "The body holds no event: JSON is malformed."
    yield "The body was not complete after 10 s."
    yield from (f"The body {how} more than 2097152 bytes." for how in ("has", "is announced with"))


ENDS = (
    "Its attempts were cut off again and again (a crash, or a stop) until the patience was over.",
    "It was cut off in the middle: nobody knows whether it was done.",
    "The person it is about was forgotten.",
    "It waited longer than bodies are kept.",
    "Nobody knows.",
)
"""How else a message comes to its end; these stand in the code."""
MADE = ("TypeError (see the log)", "Sent as plain text. Slack refuses this message: invalid_blocks at /blocks/0/text")
"""And these are put together there."""


def test_what_ends_a_message_stands_in_the_code() -> None:
    packages = (perscom_receiver, perscom_bridge)
    files = [file for package in packages for file in Path(package.__file__ or "").parent.rglob("*.py")]
    nodes = [node for file in files for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))]
    assert set(ENDS) <= {node.value for node in nodes if isinstance(node, ast.Constant)}


OF_CHANGES = re.compile("to be (changed|edited)|be edited|but not edit|change this message|be changed")
"""A change that is refused is posted anew, so nothing is given up for what these say."""
EVERYTHING = dict.fromkeys((*of_platforms(), *written_out(), *causes(), *ENDS, *MADE))
LOG = [text for text in EVERYTHING if not OF_CHANGES.search(text)]
OF_DEVELOPERS = re.compile("is named by|slack_sdk")
"""Mistakes of a program, which the bridge does not make."""
CODE = re.compile(r"\(\w+\)|Code \d+: .*|[A-Z]+(_[A-Z]+)+")
"""What a platform said itself."""


@translations
def test_all_that_the_log_says_is_said_in_the_language_but_for_the_words_of_a_platform(code: str) -> None:
    assert len(LOG) > 100
    missing = set()
    for text in LOG:
        if OF_DEVELOPERS.search(text):
            continue
        for sentence in re.split(r"(?<=[.?!]) (?=[A-Z0-9(])", text.strip()):
            if log_in(code, sentence) == sentence and not CODE.fullmatch(sentence):
                missing.add(sentence)
    assert missing == set()


def test_english_stays_as_it_is_and_so_does_what_nobody_knows() -> None:
    for text in LOG:
        assert log_in("en", text) == text
    assert log_in("de", "Something new. Slack knows no such channel, or the app may not see it. (no_service)") == (
        "Something new. Slack kennt keinen solchen Kanal, oder die App darf ihn nicht sehen. (no_service)"
    )
    assert log_in("de", "{name} could not be reached ({0}); nothing was sent.") == (
        "{name} war nicht zu erreichen ({0}); es wurde nichts gesendet."
    )


# What the catalogues hold.


def places(text: str) -> list[str]:
    return sorted(place for _, place, _, _ in Formatter().parse(text) if place is not None)


def written_as_sentences() -> set[str]:
    """All that the code has said in the operator's language."""
    calls = [node for node in ast.walk(ast.parse(Path(sentences.__file__).read_text())) if isinstance(node, ast.Call)]
    said = [call for call in calls if getattr(call.func, "attr", "") in ("_say", "_counted")]
    return {
        node.value
        for call in said
        for argument in call.args
        for node in ast.walk(argument)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


KINDS = (
    *("MethodRefused", "MissingSignature", "MalformedSignature", "SignatureMismatch", "EmptyBody", "ExpiredSecret"),
    *("StaleEvent", "MalformedEvent", "BodyTimeout", "PayloadTooLarge"),
)
"""Of refusals that are about a call."""


def test_each_kind_of_refusal_has_a_name() -> None:
    refusals = [one for one in vars(perscom_receiver._errors).values() if isinstance(one, type) and issubclass(one, Refusal)]
    assert {one.__name__ for one in refusals} - {"Refusal", "VerificationError", "Unavailable"} == set(KINDS)


@translations
def test_each_sentence_of_the_code_has_its_own_in_the_language_and_none_is_left_over(code: str) -> None:
    notices = _catalogue(code)["notices"]
    assert set(notices) == written_as_sentences() | {sentences._words(kind) for kind in KINDS}
    same = {english for english, text in notices.items() if english == text}
    assert same == ({"{count} minutes"} if code == "fr" else set())


@translations
def test_each_sentence_of_the_log_in_the_catalogue_can_be_said(code: str) -> None:
    said = " ".join(LOG)
    for english in _catalogue(code)["log"]:
        pattern = ".+?".join(re.escape(literal) for literal, *_ in Formatter().parse(english))
        assert re.search(pattern, said), english


@translations
def test_texts_have_the_places_of_the_english_ones_and_are_written_with_care(code: str) -> None:
    for english, text in [*_catalogue(code)["notices"].items(), *_catalogue(code)["log"].items()]:
        assert places(text) == places(english), english
        assert text == " ".join(text.split(" ")).strip(), english
        assert not re.search("['\"`]", text), f"{english}: typographic marks, please"
        assert (text[-1] in ".?") == (english[-1] in ".?"), english
        bare = re.sub(r"\{\w+\}", "x", text)
        before_colon, before_others = ("\xa0", "\u202f") if code == "fr" else ("", "")
        colons = len(re.findall(":(?!write)", bare))  # chat:write is Slack's
        assert len(re.findall(rf"(?<=[\w)\]]){before_colon}:(?= |$)", bare)) == colons, english
        assert len(re.findall(rf"(?<=[\w)\]]){before_others}[;!?]", bare)) == len(re.findall("[;!?]", bare)), english
        if code == "es":
            assert bare.count("¿") == bare.count("?"), english


# Notices as they are read.


def lane(name: str, paused: str | None = None, waiting: int = 0) -> LaneRow:
    return LaneRow(name=name, waiting=waiting, paused=paused, moved=None)


def outage(name: str, since: float, waiting: int) -> Outage:
    return Outage(destination=name, since=since, waiting=waiting, oldest=since + 700, error=UNREACHED)


WELL = Health(stored=0, waiting=0, dead=0, oldest=None, worker_seen=1.0, unknown_names={}, old_secret=0, skew=None)
GONE = str(_discord_answers.failure(Answer(404, {}, b'{"code": 10015}'), own_thread=True, repeatable=False, pace=""))
UNREACHED = "discord.com could not be reached (ClientConnectorDNSError); nothing was sent."


def seen(health: Health = WELL, **more: Any) -> Signs:
    return Signs(**{"lanes": (), "health": health, **more})


OCCASIONS: Mapping[str, Signs] = {
    "not stored": seen(unstored=4),
    "nobody works": seen(msgspec.structs.replace(WELL, waiting=14, oldest=90.0, worker_seen=80.0)),
    "off": seen(lanes=[lane("announcements", GONE, n) for n in (0, 1, 12)]),
    "held up": seen(outages=[outage("announcements", HELD_UP, 1)]),
    "held up together": seen(
        outages=[outage("announcements", 3 * 3600, 7), outage("staff", 50 * 3600, 5), outage("n8n", 1e6, 1)]
    ),
    "given up": seen(given_up=[GivenUp("announcements", n, "Discord says this message is too large.") for n in (1, 2)]),
    "refused": seen(refused={kind: Burst(5, cause) for kind, cause in zip(KINDS, itertools.cycle(causes()), strict=False)}),
    "an old secret, once": seen(msgspec.structs.replace(WELL, old_secret=1)),
    "an old secret": seen(msgspec.structs.replace(WELL, old_secret=2)),
    "settings": seen(
        failed={(name, how): Burst(n) for name, n in (("staff", 1), ("n8n", 2)) for how in (conditions.FAILED, wording.FAILED)}
    ),
}


def read(code: str) -> Iterator[str]:
    language = Sentences(code)
    for occasion, signs in OCCASIONS.items():
        new = [trouble for trouble in language.troubles(signs, "") if trouble.begins]
        over = [Told(trouble=trouble, at=0, seen=0) for trouble in new]
        yield f"=== {occasion}\n"
        yield "\n".join([language.title("perscom-bridge", trouble=True), *language.of(new, []), ""])
        yield "\n".join([language.title("perscom-bridge", trouble=False), *language.of([], over), ""])
    yield f"=== more\n\n{language.more(4)}\n"


@pytest.mark.parametrize("code", LANGUAGES)
def test_each_notice_reads_as_it_was_reviewed(code: str) -> None:
    text, file = "\n".join(read(code)), GOLDEN / f"{code}.txt"
    if os.environ.get(REWRITE):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        pytest.skip("the golden file was written; read it")
    assert text == file.read_text(encoding="utf-8")
    assert not re.search(r"[{}]", text)


@translations
def test_every_kind_of_notice_is_there_in_every_language_and_ends_with_what_to_do(code: str) -> None:
    for occasion, signs in OCCASIONS.items():
        there, english = (Sentences(each).troubles(signs, "") for each in (code, "en"))
        assert [trouble.key for trouble in there] == [trouble.key for trouble in english], occasion
        for one, other in zip(there, english, strict=True):
            if one.text:
                assert one.text != other.text, occasion
                assert one.over != other.over, occasion
                assert one.text.rpartition(": ")[2] == other.text.rpartition(": ")[2] or one.text.endswith("."), occasion
