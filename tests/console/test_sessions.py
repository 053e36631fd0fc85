"""Sessions that outlive the console, and end when they should."""

import re

import aiohttp
import pytest
from pydantic import SecretStr

from crossfade.testing.runs import NAME, NAMESPACE, UID, IrisRun
from crossfade_console.sessions import COOKIE, LASTS_SECONDS, Sessions

ACTIONS = f"/api/experiments/{NAMESPACE}/{NAME}/actions"
TOKEN = SecretStr("open-sesame")


class Asking:
    """A request with a cookie."""

    def __init__(self, cookie):
        self.cookies = {COOKIE: cookie}


@pytest.fixture
def at():
    return [1_000_000.0]


def sessions(at, key="a key"):
    return Sessions(TOKEN, key=SecretStr(key) if key else None, clock=lambda: at[0])


def test_another_process_with_the_same_key_knows_the_session(at):
    cookie = sessions(at).sign_in("open-sesame", "Ada")
    known = sessions(at).of(Asking(cookie))

    assert known.who == "Ada"
    assert known.csrf == sessions(at).of(Asking(cookie)).csrf


@pytest.mark.parametrize("key", ["another key", None])
def test_another_key_signs_everybody_out(at, key):
    assert sessions(at, key).of(Asking(sessions(at).sign_in("open-sesame", "Ada"))) is None


def test_nobody_can_read_or_change_a_cookie(at):
    ours = sessions(at)
    cookie = ours.sign_in("open-sesame", "Ada")
    changed = cookie[:60] + ("A" if cookie[60] != "A" else "B") + cookie[61:]

    assert "Ada" not in cookie
    for wrong in (changed, cookie[:-8], "", "!", "x" * 5000, "é"):
        assert ours.of(Asking(wrong)) is None


def test_a_session_lasts_twelve_hours(at):
    ours = sessions(at)
    cookie = ours.sign_in("open-sesame", "Ada")
    at[0] += LASTS_SECONDS - 1
    assert ours.of(Asking(cookie)) is not None
    at[0] += 2
    assert ours.of(Asking(cookie)) is None


def test_signing_out_ends_a_session_for_whoever_holds_its_cookie(at):
    ours = sessions(at)
    cookie, other = (ours.sign_in("open-sesame", who) for who in ("Ada", "Bob"))
    ours.sign_out(Asking(cookie))

    assert ours.of(Asking(cookie)) is None
    assert ours.of(Asking(other)).who == "Bob"


async def test_whoever_signed_in_may_act_after_a_restart(make, run_console, tell, commander):
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar) as client:
        async with run_console(make(token=TOKEN)) as before:
            await tell(IrisRun().events(upto=2))
            form = {"token": "open-sesame", "who": "Ada"}
            page = await client.post(f"{before.url}/sign-in", data=form)
            word = re.search(r'name="csrf" content="([^"]+)"', await page.text()).group(1)
        async with run_console(make(token=TOKEN)) as after:
            body = {"verb": "abort", "confirm": True, "uid": UID}
            head = {"X-Crossfade-Csrf": word}
            done = await client.post(after.url + ACTIONS, json=body, headers=head)

    assert done.status == 202
    assert commander.asked[0][1]["requestedBy"] == "console:Ada"
