"""Quiet hours: as people write them, over midnight, and on the nights when the clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from bridge_toml import DESTINATION, GOOD, SITE, judge, only_problem
from hypothesis import example, given, settings
from hypothesis import strategies as st

from perscom_bridge.quiet import Quiet, quiet_until, read_quiet

BERLIN = ZoneInfo("Europe/Berlin")  # 29 March 2026: 02:00 is 03:00.  25 October 2026: 03:00 is 02:00.
NIGHT = Quiet(start=time(22), end=time(7))


def until(quiet: Quiet, now: str, zone: ZoneInfo = BERLIN) -> str | None:
    """Both with their offsets, in the time zone."""
    end = quiet_until(datetime.fromisoformat(now), quiet, zone)
    assert end is None or end.tzinfo is UTC
    return None if end is None else end.astimezone(zone).isoformat(" ", "minutes")


def hours(text: str) -> Quiet:
    found = read_quiet(text)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("now", "end"),
    [
        ("2026-01-10 21:59:59+01:00", None),
        ("2026-01-10 22:00+01:00", "2026-01-11 07:00+01:00"),
        ("2026-01-10 23:59:59.999+01:00", "2026-01-11 07:00+01:00"),
        ("2026-01-11 00:00+01:00", "2026-01-11 07:00+01:00"),
        ("2026-01-11 06:59:59.999+01:00", "2026-01-11 07:00+01:00"),
        ("2026-01-11 07:00+01:00", None),
        ("2026-01-10 21:30+00:00", "2026-01-11 07:00+01:00"),  # told in UTC, meant in Berlin
        ("2026-12-31 23:30+01:00", "2027-01-01 07:00+01:00"),
        # The nights of the changes have eight hours of quiet, and ten.
        ("2026-03-28 22:00+01:00", "2026-03-29 07:00+02:00"),
        ("2026-03-29 03:00+02:00", "2026-03-29 07:00+02:00"),
        ("2026-10-24 22:00+02:00", "2026-10-25 07:00+01:00"),
        ("2026-10-25 02:30+02:00", "2026-10-25 07:00+01:00"),
        ("2026-10-25 02:30+01:00", "2026-10-25 07:00+01:00"),
    ],
)
def test_the_night(now: str, end: str | None) -> None:
    assert until(NIGHT, now) == end


@pytest.mark.parametrize(
    ("quiet", "now", "end"),
    [
        # Within one day.
        ("12:00-13:30", "2026-01-10 11:59+01:00", None),
        ("12:00-13:30", "2026-01-10 12:00+01:00", "2026-01-10 13:30+01:00"),
        ("12:00-13:30", "2026-01-10 13:30+01:00", None),
        ("00:00-06:00", "2026-01-10 00:00+01:00", "2026-01-10 06:00+01:00"),
        ("22:00-00:00", "2026-01-10 23:00+01:00", "2026-01-11 00:00+01:00"),
        ("07:00-06:59", "2026-01-10 06:58+01:00", "2026-01-10 06:59+01:00"),
        # In spring 02:30 does not exist: it is the moment of the change.
        ("22:00-02:30", "2026-03-29 01:59+01:00", "2026-03-29 03:00+02:00"),
        ("22:00-02:30", "2026-03-29 03:00+02:00", None),
        ("02:30-07:00", "2026-03-29 01:59+01:00", None),
        ("02:30-07:00", "2026-03-29 03:00+02:00", "2026-03-29 07:00+02:00"),
        ("02:15-02:45", "2026-03-29 03:00+02:00", None),
        # In autumn 02:30 comes twice: quiet from the first, until the last.
        ("22:00-02:30", "2026-10-25 02:29+02:00", "2026-10-25 02:30+01:00"),
        ("22:00-02:30", "2026-10-25 02:45+02:00", "2026-10-25 02:30+01:00"),
        ("22:00-02:30", "2026-10-25 02:30+01:00", None),
        ("02:30-07:00", "2026-10-25 02:29+02:00", None),
        ("02:30-07:00", "2026-10-25 02:30+02:00", "2026-10-25 07:00+01:00"),
        ("02:30-07:00", "2026-10-25 02:10+01:00", "2026-10-25 07:00+01:00"),
    ],
)
def test_other_hours_and_the_changes_of_the_clocks(quiet: str, now: str, end: str | None) -> None:
    assert until(hours(quiet), now) == end


def test_where_half_an_hour_or_a_whole_day_is_left_out() -> None:
    lord_howe, apia = ZoneInfo("Australia/Lord_Howe"), ZoneInfo("Pacific/Apia")  # 02:00 is 02:30; no 30 December 2011
    assert until(hours("22:00-02:15"), "2026-10-04 01:59+10:30", lord_howe) == "2026-10-04 02:30+11:00"
    assert until(NIGHT, "2011-12-29 23:00-10:00", apia) == "2011-12-31 00:00+14:00"


moments = st.datetimes(datetime(2000, 1, 1), datetime(2037, 12, 30), timezones=st.just(UTC))
days = st.builds(
    lambda day, minutes: datetime.fromisoformat(day) + timedelta(minutes=minutes),
    st.sampled_from(["2026-03-28T12:00+00:00", "2026-10-24T12:00+00:00", "2026-04-04T12:00+00:00", "2026-10-03T00:00+00:00"]),
    st.integers(0, 48 * 60),
)
zones = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/St_Johns"])
times = st.times().map(lambda at: at.replace(second=0, microsecond=0, fold=0))


@settings(max_examples=300, deadline=None)
@given(moments | days, times, times, zones)
@example(datetime(2026, 10, 25, 0, 30, tzinfo=UTC), time(2, 30), time(2, 31), "Europe/Berlin")
def test_quiet_lasts_until_its_end_and_the_clock_says_so(now: datetime, start: time, end: time, zone: str) -> None:
    timezone = ZoneInfo(zone)
    quiet = Quiet(start=start, end=end) if start != end else NIGHT
    over = quiet_until(now, quiet, timezone)
    shown = now.astimezone(timezone).time()
    inside = quiet.start <= shown < quiet.end if quiet.start < quiet.end else not quiet.end <= shown < quiet.start
    if over is None:
        # Only where a time comes twice a clock may show one that lies inside.
        assert not inside or now.astimezone(timezone).fold == 1
        return
    assert inside or changes_near(now, timezone)
    assert now < over <= now + timedelta(hours=26)
    assert quiet_until(over - timedelta(microseconds=1), quiet, timezone) == over
    assert quiet_until(over, quiet, timezone) is None
    assert over.astimezone(timezone).time() == quiet.end or changes_near(over, timezone)


def changes_near(at: datetime, zone: ZoneInfo) -> bool:
    return len({(at + timedelta(hours=hour)).astimezone(zone).utcoffset() for hour in (-2, 0, 2)}) > 1


@pytest.mark.parametrize("text", ["22:00-07:00", "22:00 - 7:00", " 22:00–07:00 "])
def test_as_people_write_it(text: str) -> None:
    assert read_quiet(text) == NIGHT
    assert str(NIGHT) == "22:00-07:00, without a sound"


@given(st.text(max_size=30) | st.from_regex(r"\A[0-9]{1,3}:[0-9]{1,3}-[0-9]{1,3}:[0-9]{1,3}\Z"))
def test_any_text_is_hours_or_none(text: str) -> None:
    found = read_quiet(text, hold=True)
    assert found is None or (found.hold and found.start != found.end)


# The file


def test_the_file_says_when_it_is_quiet_and_how(tmp_path: Path) -> None:
    text = GOOD.replace(SITE, f'{SITE}timezone = "Europe/Berlin"\n')
    for lines, expected in [
        ("", None),
        ('quiet = "22:00-07:00"\n', NIGHT),
        ('quiet = "22:00-07:00"\nin_quiet = "silent"\n', NIGHT),
        ('quiet = "22:00-07:00"\nin_quiet = "hold"\n', Quiet(start=time(22), end=time(7), hold=True)),
    ]:
        found = judge(tmp_path, text.replace(DESTINATION, DESTINATION + lines))
        assert found.config is not None
        assert found.config.destinations[0].quiet == expected
        assert found.notes == ()


@pytest.mark.parametrize(
    ("lines", "key", "says"),
    [
        ('quiet = "10pm-7am"', "quiet", '"10pm-7am" are no quiet hours. Write when they begin and end: "22:00-07:00"'),
        ('quiet = "22:00-24:00"', "quiet", "are no quiet hours"),
        ('quiet = "22:00-22:00"', "quiet", "are no quiet hours"),
        ("quiet = true", "quiet", "quiet should be text"),
        ('in_quiet = "hold"', "in_quiet", 'Add them: quiet = "22:00-07:00"'),
        ('quiet = "22:00-07:00"\nin_quiet = "held"', "in_quiet", 'Did you mean "hold"?      It knows: silent, hold'),
    ],
)
def test_each_mistake_is_told(tmp_path: Path, lines: str, key: str, says: str) -> None:
    _, where, told = only_problem(tmp_path, GOOD.replace(DESTINATION, f"{DESTINATION}{lines}\n"))
    assert where == f"destinations.announcements.{key}"
    assert says in told


def test_slack_cannot_be_silent_and_may_hold(tmp_path: Path) -> None:
    url = "https://hooks.slack.com/services/T0123ABCD/B0123ABCD/abcdefghijklmnopqrstuvwx"
    text = f'{GOOD}[destinations.staff]\ntype = "slack"\nurl = "{url}"\nquiet = "22:00-07:00"\n'
    assert only_problem(tmp_path, text)[1:] == (
        "destinations.staff.quiet",
        'Slack has no messages without a sound; its readers set quiet hours there. Write in_quiet = "hold".',
    )
    assert judge(tmp_path, f'{text}in_quiet = "hold"\n').config is not None


def test_without_a_time_zone_the_hours_of_the_night_are_told_to_be_utc(tmp_path: Path) -> None:
    found = judge(tmp_path, GOOD.replace(DESTINATION, f'{DESTINATION}quiet = "22:00-07:00"\n'))
    assert found.notes == ('site.timezone is missing, so quiet hours are in UTC. Add yours: timezone = "Europe/Berlin"',)
