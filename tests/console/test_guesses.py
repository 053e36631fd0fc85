"""Guessing the console's token: at its form or at its API, whoever guesses waits."""

import aiohttp
import pytest

from crossfade.testing.runs import NAME, NAMESPACE, IrisRun
from crossfade_console.guesses import MOST_CLIENTS, TRIES, TRIES_SECONDS, Guesses, client_of

ACTIONS = f"/api/experiments/{NAMESPACE}/{NAME}/actions"
ABORT = {"verb": "abort", "confirm": True}
RIGHT = "open-sesame"


async def by_form(client, token):
    return (await client.post("/sign-in", data={"token": token}, allow_redirects=False)).status


async def by_bearer(client, token):
    head = {"Authorization": f"Bearer {token}"}
    return (await client.post(ACTIONS, json=ABORT, headers=head)).status


@pytest.mark.parametrize("guess", [by_form, by_bearer])
async def test_guessing_soon_meets_a_pause_at_both_doors(client, tell, commander, guess):
    await tell(IrisRun().events(upto=1))
    guessed = [await guess(client, "guess") for _ in range(TRIES)]

    assert set(guessed[:-1]) <= {401, 403}
    assert await guess(client, "guess") == 429
    assert await by_form(client, RIGHT) == 429
    assert await by_bearer(client, RIGHT) == 429
    assert commander.asked == []


async def test_whoever_guesses_keeps_nobody_else_out(client, console, tell):
    await tell(IrisRun().events(upto=1))
    for _ in range(TRIES):
        await by_bearer(client, "guess")
    elsewhere = aiohttp.TCPConnector(local_addr=("127.0.0.2", 0))
    async with aiohttp.ClientSession(console.url, connector=elsewhere) as other:
        assert await by_bearer(other, RIGHT) == 202
        assert await by_form(other, RIGHT) == 303


async def test_who_is_signed_in_acts_on_beside_somebody_who_guesses(client, tell):
    await tell(IrisRun().events(upto=1))
    await client.post("/sign-in", data={"token": RIGHT})
    text = await (await client.get("/")).text()
    word = text.partition('name="csrf" content="')[2].partition('"')[0]
    for _ in range(TRIES):
        await by_bearer(client, "guess")
    done = await client.post(ACTIONS, json=ABORT, headers={"X-Crossfade-Csrf": word})

    assert done.status == 202


async def test_a_token_that_is_no_text_is_a_wrong_one(client, tell):
    await tell(IrisRun().events(upto=1))
    assert await by_bearer(client, b"\xff\xfe".decode(errors="surrogateescape")) == 401


@pytest.mark.parametrize("word", ["", "wrong", "wörd"])
async def test_a_session_acts_by_its_own_word_alone(client, tell, word):
    await tell(IrisRun().events(upto=1))
    await client.post("/sign-in", data={"token": RIGHT})
    refused = await client.post(ACTIONS, json=ABORT, headers={"X-Crossfade-Csrf": word})

    assert refused.status == 401


def test_a_pause_ends_after_a_minute_and_slow_mistakes_need_none():
    now = [0.0]
    guesses = Guesses(lambda: now[0])
    for _ in range(TRIES):
        guesses.note("a")
    assert guesses.too_many("a")
    now[0] += TRIES_SECONDS + 1
    assert not guesses.too_many("a")
    for _ in range(3 * TRIES):
        now[0] += TRIES_SECONDS / TRIES + 1
        guesses.note("a")
        assert not guesses.too_many("a")


def test_many_clients_are_not_remembered_for_ever():
    guesses = Guesses(lambda: 0.0)
    for n in range(3 * MOST_CLIENTS):
        guesses.note(str(n))
    assert len(guesses._wrong) == MOST_CLIENTS


class Asking:
    def __init__(self, remote):
        self.remote = remote


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("10.0.0.1", "10.0.0.2", False),
        ("2001:db8::1", "2001:db8::ffff:2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:10.0.0.1", "::ffff:10.0.0.2", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        (None, "", True),
    ],
)
def test_a_client_is_an_address_or_a_subnet_of_ipv6(one, other, same):
    assert (client_of(Asking(one)) == client_of(Asking(other))) == same
