"""[wording.WORD]: what the operator says, what stays, that it is text, and that nothing is lost by it."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest
from bridge_toml import GOOD, SITE, judge, only_problem
from click.testing import CliRunner
from hostile import CREATED, WORST, texts
from hypothesis import given, settings

from perscom_adapters import NAMES, WORDS, Destination, Message, Paragraph, Text, names, plain, render
from perscom_adapters.discord import DiscordDestination
from perscom_adapters.session import new_session
from perscom_adapters.slack import SlackWebhookDestination
from perscom_adapters.telegram import TelegramDestination
from perscom_adapters.testing import ChatStandIn
from perscom_bridge import wording as module
from perscom_bridge.cli import main
from perscom_bridge.config import Config, Site
from perscom_bridge.routing import destination_handler
from perscom_bridge.service import destinations_of
from perscom_bridge.wording import FAILED, Wording, in_own_words, worded
from perscom_receiver import Context, Event, Secret
from perscom_receiver.testing import make_event

EXAMPLE = Wording(title="{{ member }} is now {{ rank }}!", text="{% if by %}Signed: {{ by }}{% endif %}")
PROMOTION = "[wording.promotion]\n"


def site(word: str = "promotion", wording: Wording = EXAMPLE, **more: Any) -> Site:
    return Site(secrets=(Secret("a secret of twenty-odd letters", name="secret"),), wording={word: wording}, **more)


def said(event: Event, of: Site | None = None, **options: Any) -> Message:
    message = render(event)
    assert message is not None
    return in_own_words(message, event, of or site(), **options)


def test_a_title_and_the_byline_are_said_otherwise_and_the_rest_stays() -> None:
    event = make_event("rankrecord.created", created=CREATED)
    built_in, message = render(event), said(event)
    assert built_in is not None
    assert plain(message).splitlines() == [
        "SFC Jacob Whitfield is now Sergeant First Class!",
        "Signed: Capt. Okafor",
        "For leading 1st Platoon.",
    ]
    assert message.blocks[1:] == built_in.blocks[1:]
    assert (message.fields, message.color, message.at, message.image) == (
        built_in.fields,
        built_in.color,
        built_in.at,
        built_in.image,
    )


def test_a_text_that_comes_out_blank_takes_the_byline_out() -> None:
    message = said(make_event("rankrecord.created", author_id=None, author=None))
    assert plain(message).splitlines() == ["SFC Jacob Whitfield is now Sergeant First Class!", "For leading 1st Platoon."]


@pytest.mark.parametrize(
    "title", ["{{ member }} is now {{ rank }}!", "{{ rank|upper }}", "{{ rank.upper() }}", "{{ rank[:5] }}!"]
)
def test_a_line_that_would_show_an_empty_name_is_not_used(title: str) -> None:
    event = make_event("rankrecord.created", rank_id=None, rank=None)
    message = said(event, site(wording=Wording(title=title, text="For {{ rank }}")))
    assert message == render(event)


@pytest.mark.parametrize(
    "title", ["{{ rank|default('a rank') }}", "{{ rank or 'a rank' }}", "{% if rank %}{{ rank }}{% else %}a rank{% endif %}"]
)
def test_an_empty_name_may_have_a_word_in_its_place(title: str) -> None:
    event = make_event("rankrecord.created", rank_id=None, rank=None)
    assert said(event, site(wording=Wording(title=title))).title == "a rank"
    assert said(make_event("rankrecord.created"), site(wording=Wording(title=title))).title == "Sergeant First Class"


@pytest.mark.parametrize("title", ["{% if rank == 'x' %}y{% endif %}", "{{ ' ' }}", "{{ '\u200b' }}\n"])
def test_a_blank_title_is_the_built_in_one(title: str) -> None:
    event = make_event("rankrecord.created", created=CREATED)
    assert said(event, site(wording=Wording(title=title))) == render(event)


@pytest.mark.parametrize(
    "event",
    [
        make_event("rankrecord.updated", user={"id": 2153, "display_name": "SFC Whitfield"}),
        make_event("rankrecord.deleted"),
        make_event("rankrecord.created", data={"id": "7", "type": "0", "title": "Muster", "content": "At dawn"}, changes=None),
        make_event("awardrecord.created"),
        make_event("webhook.test"),
    ],
    ids=["changed", "withdrawn", "automation", "another word", "test"],
)
def test_a_wording_is_for_what_is_new(event: Event) -> None:
    assert said(event, site(wording=Wording(title="{{ word }}", text="{% if by %}x{% endif %}"))) == render(event)


def test_a_change_of_a_profile_is_news() -> None:
    event = make_event("user.updated", changes={"rank_id": 3})
    assert said(event, site("profile", Wording(title="{{ member }}: {{ changed }}"))).title == "SFC Jacob Whitfield: rank"


def test_times_and_changes_are_in_the_language_and_the_time_zone_of_the_message() -> None:
    event = make_event("event.created", starts="2026-03-07T19:00:00Z", all_day=False)
    own = site("event", Wording(title="{{ starts }}"), timezone="Europe/Berlin")
    assert said(event, own).title == "2026-03-07 20:00 CET"
    assert said(event, own, language="de").title.startswith("07.03.2026, 20:00")


@pytest.mark.parametrize("word", WORDS)
def test_every_word_can_be_said_otherwise(word: str, tmp_path: Path) -> None:
    found = judge(tmp_path, f"{GOOD}[wording.{word}]\ntitle = 'Here: {{{{ word }}}}'\n")
    assert found.config is not None
    kinds = {"promotion": 0, "demotion": 1, "lateral": 2, "transfer": 3}
    event = make_event(WORDS[word].events[0], **({"type": kinds[word]} if word in kinds else {}))
    assert said(event, found.config.site).title == f"Here: {word}"


def test_a_text_may_have_several_lines(tmp_path: Path) -> None:
    text = "Signed: {{ by }}\n{% if unit %}\nUnit: {{ unit }}\n{% endif %}"
    found = judge(tmp_path, f'{GOOD}{PROMOTION}text = """\n{text}"""\n')
    assert found.config is not None
    block = said(make_event("rankrecord.created"), found.config.site).blocks[0]
    assert block == Paragraph((Text("Signed: Capt. Okafor\nUnit: 1st Platoon, Alpha Company"),))


# Text, whatever comes out


def test_whatever_comes_out_every_platform_takes_it_and_nobody_is_pinged() -> None:
    message = render(make_event("rankrecord.created", created=CREATED))
    assert message is not None
    wording = Wording(title="{{ member }}", text="{{ text }}")
    said = [worded(message, dict.fromkeys(NAMES, poison), wording) for poison in WORST]
    with ChatStandIn(rate=None) as chat:
        asyncio.run(send(chat, said))
        assert len(chat.messages) == 3 * len(WORST)
        assert not any(one.pings for one in chat.messages)
        assert not chat.mistakes
    for one in said:
        first = one.blocks[0]
        assert isinstance(first, Paragraph)
        assert all(isinstance(part, Text) for part in first.parts)
        assert (one.url, one.mentions) == (message.url, ())


async def send(chat: ChatStandIn, messages: list[Message]) -> None:
    async with new_session() as session:
        places: list[Destination] = [
            DiscordDestination(chat.discord_webhook(name="a"), name="a", session=session),
            SlackWebhookDestination(chat.slack_webhook(name="b"), name="b", session=session),
            TelegramDestination(
                chat.telegram_bot(name="Clerk"),
                chat.telegram_chat(name="c"),
                name="c",
                session=session,
                base_url=chat.telegram_api,
            ),
        ]
        for message in messages:
            for place in places:
                await place.send(message)


@settings(max_examples=100, deadline=None)
@given(texts, texts)
def test_whatever_the_names_hold_there_is_a_message_of_a_bounded_length(member: str, text: str) -> None:
    message = render(make_event("rankrecord.created", created=CREATED))
    assert message is not None
    held = {**dict.fromkeys(NAMES, member), "text": text}
    made = worded(
        message, held, Wording(title="{{ member }} {{ text }}!", text="{{ text|upper }} {{ member|replace('a', text) }}")
    )
    assert made.title.strip()
    assert len(made.title.encode("utf-16-le", "replace")) <= 500
    assert len(plain(made.blocks[0]).encode("utf-16-le", "replace")) <= 4000


# The file


@pytest.mark.parametrize(
    ("lines", "line", "key", "says"),
    [
        ('title = "{{ membr }}"', 8, "title", 'Did you mean "member"?      All of them: perscom-bridge preview promotion'),
        ('title = "x"\ntext = "{{ by"', 9, "text", "unexpected end of template"),
        ('text = """\nSigned\n{{ byy }}"""', 10, "text", '"byy" is not known for promotion. Did you mean "by"?'),
        ('text = """Signed\n{{ byy }}"""', 9, "text", '"byy" is not known for promotion.'),
        ("text = '''\n\n{% fi %}'''", 10, "text", "Encountered unknown tag 'fi'"),
        ('title = "{% for x in text %}{{ x }}{% endfor %}"', 8, "title", "There are no loops here."),
        ('title = "{% set x = 1 %}"', 8, "title", "There is no set here."),
        ("title = \"{% include 'x' %}\"", 8, "title", "There is no include here."),
        ('title = "{{ member|e }}"', 8, "title", '"e" is no filter here.'),
        ('title = "{% filter upper %}x{% endfilter %}"', 8, "title", "Write the filter behind the name: {{ member|upper }}"),
        ('title = "{{ member + 1 }}"', 8, "title", "This fails when no name has a value"),
        ('title = "{{ member|truncate(1) }}"', 8, "title", "This fails when no name has a value"),
        ('title = ""', 8, "title", "title is blank."),
        ("title = 7", 8, "title", "title should be text"),
        ('titel = "x"', 8, "titel", '"titel" is no key of [wording.promotion]. Did you mean "title"?'),
    ],
)
def test_each_mistake_is_told_with_its_line(tmp_path: Path, lines: str, line: int, key: str, says: str) -> None:
    found = only_problem(tmp_path, f"{GOOD}{PROMOTION}{lines}\n")
    assert found[:2] == (line, f"wording.promotion.{key}")
    assert says in found[2]


def test_all_mistakes_of_a_template_come_in_one_run_each_with_its_line(tmp_path: Path) -> None:
    found = judge(tmp_path, f'{GOOD}{PROMOTION}text = """\n{{{{ byy }}}}\n{{{{ rnk }}}} {{{{ member|uppr }}}}\n"""\n')
    assert [(problem.line, problem.text.partition(" is no")[0]) for problem in found.problems] == [
        (9, '"byy"'),
        (10, '"rnk"'),
        (10, '"uppr"'),
    ]


@pytest.mark.parametrize(
    ("lines", "key", "says"),
    [
        ('[wording.promotions]\ntitle = "x"', "wording.promotions", '"promotions" is no event word. Did you mean "promotion"?'),
        ('[wording]\npromotion = "x"', "wording.promotion", "Write [wording.promotion] on a line of its own"),
        ('[wording]\ntitle = "x"', "wording.title", '"title" is no event word.'),
        ("wording = 1", "wording", "wording should be a table"),
    ],
)
def test_a_wording_belongs_to_a_word(tmp_path: Path, lines: str, key: str, says: str) -> None:
    _, where, told = only_problem(tmp_path, f"{lines}\n{GOOD}" if lines.startswith("wording") else f"{GOOD}{lines}\n")
    assert where == key
    assert says in told


def test_a_name_that_the_word_never_has_is_pointed_out(tmp_path: Path) -> None:
    found = judge(tmp_path, f'{GOOD}{PROMOTION}title = "{{{{ award or member }}}}"\n')
    assert found.config is not None
    assert found.notes == ('wording.promotion.title asks for "award", which is empty for promotion.',)


def test_the_check_reads_it_back(tmp_path: Path) -> None:
    wording = f'{PROMOTION}title = "{{{{ member }}}}!"\n[wording.left]\ntext = "x"\n'
    text = GOOD.replace(SITE, f'{SITE}timezone = "Europe/Berlin"\n').replace(
        'type = "discord"', 'type = "discord"\nwhen = "by"\nquiet = "22:00-07:00"\nin_quiet = "hold"\nevents = ["award"]'
    )
    (tmp_path / "bridge.toml").write_text(f"{text}{wording}", encoding="utf-8")
    done = CliRunner().invoke(main, ["check", "--config", str(tmp_path / "bridge.toml")])
    assert done.exit_code == 0
    assert "  announcements: award; when by; quiet 22:00-07:00, held until the end\n" in done.output
    assert "  in your own words: promotion, left\n" in done.output


# On its way


@pytest.fixture
def told_anew() -> None:
    module._log_once.cache_clear()


@pytest.mark.usefixtures("told_anew")
def test_a_template_that_fails_costs_nothing_but_its_line_and_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with ChatStandIn(rate=None) as chat:
        text = GOOD.replace(GOOD.rpartition("url = ")[2], f'"{chat.discord_webhook(name="announcements")}"\n')
        wording = f'{PROMOTION}title = "{{{{ text|replace(\'a\', text) }}}}"\ntext = "Signed: {{{{ by }}}}"\n'
        config = judge(tmp_path, f"{text}{wording}").config
        assert config is not None
        events = [make_event("rankrecord.created", text="a" * 1000), make_event("rankrecord.created", text="a" * 900)]
        with caplog.at_level(logging.ERROR):
            posted = asyncio.run(post(config, [*events, make_event("rankrecord.created", text="b")]))
        shown = [message.payload["embeds"][0] for message in chat.messages]
    assert [embed["title"] for embed in shown] == ["SFC Jacob Whitfield promoted to Sergeant First Class"] * 2 + ["b"]
    assert all(embed["description"].startswith("Signed: Capt. Okafor") for embed in shown)
    assert posted == [("announcements", FAILED), ("announcements", "sent")] * 2 + [("announcements", "sent")]
    assert [record.getMessage() for record in caplog.records] == [
        "[wording.promotion]: title failed (too much is replaced), so messages have the built-in line. Write it another way."
    ]


async def post(config: Config, events: list[Event]) -> list[tuple[str, str]]:
    """Post ``events``, and how each attempt ended."""
    posted: list[tuple[str, str]] = []
    async with destinations_of(config) as ((entry, destination),):
        handler = destination_handler(entry, destination, config.site, lambda name, how: posted.append((name, how)))
        for event in events:
            await handler.call(event, Context())  # type: ignore[call-arg,misc]
    return posted


def test_the_names_of_an_unworded_message_are_never_asked_for() -> None:
    event = make_event("awardrecord.created")
    message = render(event)
    assert message is not None
    assert in_own_words(message, event, site(), language="no language at all") is message
    assert names(event)["award"] == "Combat Medal"
