"""PERSCOM's REST API: what is asked, how often, and that neither trouble nor the token reaches anybody; and its stand-in."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from bridge_process import HEAD, SECRET, bridge, wait_for

from perscom_adapters import plain, render
from perscom_adapters.session import new_session
from perscom_adapters.testing import ChatStandIn
from perscom_bridge._load import inspect
from perscom_bridge.config import Api, Config, HiddenToken
from perscom_bridge.directory import SiteDirectory
from perscom_bridge.directory.api import PerscomApi
from perscom_bridge.testing import PerscomStandIn, Trouble
from perscom_receiver import SQLiteInbox
from perscom_receiver.testing import make_event

DISCORD = "https://discord.com/api/webhooks/1130112233445566778/NobodyIsCalledHere"


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.time = 1_790_000_000.0

    def __call__(self) -> float:
        return self.time


class Asking:
    """A stand-in with a few rows, and the code under test in front of it."""

    def __init__(self, perscom: PerscomStandIn, api: PerscomApi, clock: Clock, token: str) -> None:
        self.perscom = perscom
        self.api = api
        self.clock = clock
        self.token = token

    @property
    def paths(self) -> list[str]:
        return [one.path.removeprefix("/v2/") for one in self.perscom.asked]

    def names(self, *keys: tuple[str, int]) -> list[str | None]:
        return [self.api.name(*key) for key in keys]


def asking(
    test: Callable[[Asking], Awaitable[None]], *, scopes: tuple[str, ...] = (), limit: int | None = None, **settings: Any
) -> None:
    async def scenario() -> None:
        clock = Clock()
        async with PerscomStandIn(now=clock, limit=limit) as perscom, new_session() as session:
            for number, name in ((8, "Corporal"), (12, "Sergeant First Class")):
                perscom.add("ranks", id=number, name=name)
            perscom.add("units", id=16, name="1st Platoon")
            perscom.add("units", id=17, name="The Others", hidden=True)
            perscom.add("users", id=2153, name="Jacob Whitfield", display_name="SFC Jacob Whitfield", rank_id=12, unit_id=17)
            perscom.add("users", id=7, name="Noor Haddad", display_name="Cpl Noor Haddad")
            token = perscom.key(*scopes)
            api = PerscomApi(
                Api(token=HiddenToken(token), url=perscom.url, **settings), session, clock=clock, chance=lambda: 0.0
            )
            try:
                await test(Asking(perscom, api, clock, token))
            finally:
                await api.close()

    asyncio.run(scenario())


RANK, USER, UNIT = ("rank", 12), ("user", 2153), ("unit", 16)


class TestAsking:
    def test_one_search_for_each_kind_however_many_ids(self) -> None:
        async def test(its: Asking) -> None:
            await its.api.ask([RANK, ("rank", 8), ("rank", 99), USER, ("user", 7)])
            assert its.names(RANK, ("rank", 8), ("rank", 99), USER) == [
                "Sergeant First Class",
                "Corporal",
                None,
                "SFC Jacob Whitfield",
            ]
            assert sorted(its.paths) == ["ranks/search", "users/search"]
            asked = next(one for one in its.perscom.asked if "ranks" in one.path)
            assert asked.method == "POST"
            assert asked.query == {"limit": "100", "page": "1"}
            assert asked.body == {
                "filters": [{"field": "id", "operator": "in", "value": [12, 8, 99]}],
                "sort": [{"field": "id", "direction": "asc"}],
            }

        asking(test)

    def test_a_name_is_kept_for_an_hour_and_that_there_is_none_for_a_minute(self) -> None:
        async def test(its: Asking) -> None:
            for seconds, requests in ((0, 1), (50, 1), (11, 2), (3000, 3), (600, 4)):
                its.clock.time += seconds
                await its.api.ask([("rank", 99)] if seconds in (50, 11, 3000) else [RANK, ("rank", 99)])
                assert len(its.paths) == requests
            its.perscom.rows.tables["ranks"][1]["name"] = "Master Sergeant"
            its.clock.time += 3601
            its.perscom.troubles.append("503")
            await its.api.ask([RANK])
            assert its.names(RANK) == ["Sergeant First Class"]  # better than none
            its.clock.time += 31
            await its.api.ask([RANK])
            assert its.names(RANK) == ["Master Sergeant"]

        asking(test)

    def test_more_than_a_hundred_ids_and_those_that_are_asked_already(self) -> None:
        async def test(its: Asking) -> None:
            for number in range(100, 350):
                its.perscom.add("awards", id=number, name=f"Award {number}")
            wanted = [("award", number) for number in range(100, 350)]
            await asyncio.gather(its.api.ask(wanted), its.api.ask(wanted), its.api.ask(wanted[:3]))
            assert its.paths == ["awards/search"] * 3
            assert its.names(*wanted) == [f"Award {number}" for number in range(100, 350)]

        asking(test)

    def test_a_hidden_unit_is_found_in_its_own_scope(self) -> None:
        async def test(its: Asking) -> None:
            await its.api.ask([UNIT, ("unit", 17)])
            assert its.names(UNIT, ("unit", 17)) == ["1st Platoon", "The Others"]
            assert [one.body.get("scopes") for one in its.perscom.asked] == [None, [{"name": "hidden"}]]

        asking(test)

    def test_the_perscom_id_goes_along_where_it_is_configured(self) -> None:
        async def test(its: Asking) -> None:
            await its.api.ask([RANK])
            assert its.names(RANK) == ["Sergeant First Class"]

        async def elsewhere(its: Asking) -> None:
            await its.api.ask([RANK])
            assert [one.status for one in its.perscom.asked] == [401]

        asking(test, perscom_id="1201")
        asking(elsewhere, perscom_id="77")

    def test_names_of_nothing_that_the_api_has_are_not_asked(self) -> None:
        async def test(its: Asking) -> None:
            await its.api.ask([("planet", 3)])
            await its.api.ask([])
            assert its.paths == []

        asking(test)


class TestTrouble:
    @pytest.mark.parametrize("trouble", ["500", "503", "html", "cut", "redirect"])
    def test_trouble_costs_a_name_is_told_once_and_passes(self, trouble: Trouble, caplog: pytest.LogCaptureFixture) -> None:
        async def test(its: Asking) -> None:
            its.perscom.troubles.extend([trouble, trouble])
            await its.api.ask([RANK])
            await its.api.ask([RANK])
            assert (its.names(RANK), len(its.paths)) == ([None], 1)  # and it is left alone for a while
            its.clock.time += 901
            await its.api.ask([RANK])
            assert len(its.paths) == 2
            its.clock.time += 901
            await its.api.ask([RANK])
            assert its.names(RANK) == ["Sergeant First Class"]
            assert "/billing" not in " ".join(its.paths)

        with caplog.at_level(logging.INFO):
            asking(test)
        told = [record.getMessage() for record in caplog.records]
        assert len(told) == 2
        assert told[0].startswith("PERSCOM's API ")
        assert told[0].endswith("Until it does, names that no event has told are left out.")
        assert told[1] == "PERSCOM's API answers again"

    def test_what_is_slow_is_not_waited_for_and_is_kept_when_it_comes(self) -> None:
        async def scenario() -> None:
            ready, asked = asyncio.Event(), []

            async def handle(request: aiohttp.web.Request) -> aiohttp.web.Response:
                asked.append(request.path)
                await ready.wait()
                return aiohttp.web.json_response({"data": [{"id": 12, "name": "Sergeant First Class"}]})

            async with served(handle) as url, new_session() as session:
                api = PerscomApi(Api(token=HiddenToken("a.b.c" * 4), url=url), session)
                await api.ask([RANK], patience=0.01)
                assert api.name(*RANK) is None
                ready.set()
                await api.ask([RANK])
                assert api.name(*RANK) == "Sergeant First Class"
                assert asked == ["/ranks/search"]

        asyncio.run(scenario())

    def test_who_never_answers_is_broken_off_at_the_end(self) -> None:
        async def test(its: Asking) -> None:
            its.perscom.troubles.append("slow")
            await its.api.ask([RANK], patience=0.01)
            await its.api.close()
            assert its.names(RANK) == [None]

        asking(test)

    @pytest.mark.parametrize("status", [401, 402])
    def test_a_refused_token_is_told_once_and_tried_rarely(self, status: int, caplog: pytest.LogCaptureFixture) -> None:
        async def test(its: Asking) -> None:
            if status == 401:
                its.perscom.revoke(its.token)
            its.perscom.subscribed = False
            for _ in range(9):
                await its.api.ask([RANK, USER])
            assert [one.status for one in its.perscom.asked] == [status] * len(its.paths)
            assert len(its.paths) <= 2  # both kinds at once
            its.clock.time += 901
            await its.api.ask([RANK])
            assert len(its.paths) <= 3

        asking(test)
        told = [record.getMessage() for record in caplog.records]
        assert len(told) == 1
        assert f"({status})" in told[0]
        assert "[site]" in told[0]

    def test_a_missing_scope_is_named_and_leaves_the_others_working(self, caplog: pytest.LogCaptureFixture) -> None:
        async def test(its: Asking) -> None:
            for _ in range(3):
                await its.api.ask([RANK, USER])
                its.clock.time += 61
            assert its.names(RANK, USER) == ["Sergeant First Class", None]
            assert its.paths.count("users/search") == 1

        asking(test, scopes=("view:rank",))
        assert [record.getMessage()[:110] for record in caplog.records if "view:user" in record.getMessage()] != []
        assert len(caplog.records) == 1

    def test_a_limit_is_kept_without_being_told_when_it_ends(self) -> None:
        async def test(its: Asking) -> None:
            for number in range(6):
                await its.api.ask([("award", number)])
            assert [one.status for one in its.perscom.asked] == [200, 200, 429]
            its.clock.time += 59
            await its.api.ask([RANK])
            assert len(its.paths) == 3
            its.clock.time += 2
            await its.api.ask([RANK])
            assert its.names(RANK) == ["Sergeant First Class"]

        # The stand-in tells no remaining number below a tenth before the limit is reached.
        async def unwarned(its: Asking) -> None:
            its.api._search._pace.answered = lambda headers, now: None  # type: ignore[method-assign]
            await test(its)

        asking(unwarned, limit=2)

    def test_near_the_limit_it_slows_down_by_itself(self) -> None:
        async def test(its: Asking) -> None:
            for number in range(1, 40):
                await its.api.ask([("award", number)])
            assert [one.status for one in its.perscom.asked] == [200] * 19
            its.clock.time += 11
            await its.api.ask([RANK])
            assert [one.status for one in its.perscom.asked] == [200] * 20
            await its.api.ask([USER])
            its.clock.time += 11
            await its.api.ask([USER])
            assert len(its.paths) == 20

        asking(test, limit=20)

    def test_no_more_than_sixty_a_minute_go_out(self) -> None:
        async def test(its: Asking) -> None:
            for number in range(1, 100):
                await its.api.ask([("award", number)])
            assert len(its.paths) == 60
            its.clock.time += 60
            await its.api.ask([RANK])
            assert its.names(RANK) == ["Sergeant First Class"]

        asking(test)

    @pytest.mark.parametrize(
        "answer",
        [
            b"",
            b"[]",
            b'{"data":{"id":12}}',
            b'{"data":[{"id":"12","name":"x"}]}',
            b'{"data":[{"name":"x"}]}',
            b'{"data":[{"id":12,"name":[1]}]}',
            b"[" * 100_000,
            b'{"data":[{"id":12,"name":"\xff"}]}',
        ],
    )
    def test_an_answer_of_another_shape_is_none(self, answer: bytes, caplog: pytest.LogCaptureFixture) -> None:
        async def scenario() -> None:
            async def handle(request: aiohttp.web.Request) -> aiohttp.web.Response:
                return aiohttp.web.Response(body=answer, content_type="application/json")

            async with served(handle) as url, new_session() as session:
                api = PerscomApi(Api(token=HiddenToken("a.b.c" * 4), url=url), session)
                await api.ask([RANK])
                assert api.name(*RANK) is None

        asyncio.run(scenario())
        assert len(caplog.records) == 1


def served(handle: Callable[[aiohttp.web.Request], Awaitable[aiohttp.web.StreamResponse]]) -> Any:
    from contextlib import asynccontextmanager

    @asynccontextmanager
    async def server() -> Any:
        app = aiohttp.web.Application()
        app.router.add_route("*", "/{path:.*}", handle)
        runner = aiohttp.web.AppRunner(app, access_log=None)
        await runner.setup()
        site = aiohttp.web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()

    return server()


class TestSecrets:
    def test_no_log_line_and_no_repr_holds_the_token_or_what_is_private(self, caplog: pytest.LogCaptureFixture) -> None:
        seen: list[str] = []

        async def test(its: Asking) -> None:
            for trouble in ("500", "html", "cut", "redirect", "503"):
                its.perscom.troubles.append(trouble)
                await its.api.ask([USER])
                its.clock.time += 901
            await its.api.ask([USER])
            its.perscom.revoke(its.token)
            await its.api.ask([("user", 7)])
            seen.append(its.token)
            search = its.api._search
            seen.append(f"{vars(its.api)!r} {vars(search)!r} {search._api!r} {search._api}")

        with caplog.at_level(logging.DEBUG):
            asking(test)
        token, *shown = seen
        text = "\n".join([caplog.text, *shown])
        assert token not in text
        for part in token.split("."):
            assert part not in text
        assert "heron-troop" not in text
        assert "+353" not in text


class TestDirectory:
    def test_only_what_no_event_has_told_is_asked_and_the_old_ranks_name_as_well(self, tmp_path: Path) -> None:
        async def scenario() -> None:
            inbox = SQLiteInbox(tmp_path / "inbox.db")
            async with PerscomStandIn() as perscom:
                perscom.add("ranks", id=8, name="Corporal")
                perscom.add("ranks", id=12, name="Sergeant First Class")
                api = Api(token=HiddenToken(perscom.key()), url=perscom.url)
                directory = SiteDirectory(inbox, api=api)
                user = {"id": 2153, "display_name": "SFC Jacob Whitfield"}
                shown = {"id": 1, "user_id": 2153, "user": {**user, "rank_id": 8}}
                inbox.add(make_event("awardrecord.created", data=shown, changes=[]))
                data = {"id": 5, "type": 0, "user_id": 2153, "rank_id": 12, "user": {**user, "rank_id": 12}}
                promotion = make_event("rankrecord.created", data=data, changes=[])
                inbox.add(promotion)
                assert (await directory.before([promotion])).name("rank", 12) is None  # nobody tends it yet
                async with directory.tended():
                    message = render(promotion, await directory.before([promotion]))
                    assert message is not None
                    assert "Previous rank: Corporal" in plain(message)
                    assert "to Sergeant First Class" in plain(message)
                    assert [one.path for one in perscom.asked] == ["/v2/ranks/search"]
                    assert sorted(perscom.asked[0].body["filters"][0]["value"]) == [8, 12]
            inbox.close()

        asyncio.run(scenario())

    def test_without_a_token_nothing_is_asked_by_the_service_and_with_one_names_arrive(self, tmp_path: Path) -> None:
        """A real service, a real API, a real chat: the ids of a record become names."""
        standing = asyncio.new_event_loop()
        thread = threading.Thread(target=standing.run_forever, daemon=True)
        thread.start()
        perscom = PerscomStandIn()
        asyncio.run_coroutine_threadsafe(perscom.__aenter__(), standing).result()
        try:
            perscom.add("awards", id=5, name="Combat Medal")
            perscom.add("users", id=7, display_name="Cpl Noor Haddad")
            with ChatStandIn(rate=None) as chat:
                url = chat.discord_webhook(name="announcements")
                config = f'{HEAD}[destinations.a]\ntype = "discord"\nurl = "{url}"\n'
                token = perscom.key()
                (tmp_path / ".env").write_text(f"PERSCOM_API_TOKEN={token}\n")
                (tmp_path / ".env").chmod(0o600)
                config = config.replace("[server]", f'token = "${{PERSCOM_API_TOKEN}}"\napi = "{perscom.url}"\n[server]')
                (tmp_path / "bridge.toml").write_text(config)
                with bridge(tmp_path) as service:
                    award = {"id": 3, "user_id": 7, "award_id": 5}
                    assert service.event("awardrecord.created", data=award, changes=[], request_id=None) == 202
                    wait_for(lambda: chat.messages)
                    assert service.stop() == 0
                    assert token not in service.output
                assert "Cpl Noor Haddad received the Combat Medal" in json.dumps(chat.messages[0].payload)
                assert sorted(one.path for one in perscom.asked) == ["/v2/awards/search", "/v2/users/search"]
        finally:
            asyncio.run_coroutine_threadsafe(perscom.__aexit__(None, None, None), standing).result()
            standing.call_soon_threadsafe(standing.stop)
            thread.join()
            standing.close()


# The stand-in itself, against perscom-api.md.


def standing_in(test: Callable[[PerscomStandIn, Caller], Awaitable[None]], **settings: Any) -> None:
    async def scenario() -> None:
        async with PerscomStandIn(**settings) as perscom, new_session() as session:
            await test(perscom, Caller(perscom, session))

    asyncio.run(scenario())


class Caller:
    """A client that may ask for anything."""

    def __init__(self, perscom: PerscomStandIn, session: aiohttp.ClientSession) -> None:
        self._perscom = perscom
        self._session = session
        self.key = perscom.key()
        self.headers: Mapping[str, str] = {}

    async def __call__(self, path: str, body: Any = None, method: str = "") -> tuple[int, Any]:
        how = method or ("GET" if body is None else "POST")
        headers = {"Authorization": f"Bearer {self.key}"}
        url = f"{self._perscom.url}/{path}" if not path.startswith("/") else self._perscom.url.removesuffix("/v2") + path
        async with self._session.request(how, url, json=body, headers=headers) as response:
            self.headers = response.headers
            return response.status, await response.json()

    async def ids(self, path: str, *filters: Mapping[str, Any]) -> list[int]:
        body = {"filters": list(filters), "sort": [{"field": "id", "direction": "asc"}]}
        status, answer = await self(f"{path}/search?limit=100", body)
        assert status == 200, answer
        return [row["id"] for row in answer["data"]]


class TestStandIn:
    def test_keys_scopes_and_the_order_of_refusals(self) -> None:
        async def test(perscom: PerscomStandIn, call: Caller) -> None:
            perscom.add("ranks", id=5, name="Corporal")
            assert (await call("ranks/5"))[0] == 200
            call.key = perscom.key("view:unit")
            assert (await call("ranks/5"))[0] == 403
            assert (await call("ranks/6"))[0] == 404
            assert (await call("units"))[0] == 200
            perscom.subscribed = False
            assert (await call("units"))[0] == 402
            call.key = perscom.key(days=-1)
            assert (await call("units"))[0] == 401
            call.key = perscom.key()
            perscom.subscribed = True
            assert (await call("planets"))[0] == 404
            assert (await call("ranks", {"name": "x"}))[0] == 405
            assert (await call("/v3/ranks"))[0] == 400
            status, answer = await call("units/search?include=commander", {})
            assert (status, list(answer["error"])) == (422, ["message", "type", "request_id", "trace_id", "errors"])

        standing_in(test)

    def test_pages_have_fifteen_rows_and_links_lose_what_was_asked(self) -> None:
        async def test(perscom: PerscomStandIn, call: Caller) -> None:
            for number in range(1, 41):
                perscom.add("awards", id=number, name=f"Award {number}", order=1)
            _, answer = await call("awards/search", {"sort": [{"field": "id", "direction": "desc"}]})
            assert [row["id"] for row in answer["data"]] == list(range(40, 25, -1))
            assert answer["meta"]["total"] == 40
            assert answer["links"]["next"] == "https://api.perscom.io/v2/awards/search?page=2"
            _, answer = await call("awards/search?limit=30&page=2", {"sort": [{"field": "id", "direction": "asc"}]})
            assert [row["id"] for row in answer["data"]] == list(range(31, 41))
            _, past = await call("awards/search?page=9", {})
            assert (past["data"], past["meta"]["from"]) == ([], None)
            orders = {tuple(row["id"] for row in (await call("awards/search", {}))[1]["data"]) for _ in range(5)}
            assert len(orders) > 1  # nobody asked for an order

        standing_in(test)

    def test_filters_join_as_in_sql_nest_once_and_take_midnight_for_a_day(self) -> None:
        async def test(perscom: PerscomStandIn, call: Caller) -> None:
            for number, updated in ((1, "2026-05-16T00:00:00"), (2, "2026-05-16T18:30:01"), (3, "2026-05-17T09:00:00")):
                perscom.add("ranks", id=number, name=f"Rank {number}", updated_at=f"{updated}.000000Z")

            def when(operator: str, value: str, **more: str) -> dict[str, Any]:
                return {"field": "updated_at", "operator": operator, "value": value, **more}

            one = {"field": "id", "value": 1}
            assert await call.ids("ranks", when(">=", "2026-05-16 18:30:01")) == [2, 3]
            assert await call.ids("ranks", when(">", "2026-05-16 00:00:00")) == [3]
            assert await call.ids("ranks", when("=", "2026-05-16 00:00:00")) == [1, 2]
            assert await call.ids("ranks", when(">", "2026-05-15 23:59:59")) == [1, 2, 3]
            assert await call.ids("ranks", when(">=", "2026-05-16T18:00:00Z")) == [3]  # ISO is compared as a text
            assert await call.ids("ranks", one, {**one, "value": 2, "type": "or"}, {**one, "value": 3}) == [1]
            nested = {"type": "or", "nested": [{**one, "value": 3}, when(">", "2026-05-17 08:00:00")]}
            assert await call.ids("ranks", one, nested) == [1, 3]
            assert await call.ids("ranks", {"field": "id", "operator": "in", "value": []}) == []
            assert await call.ids("ranks", {"field": "name", "operator": "like", "value": "%ank 2"}) == [2]
            too_deep = {"nested": [{"nested": [one]}]}
            for wrong, status in (
                (too_deep, 422),
                ({"field": "password", "value": 1}, 422),
                ({"field": "id", "operator": "~", "value": 1}, 422),
                ({"field": "id"}, 500),
                (when("=", "yesterday"), 500),
            ):
                assert (await call("ranks/search", {"filters": [wrong]}))[0] == status

        standing_in(test)

    def test_relations_that_were_asked_for_and_those_that_come_uninvited(self) -> None:
        async def test(perscom: PerscomStandIn, call: Caller) -> None:
            image = {"id": 45, "image_url": "https://files.example.invalid/x.png"}
            perscom.add("ranks", id=5, name="Corporal", image=image)
            perscom.add("units", id=3, name="Hidden", hidden=True)
            perscom.add("users", id=12, display_name="Cpl Orla Brandt", rank_id=5, unit_id=3)
            perscom.add("rank-records", id=412, user_id=12, rank_id=5)
            perscom.add("submissions", id=88, user_id=None, statuses=[{"id": 11, "name": "Accepted"}])
            _, users = await call("users/search", {})
            (user,) = users["data"]
            assert (user["rank"]["name"], user["unit"], user["unit_id"]) == ("Corporal", None, 3)
            assert "image" not in user["rank"]
            perscom.rows.blank_display_names = True
            assert "rank" not in (await call("users/search", {}))[1]["data"][0]
            _, records = await call("rank-records/search?include=rank.image,user", {})
            (record,) = records["data"]
            assert record["rank"] == {**record["rank"], "image": image, "name": "Corporal"}
            assert record["user"]["email"] == "orla@heron-troop.example"
            assert record["document"] is None
            _, submissions = await call("submissions/search?include=user,statuses", {})
            guest = submissions["data"][0]["user"]
            assert (guest["display_name"], "id" in guest) == ("Guest", False)
            assert await call.ids("rank-records", {"field": "rank.name", "value": "Corporal"}) == [412]
            _, hidden = await call("units/search", {"scopes": [{"name": "hidden"}]})
            assert [row["id"] for row in hidden["data"]] == [3]
            assert await call.ids("units") == []

        standing_in(test)

    def test_a_limit_tells_what_is_left_and_a_refusal_tells_nothing(self) -> None:
        clock = Clock()

        async def test(perscom: PerscomStandIn, call: Caller) -> None:
            await call("ranks/search", {})
            assert (call.headers["X-RateLimit-Limit"], call.headers["X-RateLimit-Remaining"]) == ("2", "1")
            await call("ranks/search", {})
            assert (await call("ranks/search", {}))[0] == 429
            assert not [name for name in call.headers if name.lower().startswith(("x-ratelimit", "retry"))]
            clock.time += 61
            assert (await call("ranks/search", {}))[0] == 200

        standing_in(test, limit=2, now=clock)

    def test_a_get_may_be_stale_for_ever_and_a_search_never_is(self) -> None:
        async def test(perscom: PerscomStandIn, call: Caller) -> None:
            assert (await call("ranks"))[1]["data"] == []
            assert (await call("ranks/5"))[0] == 404
            perscom.add("ranks", id=5, name="Corporal")
            assert (await call("ranks"))[1]["data"] == []
            assert (await call("ranks/5"))[0] == 404
            assert await call.ids("ranks") == [5]

        standing_in(test, stale=True)

    def test_rows_may_change_between_two_pages(self) -> None:
        async def test(perscom: PerscomStandIn, call: Caller) -> None:
            perscom.between = lambda: perscom.add("ranks", name="New")
            assert await call.ids("ranks") == [1]
            assert await call.ids("ranks") == [1, 2]

        standing_in(test)


# bridge.toml


def jwt(**claims: object) -> str:
    from base64 import urlsafe_b64encode

    return f"e30.{urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b'=').decode()}.c2lnbmF0dXJl"


def loaded(folder: Path, site: str = "", more: str = "", token: str = "") -> tuple[Config | None, str]:
    text = f'[site]\nsecret = "${{S}}"\n{site}\n[destinations.a]\ntype = "discord"\nurl = "{DISCORD}"\n{more}'
    (folder / "bridge.toml").write_text(text)
    found = inspect(folder / "bridge.toml", {"S": SECRET, "T": token})
    return found.config, "\n".join([found.report(), *found.notes])


class TestConfiguration:
    def test_without_a_token_there_is_no_api(self, tmp_path: Path) -> None:
        config, _ = loaded(tmp_path)
        assert config is not None
        assert config.site.api is None
        assert not config.privacy.forget_left
        assert config.images == {}

    def test_all_of_it(self, tmp_path: Path) -> None:
        token = jwt(exp=datetime(2999, 1, 1, tzinfo=UTC).timestamp(), email="owner@heron-troop.example")
        site = 'token = "${T}"\nperscom_id = 1201\napi = "https://perscom.example.org/"\n'
        config, text = loaded(tmp_path, site, "[privacy]\nforget_left = true\n", token=token)
        assert config is not None
        assert config.site.api == Api(token=HiddenToken(token), url="https://perscom.example.org/v2", perscom_id="1201")
        assert config.privacy.forget_left
        for part in (token, "heron-troop"):
            assert part not in text
            assert part not in repr(config)

    @pytest.mark.parametrize(
        ("site", "token", "line", "sentence"),
        [
            ('token = "${T}"', "Bearer a.b.c", 3, "without “Bearer” and white space"),
            ('token = "${T}"', "a.b.ü12345678", 3, "Copy it again"),
            ('token = "${T}"\napi = "http://perscom.example.org"', jwt(), 4, "https://"),
            ('token = "${T}"\napi = "perscom.example.org"', jwt(), 4, "no web address"),
            ('token = "${T}"\nperscom_id = "a b"', jwt(), 4, "no PERSCOM ID"),
            ('api = "https://api.perscom.io"', "", 3, "needs a token too"),
            ('tokn = "x"', "", 3, 'Did you mean "token"?'),
        ],
    )
    def test_mistakes_have_a_line_and_a_remedy(self, tmp_path: Path, site: str, token: str, line: int, sentence: str) -> None:
        config, text = loaded(tmp_path, site, token=token)
        assert config is None
        assert f"line {line} " in text
        assert sentence in text
        assert not token or token not in text

    @pytest.mark.parametrize(
        ("token", "note"),
        [
            ("just-some-token-of-another-kind", "has two points in it"),
            ("not.base64!.x".replace("!", "~"), "whose middle part can be read"),
            (jwt(exp=1_700_000_000), "ended on 2023-11-14"),
            (jwt(exp=1e300), "whose middle part can be read"),
        ],
    )
    def test_what_is_odd_about_a_token_is_good_to_know(self, tmp_path: Path, token: str, note: str) -> None:
        config, text = loaded(tmp_path, 'token = "${T}"', token=token)
        assert config is not None
        assert note in text
        assert token not in text

    def test_pictures_by_name(self, tmp_path: Path) -> None:
        more = (
            '[images.rank]\n"Sergeant  First Class" = "https://a.example/sfc.png"\n[images.award]\nX = "https://a.example/x"\n'
        )
        config, _ = loaded(tmp_path, "", more)
        assert config is not None
        assert config.images == {
            "rank": {"sergeant first class": "https://a.example/sfc.png"},
            "award": {"x": "https://a.example/x"},
        }

    @pytest.mark.parametrize(
        ("more", "sentence"),
        [
            ('[images.ranks]\nX = "https://a.example/x"', 'Did you mean "rank"?'),
            ('[images.rank]\nX = "http://a.example/x"', "begin with https://"),
            ('[images.rank]\nX = "https://user:pw@a.example/x"', "begin with https://"),
            ('[images.rank]\nX = "https://a.example/x?X-Amz-Expires=3600"', "within the hour"),
            ("[images.rank]\nX = 3", "Write it in quotes"),
            ('[images.rank]\nX = "https://a.example/x"\nx = "https://a.example/y"', "Keep one of the two"),
            ('[images]\nrank = "https://a.example/x"', "[images.rank]"),
            ("[privacy]\nforget_left = 1", "forget_left = true"),
        ],
    )
    def test_mistakes_in_pictures(self, tmp_path: Path, more: str, sentence: str) -> None:
        config, text = loaded(tmp_path, "", more)
        assert config is None
        assert sentence in text
