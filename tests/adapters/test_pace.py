"""The distance between messages: brisk, careful once it was too fast, wider where that is not enough, and never stuck there."""

from __future__ import annotations

from perscom_adapters import Pace
from perscom_adapters._pace import path


def test_it_is_brisk_until_it_was_too_fast_and_then_careful() -> None:
    pace = Pace("chat/", brisk=1.0, careful=3.0)
    assert pace.rest == 0.0
    pace.answered()
    assert pace.rest == 1.0
    pace.too_fast()
    for _ in range(1000):
        pace.answered()
        assert pace.rest == 3.0


def test_what_an_answer_tells_goes_before_where_it_is_longer() -> None:
    pace = Pace("chat/", brisk=1.0, careful=3.0)
    pace.answered(2.5)
    assert pace.rest == 2.5
    pace.answered(0.2)
    assert pace.rest == 1.0


def test_a_limit_that_is_shared_with_others_widens_the_distance_for_a_while_and_not_without_end() -> None:
    pace = Pace("chat/", brisk=1.0, careful=3.0)
    for _ in range(20):
        pace.too_fast()
    pace.answered()
    assert 23 < pace.rest <= 24
    for _ in range(2000):
        pace.answered()
    assert pace.rest == 3.0


def test_a_path_is_the_same_for_the_same_place_begins_like_a_wider_one_and_shows_no_secret() -> None:
    whole = path("telegram", "7123456789:AAF-secret", "-100123")
    assert whole == path("telegram", "7123456789:AAF-secret", "-100123")
    assert whole.startswith(path("telegram", "7123456789:AAF-secret"))
    assert path("telegram", "7123456789:AAF-secret").startswith(path("telegram"))
    assert whole.endswith("/")
    assert "secret" not in whole
    assert not whole.startswith(path("telegram", "7123456789:AAF-secre"))
