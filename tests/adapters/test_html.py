"""HTML of the rich editor as blocks: what survives, what does not, and that nothing can break it."""

from __future__ import annotations

import html
import time
from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perscom_adapters import (
    Block,
    Bold,
    BulletList,
    Inline,
    Italic,
    Link,
    Paragraph,
    Quote,
    Text,
    Time,
    plain,
    safe_url,
)
from perscom_adapters._html import MOST_CHARACTERS, SHORTENED, from_html, quoted


def p(*parts: Inline | str) -> Paragraph:
    return Paragraph(tuple(Text(part) if isinstance(part, str) else part for part in parts))


def b(text: str) -> Bold:
    return Bold((Text(text),))


def i(text: str) -> Italic:
    return Italic((Text(text),))


def items(*texts: str, numbered: bool = False) -> BulletList:
    return BulletList(tuple((Text(text),) for text in texts), numbered)


CASES: dict[str, tuple[str, tuple[Block, ...]]] = {
    "nothing": ("", ()),
    "one paragraph": ("<p>Promoted</p>", (p("Promoted"),)),
    "two paragraphs": ("<p>One</p><p>Two</p>", (p("One"), p("Two"))),
    "bold and italic": (
        "<p>For <strong>valor</strong> at <em>Hill 402</em></p>",
        (p("For ", b("valor"), " at ", i("Hill 402")),),
    ),
    "bold in italic": ("<p><i>a<b>b</b></i></p>", (p(i("a"), Bold((i("b"),))),)),
    "crossed tags": ("<p><b>a<i>b</b>c</i>d</p>", (p(b("a"), Bold((i("b"),)), i("c"), "d"),)),
    "line break": ("<p>One<br>two<br/>three</p>", (p("One\ntwo\nthree"),)),
    "two line breaks": ("<div>One<br><br>two</div>", (p("One"), p("two"))),
    "line breaks at the ends": ("<p><br>One <br> </p>", (p("One"),)),
    "blank paragraphs": ("<p></p><p>&nbsp;</p><p>\u200b</p><p>x</p>", (p("x"),)),
    "white space": ("<p>\n  One\n  two  <b> three</b> </p>", (p("One two ", b("three")),)),
    "heading": ("<h2>Situation</h2><p>Calm</p>", (p(b("Situation")), p("Calm"))),
    "unclosed heading": ("<h1>A<p>b", (p(b("A")), p("b"))),
    "list": ("<ul><li>a</li><li>b</li></ul>", (items("a", "b"),)),
    "numbered list": ("<ol><li>a<li>b</ol>", (items("a", "b", numbered=True),)),
    "list of paragraphs": ("<ul><li><p>a</p></li><li><p>b</p></li></ul>", (items("a", "b"),)),
    "item of two paragraphs": (
        "<ul><li><p>a</p><p>b</p></li></ul>",
        (BulletList(((Text("a"), Text("\n"), Text("b")),)),),
    ),
    "list in a list": (
        "<ul><li>a<ol><li>b</li></ol></li><li>c</li></ul>",
        (BulletList(((Text("a"),), (Text("– "), Text("b")), (Text("c"),))),),
    ),
    "text around a list": ("Before<ul><li>a</li></ul>after", (p("Before"), items("a"), p("after"))),
    "item without a list": ("<li>a</li><li>b</li>", (p("a"), p("b"))),
    "quote": ("<blockquote><p>a</p><p>b</p></blockquote><p>c</p>", (Quote((p("a"), p("b"))), p("c"))),
    "quote in a quote": ("<blockquote>a<blockquote>b</blockquote>c</blockquote>", (Quote((p("a"), p("b"), p("c"))),)),
    "list in a quote": ("<blockquote><ul><li>a</li></ul></blockquote>", (Quote((items("a"),)),)),
    "table": ("<table><tr><th>a</th><td>b</td></tr><tr><td>c</td></tr></table>", (p("a | b"), p("c"))),
    "link": (
        '<p>See <a href="https://example.test/x?a=1&amp;b=2">the briefing</a>.</p>',
        (p("See ", Link("the briefing", "https://example.test/x?a=1&b=2"), "."),),
    ),
    "link in single quotes": ("<a href='https://example.test/'>x</a>", (p(Link("x", "https://example.test/")),)),
    "link without quotes": ("<a class=c href=https://example.test/>x</a>", (p(Link("x", "https://example.test/")),)),
    "bold link": (
        '<b><a HREF="https://example.test/">x</a></b>',
        (p(Bold((Link("x", "https://example.test/"),))),),
    ),
    "second href": ('<a href="https://a.test/" href="https://b.test/">x</a>', (p(Link("x", "https://a.test/")),)),
    "href in another attribute": ('<a title="href=https://a.test/">x</a>', (p("x"),)),
    "script link": ('<a href="javascript:alert(1)">@everyone</a>', (p("@everyone"),)),
    "hidden script link": ('<a href=" java&#115;cript:alert(1)">x</a>', (p("x"),)),
    "data link": ('<a href="data:text/html,x">x</a>', (p("x"),)),
    "mail link": ('<a href="mailto:a@example.test">write</a>', (p("write"),)),
    "relative link": ('<a href="/app/users/5">x</a>', (p("x"),)),
    "link without text": ('<p>x<a href="https://example.test/"> </a></p>', (p("x"),)),
    "label that is another address": (
        '<a href="https://evil.test/">https://bank.test</a>',
        (p(Link("https://bank.test (evil.test)", "https://evil.test/")),),
    ),
    "label that names another host": (
        '<a href="https://evil.test/">go to www.bank.test/login now</a>',
        (p(Link("go to www.bank.test/login now (evil.test)", "https://evil.test/")),),
    ),
    "label that hides another host": (
        '<a href="https://evil.test/">https://bank.test@evil.example</a>',
        (p(Link("https://bank.test@evil.example (evil.test)", "https://evil.test/")),),
    ),
    "label that is its own address": (
        '<a href="https://www.example.test/a">example.test/a</a>',
        (p(Link("example.test/a", "https://www.example.test/a")),),
    ),
    "script": ("<script>alert('<p>1</p>')</script ><p>x</p>", (p("x"),)),
    "style": ("a<style>p { color: red }</STYLE>b", (p("ab"),)),
    "unclosed script": ("<p>a</p><script>alert(1)", (p("a"),)),
    "script in capitals": ("<SCRIPT SRC=//x.test></SCRIPT>a", (p("a"),)),
    "unknown tags": ("<x-y z>a<font color=red>b</font></x-y>", (p("ab"),)),
    "picture": ('<p>a<img src="https://x.test/p.png" alt="b" onerror="alert(1)">c</p>', (p("ac"),)),
    "comment": ("a<!-- <b>no</b> -->b<!-->c", (p("abc"),)),
    "unclosed comment": ("<p>a</p><!-- b <p>c</p>", (p("a"),)),
    "CDATA and declarations": ("<!DOCTYPE html><?php x ?>a<![CDATA[ b ]]>c", (p("ac"),)),
    "entities": (
        "<p>Q&amp;A &lt;b&gt; &quot;x&quot; O&#039;Brien &#x2F; caf&eacute; &mdash;</p>",
        (p('Q&A <b> "x" O\'Brien / café —'),),
    ),
    "entities are decoded once": ("<p>&amp;lt;b&amp;gt; &amp;amp;</p>", (p("&lt;b&gt; &amp;"),)),
    "entity over a tag border": ("<p>&am<b>p;</b></p>", (p("&am", b("p;")),)),
    "malformed entities": ("<p>a & b &; &# &#x; &nosuch; &#xD800; R&D</p>", (p("a & b &; &# &#x; &nosuch; � R&D"),)),
    "endless reference": (f"<p>&#{'9' * 5000};x</p>", (p("�x"),)),
    "stray brackets": ("<p>I <3 you, a < b, 5 > 4</p>", (p("I <3 you, a < b, 5 > 4"),)),
    "bracket at the end": ("<p>a</p>b <", (p("a"), p("b <"))),
    "unfinished tag": ("a <b and no end", (p("a <b and no end"),)),
    "end tags alone": ("</b></i></ul></blockquote></pre></a>x</p>", (p("x"),)),
    "quoted bracket in an attribute": ('<p title="a > b">c</p>', (p("c"),)),
    "mention": ("<p>@everyone &lt;@123&gt; &lt;!channel&gt;</p>", (p("@everyone <@123> <!channel>"),)),
    "controls": ("<p>a\x00b\x1bc\u202edcba\u2066\x07</p>", (p("abcdcba"),)),
    "text without tags": ("One\r\ntwo\rthree\n\n \nfour", (p("One\ntwo\nthree"), p("four"))),
    "text with inline tags": ("One\n<b>two</b>\nthree", (p("One\n", b("two"), "\nthree"),)),
    "preformatted": ("<p>a\nb</p><pre>c\n  d</pre>", (p("a b"), p("c\nd"))),
}


