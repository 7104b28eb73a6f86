"""Mattermost's own tests: no word hurts, an address is checked, and the bridge posts there.

Collected nowhere: ``test_add_a_platform.py`` runs them in a copy to which docs/add-a-platform.md has added the platform.
"""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from perscom_adapters import Bold, BulletList, Field, Italic, Link, Message, Paragraph, Quote, Struck, Text, mattermost
from perscom_adapters.session import new_session
from perscom_adapters.settings import mattermost_url_mistake
from perscom_adapters.testing import ChatStandIn
from perscom_bridge.preview import Card, card_of
from perscom_receiver import ConfigurationError

PROGRAM = Path(sys.executable).with_name("perscom-bridge")
KEY = "xj8t4mcy3fgp9bqdk1wre5nauo"
TITLE = "Promoted: "
OWN_MARKUP = {"paragraph", "inline", "text", "softbreak", "strong", "em", "s", "link"}
OWN_MARKUP |= {"blockquote", "ordered_list", "list_item"}
OWN_LINKS = {"https://perscom.example/users/7", "https://perscom.example/@here?a=%281%29&lt=2"}

WORDS = re.findall(
    r"\S+",
    r"""
    @ @channel @HERE @all @jacob.whitfield x@here :@all: -@all. <!channel> <!here> <@x7>
    \@channel &#64;all &commat;here &lt;!all&gt; &amp;#64;all \ \\ *@all* _@here_ `@all`
    ** *** **bold** *i* _i_ ~~s~~ `c` | |a| $x^2$ # > - + 1. 7) === --- :tada: :) #tag ~town-square & &copy; <b>b</b>
    https://evil.example www.evil.example evil.example/x a@evil.example <https://evil.example|click>
    [x](https://evil.example) ![x](https://evil.example/x) <script>alert(1)</script>
    """,
)
LINES = [
    "# heading",
    "> quote",
    "- item",
    "1. item",
    "    code",
    "```\n@all\n```",
    "a\n===",
    "a\n---",
    "|a|b|\n|-|-|\n|c|d|",
    "[x]\n\n[x]: https://evil.example",
]
UNSEEN = ["\n", "\t", "\x00", "\u202e", "\u2066", "\u200b", "\u2060", "\ufeff", "אב", "👨\u200d👩"]
FOUND = re.compile(r"[#~][\w~]|:[\w+-]+:|\w:/|\bwww\.|\w\.\w+/")
"""Tags, channels, pictures and addresses: what Mattermost's apps find in any text."""
foreign = st.lists(st.sampled_from([*WORDS, *LINES, *UNSEEN, " "]) | st.text(max_size=8), max_size=6).map("".join)


def message(title: str, text: str, more: str) -> Message:
    """One with foreign words wherever they can stand, and where they meet."""
    link = Link(more, "https://perscom.example/@here?a=(1)&lt=2")
    gone = Struck((Text(text), Bold((Text(more),)), link))
    said = Paragraph((Text(text), Bold((Text(more), link, Text(text))), Text(text), link, gone, gone))
    return Message(
        word="promotion",
        title=TITLE + title,
        blocks=(said, Quote((said,)), BulletList(((Italic((Text(text),)),), (Text(more),)), numbered=True)),
        fields=(Field(name=more, value=(Text(text),)),),
        url="https://perscom.example/users/7",
        footer=more,
    )


def posted(said: Message) -> Any:
    """The body that the stand-in took. It has refused nothing, and nobody was pinged."""

    async def post() -> Any:
        async with ChatStandIn() as chat, new_session() as session:
            await mattermost.MattermostDestination(webhook(chat), name="board", session=session).send(said)
            (found,) = chat.messages
            assert found.pings == frozenset()
            return found.payload

    return asyncio.run(post())


def webhook(chat: Any) -> str:
    return f"{chat.url}{chat.mattermost.new_webhook('board')}"


def visible(text: str) -> str:
    return "".join(text.replace("\u2060", "").split())


def shown(card: Card) -> str:
    return visible("".join(piece.text for piece in card.pieces))


def shown_elsewhere(markdown: str) -> str:
    """What another reader shows, one of CommonMark and ``~~``. It finds no markup and no link but ours."""
    blocks = MarkdownIt("commonmark").enable("strikethrough").parse(markdown)
    inlines = [token for block in blocks for token in block.children or ()]
    kinds = {token.type.removesuffix("_open").removesuffix("_close") for token in (*blocks, *inlines)}
    assert kinds <= OWN_MARKUP
    assert {token.attrs["href"] for token in inlines if token.type == "link_open"} <= OWN_LINKS
    return visible("".join(token.content for token in inlines))


@settings(max_examples=80, deadline=None)
@given(foreign, foreign, foreign)
@example("@channel", "@", "channel")
@example("<!here>", "<", "!channel>")
@example("\u202e@all\u200b", "&#64;", "all")
def test_any_words_are_taken_ping_nobody_and_are_read_alike_by_another_reader(title: str, text: str, more: str) -> None:
    body = posted(message(title, text, more))
    card = card_of("mattermost", body)
    assert {url for _, url in card.links} <= OWN_LINKS
    assert shown(card) == shown_elsewhere(body["text"])
    assert not FOUND.search(re.sub(r"\]\([^)]*\)|&#\d+;|~~", "", body["text"]))


