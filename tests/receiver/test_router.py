"""Which handlers want an event, in which order, under which key."""

from __future__ import annotations

import functools
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perscom_receiver import EVENT_NAMES, ConfigurationError, Event, Handler, RetryPolicy, Router
from perscom_receiver._router import matches
from perscom_receiver.testing import make_event


def first(event: Event) -> None: ...


def second(event: Event) -> None: ...


async def third(event: Event) -> None: ...


class Greeter:
    def greet(self, event: Event) -> None: ...

    def __call__(self, event: Event) -> None: ...


def keys(router: Router, name: str) -> list[str]:
    return [handler.key for handler in router.matching(make_event(name, data={}))]


@pytest.fixture
def router() -> Router:
    return Router()


@pytest.mark.parametrize(
    ("pattern", "wanted"),
    [
        ("rankrecord.created", {"rankrecord.created"}),
        ("user.*", {"user.created", "user.updated", "user.deleted"}),
        ("rank*.created", {"rankrecord.created"}),
        ("webhook.tes?", {"webhook.test"}),
        ("[um]*.deleted", {"user.deleted", "message.deleted"}),
        ("*", set(EVENT_NAMES)),
        ("*.test", {"webhook.test"}),
        ("User.*", set()),
        ("user.created\n", set()),
        ("user", set()),
        ("user.", set()),
    ],
)
def test_a_pattern_is_a_name_or_a_glob(pattern: str, wanted: set[str]) -> None:
    assert {name for name in EVENT_NAMES if matches(pattern, name)} == wanted


def test_a_glob_for_all_records_fits_the_six_kinds() -> None:
    assert sum(matches("*record.created", name) for name in EVENT_NAMES) == 6


@given(pattern=st.text(), name=st.text())
def test_any_pattern_can_be_asked_about_any_name(pattern: str, name: str) -> None:
    assert matches(pattern, name) in (True, False)
    assert matches(name, name)
    assert matches("*", name)


def test_names_of_tomorrow_reach_a_glob(router: Router) -> None:
    router.on("*record.created")(first)
    assert keys(router, "trainingrecord.created") == [f"{__name__}.first"]
    assert keys(router, "user.created") == []


def test_handlers_come_in_the_order_of_registration(router: Router) -> None:
    router.on("user.*", name="c")(first)
    router.on("*", name="a")(second)
    router.on("user.created", name="b")(third)
    assert keys(router, "user.created") == ["c", "a", "b"]
    assert keys(router, "webhook.test") == ["a"]
    assert [handler.key for handler in router.handlers] == ["c", "a", "b"]


def test_the_decorator_gives_the_function_back(router: Router) -> None:
    assert router.on("user.created")(first) is first


def test_matching_runs_nothing(router: Router) -> None:
    def fails(event: Event) -> None:
        raise AssertionError("a handler was run")

    router.on("*")(fails)
    assert len(router.matching(make_event("user.created"))) == 1


class TestKeys:
    def test_a_key_is_module_and_qualified_name(self, router: Router) -> None:
        router.on("*")(first)
        router.on("*")(Greeter().greet)
        assert [handler.key for handler in router.handlers] == [f"{__name__}.first", f"{__name__}.Greeter.greet"]

    def test_a_name_replaces_it(self, router: Router) -> None:
        router.on("*", name="congratulate")(first)
        assert router.handlers[0].key == "congratulate"

    def test_two_functions_cannot_share_one(self, router: Router) -> None:
        router.on("user.created", name="same")(first)
        with pytest.raises(ConfigurationError, match="'same'"):
            router.on("user.updated", name="same")(second)
        assert [handler.call for handler in router.handlers] == [first]

    def test_two_lambdas_cannot_share_one(self, router: Router) -> None:
        router.on("user.created")(lambda event: None)
        with pytest.raises(ConfigurationError, match="another name="):
            router.on("user.updated")(lambda event: 1)

    @pytest.mark.parametrize("make", [lambda: functools.partial(first), Greeter], ids=["a partial", "an object that is called"])
    def test_what_has_no_name_must_be_given_one(self, router: Router, make: Callable[[], Callable[[Event], None]]) -> None:
        with pytest.raises(ConfigurationError, match="name="):
            router.on("user.created")(make())
        router.on("user.created", name="given")(make())
        assert keys(router, "user.created") == ["given"]

    def test_one_function_for_several_patterns_is_one_handler(self, router: Router) -> None:
        router.on("user.*")(router.on("*.created")(router.on("webhook.test")(first)))
        (handler,) = router.handlers
        assert handler.patterns == ("webhook.test", "*.created", "user.*")
        assert len(router.matching(make_event("user.created"))) == 1
        assert len(router.matching(make_event("webhook.test"))) == 1
        assert not router.matching(make_event("message.deleted"))

    def test_a_ready_made_handler_is_refused_when_its_key_is_taken(self, router: Router) -> None:
        router.add(Handler(key="k", call=first, patterns=("*",)))
        with pytest.raises(ConfigurationError, match="'k'"):
            router.add(Handler(key="k", call=first, patterns=("*",)))