@pytest.mark.parametrize(("source", "blocks"), CASES.values(), ids=CASES)
def test_html_becomes(source: str, blocks: tuple[Block, ...]) -> None:
    assert from_html(source) == blocks


def test_a_quote_holds_what_was_said_and_no_other_quote() -> None:
    assert quoted("<p>a</p><blockquote>b</blockquote><ul><li>c</li></ul>") == Quote((p("a"), p("b"), items("c")))
    assert quoted("<p> </p>") is None


def test_a_long_text_is_shortened_at_the_end_of_a_word_and_says_so() -> None:
    (block,) = from_html(f"<p>{'words and words ' * 1000}</p>")
    text = plain(block)
    assert text.endswith((f"words{SHORTENED}", f"and{SHORTENED}"))
    assert MOST_CHARACTERS - 20 < len(text) <= MOST_CHARACTERS + len(SHORTENED)


def test_a_text_that_just_fits_is_not_shortened() -> None:
    assert from_html(f"<p>{'x' * MOST_CHARACTERS}</p> <p> </p>") == (p("x" * MOST_CHARACTERS),)
    *_, last = from_html(f"<p>{'x' * MOST_CHARACTERS}</p><p>y</p>")
    assert last == p(SHORTENED.strip())


def test_many_small_pieces_are_shortened_too() -> None:
    (block,) = from_html("<ul>" + "<li>x</li>" * 1000 + "</ul>")
    assert isinstance(block, BulletList)
    assert len(block.items) < 100
    assert plain(block).endswith(SHORTENED.strip())