@pytest.mark.parametrize("word", [*WORDS, *LINES])
def test_a_word_is_shown_as_it_is_wherever_it_stands(word: str) -> None:
    body = posted(message(word, word, word))
    card = card_of("mattermost", body)
    assert visible(card.title) == visible(TITLE + word)
    assert shown(card).count(visible(word)) >= 18
    assert shown(card) == shown_elsewhere(body["text"])


def test_a_quote_and_a_list_end_where_they_end() -> None:
    line, numbers = Paragraph((Text("a"),)), BulletList(((Text("b"),), (Text("c"),)), numbered=True)
    body = posted(Message(word="test", title="t", blocks=(line, Quote((line,)), line, numbers, numbers, line)))
    outer = [block.type for block in MarkdownIt("commonmark").parse(body["text"]) if block.level == 0 and block.nesting == 1]
    lists = ["ordered_list_open", "paragraph_open", "ordered_list_open"]  # the one between them is blank
    assert outer == ["paragraph_open", "blockquote_open", "paragraph_open", *lists, "paragraph_open"]


@pytest.mark.parametrize("word", ["x", "é", "\U0001f600", "*", "@all ", "- a\n"])
def test_a_hundred_thousand_characters_become_one_post_that_is_cut_visibly(word: str) -> None:
    long = word * (100_000 // len(word))
    text = posted(message(long, long, long))["text"]
    assert 8_000 < len(text) <= 16_383
    assert text.count("…") > 1


@pytest.mark.parametrize(
    ("url", "cause"),
    [
        ("", "it is empty."),
        (KEY, "it begins with"),
        (f"http://chat.example/hooks/{KEY}", "https://"),
        (f"https://user:word@chat.example/hooks/{KEY}", "user name"),
        (f"https://chat.example/hooks/{KEY}?x=1", "/hooks/"),
        ("https://chat.example/board/channels/town-square", "/hooks/"),
    ],
)
def test_a_wrong_address_is_refused_with_its_cause_and_without_its_key(url: str, cause: str) -> None:
    mistake = mattermost_url_mistake(url) or ""
    assert cause in mistake
    assert KEY not in mistake
    with pytest.raises(ConfigurationError, match="Mattermost"):
        opened(url)


@pytest.mark.parametrize("url", [f"https://chat.example/hooks/{KEY}", f"https://unit.example:8065/chat/hooks/{KEY}/"])
def test_a_right_address_may_be_on_any_server(url: str) -> None:
    assert KEY not in repr(opened(f" {url}\n"))


def opened(url: str) -> mattermost.MattermostDestination:
    session: Any = None  # nothing is sent
    return mattermost.MattermostDestination(url, name="board", session=session)


class Bridge:
    """A folder with a configuration for one webhook of a running stand-in."""

    def __init__(self, folder: Path, chat: ChatStandIn) -> None:
        self.folder, self.chat, self.url = folder, chat, webhook(chat)
        table = '[destinations.board]\ntype = "mattermost"\nurl = "${MATTERMOST_URL}"\n'
        (folder / "bridge.toml").write_text(f'[site]\nsecret = "0123456789abcdef"\n{table}', encoding="utf-8")
        self.set_url(self.url)

    def set_url(self, url: str) -> None:
        (self.folder / ".env").write_text(f"MATTERMOST_URL={url}\n", encoding="utf-8")

    def run(self, *words: str, status: int = 0) -> str:
        done = subprocess.run([PROGRAM, *words], cwd=self.folder, capture_output=True, text=True, timeout=20)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout


@pytest.fixture
def bridge(tmp_path: Path) -> Iterator[Bridge]:
    with ChatStandIn(rate=None) as chat:
        yield Bridge(tmp_path, chat)


def test_check_takes_a_right_address_and_says_what_is_wrong_with_another(bridge: Bridge) -> None:
    assert "no mistakes" in bridge.run("check")
    bridge.set_url(bridge.url.replace("/hooks/", "/plugins/"))
    said = bridge.run("check", status=1)
    assert "This is no Mattermost webhook address: it does not end with /hooks/" in said
    assert bridge.url.rpartition("/")[2] not in said


def test_a_sample_is_posted_and_a_deleted_webhook_is_told(bridge: Bridge) -> None:
    assert "board: posted." in bridge.run("test")
    (found,) = bridge.chat.messages
    assert "SFC Jacob Whitfield promoted" in str(found.payload["text"])
    assert not bridge.chat.mistakes
    bridge.set_url(f"{bridge.chat.url}/hooks/{KEY}")
    assert "board: not posted. Mattermost says the webhook no longer exists." in bridge.run("test", status=1)


def test_a_preview_shows_it_in_the_terminal_and_on_a_page(bridge: Bridge) -> None:
    box = bridge.run("preview", "promotion", "--as", "mattermost")
    assert "+- Mattermost -" in box
    assert "SFC Jacob Whitfield promoted" in box
    page = bridge.run("preview", "promotion", "--as", "mattermost,html")
    assert 'class="channel mattermost"' in page
    assert "SFC Jacob Whitfield promoted" in page