class TestWhen:
    def test_it_narrows_by_what_is_in_the_event(self, router: Router) -> None:
        def is_promotion(event: Event) -> bool:
            return isinstance(event.data, dict) and event.data["type"] == 0

        router.on("rankrecord.created", when=is_promotion)(first)
        assert router.matching(make_event("rankrecord.created", type=0))
        assert not router.matching(make_event("rankrecord.created", type=1))

    def test_it_is_asked_only_when_the_name_fits(self, router: Router) -> None:
        def fails(event: Event) -> bool:
            raise AssertionError("asked about an event it does not want")

        router.on("user.created", when=fails)(first)
        assert not router.matching(make_event("user.updated"))

    def test_one_function_with_two_conditions_needs_two_names(self, router: Router) -> None:
        router.on("user.created", when=bool)(first)
        with pytest.raises(ConfigurationError):
            router.on("user.updated")(first)
        router.on("user.updated", name="other")(first)
        assert len(router.handlers) == 2

    def test_it_may_look_at_data_and_at_changes(self, router: Router) -> None:
        router.on("user.updated", when=lambda event: "rank_id" in event.changes)(first)
        assert router.matching(make_event("user.updated", changes={"rank_id": 5}))
        assert not router.matching(make_event("user.updated", changes=[]))


class TestSettings:
    SETTINGS: ClassVar[dict[str, Any]] = {
        "retry": RetryPolicy(first=60, give_up_after=3600),
        "concurrency": 4,
        "hold": True,
        "repeat_unclear": False,
    }

    def test_they_are_those_of_the_handler(self, router: Router) -> None:
        router.on("user.*", **self.SETTINGS)(first)
        (handler,) = router.handlers
        assert {name: getattr(handler, name) for name in self.SETTINGS} == self.SETTINGS

    def test_without_them_a_handler_is_as_harmless_as_can_be(self, router: Router) -> None:
        router.on("user.*", name="k")(first)
        assert router.handlers == (Handler(key="k", call=first, patterns=("user.*",)),)
        (handler,) = router.handlers
        assert (handler.retry, handler.concurrency, handler.hold, handler.repeat_unclear) == (None, 1, False, True)

    def test_for_several_patterns_they_are_given_each_time(self, router: Router) -> None:
        router.on("user.*", **self.SETTINGS)(router.on("*.created", **self.SETTINGS)(first))
        assert [handler.patterns for handler in router.handlers] == [("*.created", "user.*")]

    @pytest.mark.parametrize("name", SETTINGS)
    def test_one_function_cannot_have_two(self, router: Router, name: str) -> None:
        router.on("user.*", **self.SETTINGS)(first)
        with pytest.raises(ConfigurationError, match="one with two settings"):
            router.on("*.created", **{key: value for key, value in self.SETTINGS.items() if key != name})(first)

    def test_a_method_is_the_same_function_each_time_it_is_named(self, router: Router) -> None:
        greeter = Greeter()
        router.on("user.*")(router.on("*.created")(greeter.greet))
        assert len(router.handlers) == 1
        with pytest.raises(ConfigurationError, match="Two handlers"):
            router.on("message.*")(Greeter().greet)

    @pytest.mark.parametrize("concurrency", [0, -1])
    def test_a_handler_that_could_never_run_is_refused(self, router: Router, concurrency: int) -> None:
        with pytest.raises(ConfigurationError, match="concurrency"):
            router.on("user.*", concurrency=concurrency)(first)


class TestPatterns:
    @pytest.mark.parametrize("pattern", ["", None, 5, first])
    def test_a_pattern_is_a_text(self, router: Router, pattern: str) -> None:
        with pytest.raises(ConfigurationError, match="pattern"):
            router.on(pattern)

    def test_a_name_nobody_knows_is_warned_about_with_the_nearest_one(
        self, router: Router, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.WARNING, "perscom_receiver"):
            router.on("rankrecords.created")(first)
        (record,) = caplog.records
        assert "did you mean 'rankrecord.created'" in record.getMessage()
        assert len(router.handlers) == 1

    @pytest.mark.parametrize("pattern", [*EVENT_NAMES, "*", "trainingrecord.*"])
    def test_known_names_and_globs_are_not_warned_about(
        self, router: Router, pattern: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        router.on(pattern)(first)
        assert not caplog.records


def generator(event: Event) -> Iterator[None]:
    yield


async def async_generator(event: Event) -> AsyncIterator[None]:
    yield


class WithYield:
    def __call__(self, event: Event) -> Iterator[None]:
        yield


@pytest.mark.parametrize("call", [generator, async_generator, functools.partial(generator), WithYield()])
def test_a_handler_with_a_yield_would_do_nothing_and_is_refused(call: Callable[[Event], object]) -> None:
    with pytest.raises(ConfigurationError, match="Take the yield out"):
        Router().on("*", name="handler")(call)


def test_an_async_condition_would_always_be_met_and_is_refused() -> None:
    async def never(event: Event) -> bool:
        return False

    with pytest.raises(ConfigurationError, match="Take a plain def"):
        Router().on("*", name="handler", when=never)(print)  # type: ignore[arg-type]


def test_a_condition_that_raises_is_not_met_and_told(caplog: pytest.LogCaptureFixture) -> None:
    router = Router()
    router.on("*", name="broken", when=lambda event: 1 / 0 > 1)(print)
    router.on("*", name="whole")(repr)
    assert [handler.key for handler in router.matching(make_event("user.created"))] == ["whole"]
    assert "The condition of broken failed" in caplog.text