def test_a_text_behind_a_million_tags_is_not_looked_for() -> None:
    started = time.perf_counter()
    assert from_html("<p>a</p>" + "<b></b>" * 700_000 + "b") == (p("a"), p(SHORTENED.strip()))
    assert time.perf_counter() - started < 1


def test_an_embedded_picture_does_not_hide_the_text_behind_it() -> None:
    assert from_html(f'<p>a<img src="data:image/png;base64,{"A" * 3_000_000}">b</p>') == (p("ab"),)


HOSTILE = {
    "brackets": "<" * 100_000 + ">",
    "tags": "<b>" * 100_000 + "x",
    "tags in capitals": "<DIV>" * 100_000 + "x",
    "end tags": "</i>" * 100_000 + "x",
    "lists": "<ul><li>" * 50_000 + "x",
    "quotes": "<blockquote>" * 50_000 + "x",
    "open attributes": '<a "' * 100_000 + ">",
    "open values": '<a href="' * 100_000 + ">",
    "other quotes": "<a href='>" * 100_000,
    "both quotes": '<a x=\'>"<a x=">' * 50_000,
    "equals signs": "<a " + "=" * 300_000 + ">",
    "attributes": "<a" + " href" * 100_000 + ">x",
    "comments": "<!--" * 100_000 + ">",
    "bogus comments": "<!" * 100_000 + ">",
    "cdata": "<![CDATA[" * 50_000 + ">",
    "scripts": "<script>" * 100_000,
    "closed scripts": "<script></script>" * 50_000 + "x",
    "ampersands": "<p>" + "&" * 300_000,
    "entities": "<p>" + "&amp" * 100_000,
    "long entity": "<p>&" + "a" * 300_000,
    "digits": "<p>&#" + "1" * 300_000,
    "spaces": "<p>" + " " * 300_000 + "x",
    "spaces in a tag": "<a" + " " * 300_000 + "x",
    "line feeds": "\n" * 300_000,
    "breaks": "<br>" * 100_000 + "x",
    "accents": "<p>e" + "\u0301" * 300_000,
    "invisible": "<p>" + "\u200b" * 300_000,
    "invisible pieces": "<p>\u200b</p>" * 50_000 + "x",
    "label": '<a href="https://x.test/">' + "a." * 150_000 + "</a>",
    "label of dashes": '<a href="https://x.test/">' + "a-" * 150_000 + "</a>",
    "text": "<p>" + "word " * 200_000,
}


