"""Sign-ins under way: sealed in the browser that began them, finished by any replica."""

from urllib.parse import urlsplit

import aiohttp
import pytest
from pydantic import SecretStr

from crossfade.testing.runs import IrisRun
from crossfade_console.flows import Flows
from crossfade_console.sessions import Sessions


class Asking:
    """A request with cookies."""

    def __init__(self, cookies):
        self.cookies = cookies


@pytest.fixture
def settings(provider):
    return provider.settings()


async def test_only_the_browser_that_asked_may_bring_an_answer_and_once(console, provider):
    jars = [aiohttp.CookieJar(unsafe=True) for _ in range(2)]
    async with (
        aiohttp.ClientSession(console.url, cookie_jar=jars[0]) as ada,
        aiohttp.ClientSession(console.url, cookie_jar=jars[1]) as eve,
    ):
        begun = await ada.get("/sign-in/provider", allow_redirects=False)
        answer = await ada.get(begun.headers["Location"], allow_redirects=False)
        back = answer.headers["Location"]
        stolen = await eve.get(back)
        forged = await ada.get("/sign-in/callback", params={"code": "x", "state": "y"})
        assert provider.token_calls == []
        first = await ada.get(back, allow_redirects=False)
        again = await ada.get(back)

    assert [a.status for a in (stolen, forged, first, again)] == [403, 403, 303, 403]
    assert "begun in another browser" in await stolen.text()
    assert len(provider.token_calls) == 1


async def test_an_answer_with_a_kept_cookie_is_refused_by_the_provider(client, provider):
    begun = await client.get("/sign-in/provider", allow_redirects=False)
    kept = {"crossfade_sign_in": begun.cookies["crossfade_sign_in"].value}
    back = (await client.get(begun.headers["Location"], allow_redirects=False)).headers
    async with aiohttp.ClientSession(client._base_url, cookies=kept) as other:
        assert (await other.get(back["Location"], allow_redirects=False)).status == 303
    async with aiohttp.ClientSession(client._base_url, cookies=kept) as other:
        again = await other.get(back["Location"], allow_redirects=False)

    assert (again.status, "no such code" in await again.text()) == (403, True)


async def across(client, one, other):
    """The page at the end of a sign-in that begins at one console and ends at another."""
    begun = await client.get(f"{one.url}/sign-in/provider", allow_redirects=False)
    answer = await client.get(begun.headers["Location"], allow_redirects=False)
    query = urlsplit(answer.headers["Location"]).query
    return await client.get(f"{other.url}/sign-in/callback?{query}")


async def test_another_replica_may_finish_a_sign_in(make, run_console, settings, tell):
    settings |= {"url": "http://127.0.0.1:1"}  # as both are known outside
    async with run_console(make(**settings)) as one, run_console(make(**settings)) as other:
        await tell(IrisRun().events(upto=2))
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as client:
            page = await across(client, one, other)
            assert 'class="who">ada@example.com<' in await page.text()
            page = await client.get(f"{one.url}/")
            assert 'class="who">ada@example.com<' in await page.text()


async def test_a_replica_with_another_key_does_not_finish_it(make, run_console, settings):
    keys = [settings | {"session_key": SecretStr(key)} for key in ("a key", "another")]
    async with (
        run_console(make(**keys[0])) as one,
        run_console(make(**keys[1])) as other,
        aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as client,
    ):
        page = await across(client, one, other)

    assert page.status == 403


async def test_tabs_may_sign_in_at_once_and_the_oldest_gives_way(client, provider):
    backs = []
    for _ in range(4):
        begun = await client.get("/sign-in/provider", allow_redirects=False)
        answer = await client.get(begun.headers["Location"], allow_redirects=False)
        backs.append(answer.headers["Location"])
    cookie = client.cookie_jar.filter_cookies(client._base_url / "sign-in")["crossfade_sign_in"]
    done = [(await client.get(back, allow_redirects=False)).status for back in backs]

    assert done == [403, 303, 303, 303]
    assert len(cookie.value) < 3500


def test_a_sign_in_under_way_lasts_ten_minutes_and_is_no_session():
    now = [1_000_000.0]
    key = SecretStr("a key")
    flows, sessions = Flows(key, lambda: now[0]), Sessions(None, True, key)
    cookie = flows.cookie([flows.begin("http://c/back", "/" + "x" * 5000)])
    asking = Asking({"crossfade_sign_in": cookie, "crossfade_session": cookie})

    assert [flow.to for flow in flows.of(asking)] == ["/"]
    assert sessions.of(asking) is None
    assert flows.of(Asking({"crossfade_sign_in": sessions.open("Ada")})) == []
    now[0] += 601
    assert flows.of(asking) == []