@pytest.mark.parametrize("source", HOSTILE.values(), ids=HOSTILE)
def test_hostile_html_takes_no_time_and_little_room(source: str) -> None:
    started = time.perf_counter()
    blocks = from_html(source)
    # Quadratic work on these inputs takes minutes; the slowest takes a third of a second on a slow machine.
    assert time.perf_counter() - started < 5
    assert len(msgspec.json.encode(blocks)) < 20 * MOST_CHARACTERS


def inlines(blocks: tuple[Block, ...]) -> Iterator[Inline]:
    for block in blocks:
        match block:
            case Quote(inner):
                yield from inlines(inner)
            case Paragraph(parts):
                yield from parts
            case BulletList(parts):
                for item in parts:
                    yield from item


def depth(part: Inline) -> int:
    match part:
        case Bold(parts) | Italic(parts):
            return 1 + max(depth(inner) for inner in parts)
        case Text(text):
            assert text
        case Link(label, url):
            assert label.strip()
            assert safe_url(url) == url
        case Time():
            pytest.fail("HTML holds no moments")
    return 1


PIECES = [
    "<p>",
    "</p>",
    "<b>",
    "</b>",
    "<i>",
    "<em>",
    "</i>",
    "<ul>",
    "<ol>",
    "<li>",
    "</li>",
    "</ul>",
    "</ol>",
    "<blockquote>",
    "</blockquote>",
    "<br>",
    "<h1>",
    "</h1>",
    "<pre>",
    "</pre>",
    "<td>",
    "<a_href='https://x.test/'>",
    '<a_href="javascript:x">',
    "</a>",
    "<script>",
    "</script>",
    "<!--",
    "-->",
    "<![CDATA[",
    "]]>",
    "<",
    ">",
    "&",
    "&lt;",
    "&amp;lt;",
    "&#",
    "'",
    '"',
    "=",
    "é",
    "word",
    "https://y.test",
]
pieces = st.sampled_from([piece.replace("_", " ") for piece in PIECES] + [" ", "\n", "\x00", "\u202e", "\u200b", "\ud83d"])


@settings(max_examples=200, deadline=None)
@given(st.lists(pieces | st.text(max_size=5), max_size=60).map("".join), st.integers(1, 60))
def test_whatever_comes_the_tree_is_small_flat_and_visible(source: str, limit: int) -> None:
    blocks = from_html(source, limit=limit)
    for part in inlines(blocks):
        assert depth(part) <= 3
    for block in blocks:
        assert plain(block).strip()
    shown = sum(len(text) for text in _texts(blocks))
    assert shown <= limit + len(SHORTENED) + 30 * len(tuple(inlines(blocks)))


def _texts(blocks: tuple[Block, ...]) -> Iterator[str]:
    for part in inlines(blocks):
        yield plain(part)


unbroken = st.text(
    st.characters(exclude_categories=("Cc", "Cf", "Cs", "Cn", "Mn", "Me", "Zs", "Zl", "Zp", "Lo")), min_size=1, max_size=200
)


@settings(max_examples=200, deadline=None)
@given(unbroken)
def test_escaped_text_comes_back_as_it_was(text: str) -> None:
    assert from_html(f"<p>{html.escape(text)}</p>") == (p(text),)
