"""Signing in at an OpenID Connect provider: a real one in miniature, with real keys, over HTTP."""

import json
import re
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from joserfc.jwk import KeySet
from pydantic import SecretStr
from tests.console.oidc_provider import ADA, CLIENT, a_key

from crossfade.errors import Malformed, Missing
from crossfade.settings import ConsoleSettings, load
from crossfade.testing.runs import NAME, NAMESPACE, UID, IrisRun
from crossfade_console.identities import Refused, allowed

ONE = f"/api/experiments/{NAMESPACE}/{NAME}"


@pytest.fixture
def settings(provider):
    return provider.settings()


async def signed_in(client, to="/"):
    """The page at the end of a sign-in."""
    return await client.get("/sign-in/provider", params={"to": to})


async def refused(client):
    """What the sign-in page says, and its status."""
    answer = await signed_in(client)
    text = await answer.text()
    assert "crossfade_session" not in {c.key for c in client.cookie_jar}
    return answer.status, re.search(r'role="alert">([^<]*)<', text).group(1)


async def test_whoever_comes_back_from_the_provider_may_act_under_that_name(
    client, tell, commander, provider
):
    await tell(IrisRun().events(upto=2))
    page = await signed_in(client, f"/experiments/{NAMESPACE}/{NAME}")
    text = await page.text()
    word = re.search(r'name="csrf" content="([^"]+)"', text).group(1)
    body = {"verb": "abort", "confirm": True, "uid": UID}

    without = await client.post(f"{ONE}/actions", json=body)
    done = await client.post(f"{ONE}/actions", json=body, headers={"X-Crossfade-Csrf": word})

    assert page.url.path == f"/experiments/{NAMESPACE}/{NAME}"
    assert 'class="who">ada@example.com<' in text
    assert (without.status, done.status) == (401, 202)
    assert commander.asked[0][1]["requestedBy"] == "console:ada@example.com"
    assert "code_verifier" in provider.token_calls[0][1]


async def test_the_cookies_are_out_of_reach_of_scripts_and_strangers(client, provider):
    begun = await client.get("/sign-in/provider", allow_redirects=False)
    flow = begun.headers["Set-Cookie"]
    answer = await client.get(begun.headers["Location"], allow_redirects=False)
    back = await client.get(answer.headers["Location"], allow_redirects=False)
    cookies = back.headers.getall("Set-Cookie")
    session = next(c for c in cookies if c.startswith("crossfade_session="))

    for cookie in (flow, session):
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
    assert "Path=/sign-in" in flow
    assert any(c.startswith('crossfade_sign_in=""') for c in cookies)


async def test_a_browser_keeps_the_sign_in_across_two_sites(
    chromium, make, run_console, settings, provider, tell
):
    # The console at 127.0.0.1, the provider at localhost: two sites, as far as cookies go.
    provider.url = provider.issuer = provider.url.replace("127.0.0.1", "localhost")
    # Somebody clicks there, so that the way back begins at the other site.
    provider.asks = True
    settings |= {"oidc_issuer": provider.url}
    async with run_console(make(**settings)) as console:
        await tell(IrisRun().events(upto=2))
        page = f"/experiments/{NAMESPACE}/{NAME}"
        await chromium.go(f"{console.url}/sign-in?to={page}")
        await chromium.value("document.querySelector('a.button').click()")
        await chromium.until("document.getElementById('yes') !== null")
        await chromium.value("document.getElementById('yes').click()")
        await chromium.until(f"location.pathname === '{page}' && document.title !== ''")
        await chromium.until("document.querySelector('meta[name=csrf]') !== null")
        await chromium.until("document.querySelectorAll('#acts button').length === 3")
        assert await chromium.value("document.cookie") == ""
        await chromium.value(
            "document.querySelector('form[action=\"/sign-out\"] button').click()"
        )
        await chromium.until("location.pathname === '/' && document.title !== ''")
        await chromium.until("document.querySelector('meta[name=csrf]') === null")


async def test_state_nonce_and_verifier_are_fresh_each_time(client):
    seen = []
    for _ in range(2):
        begun = await client.get("/sign-in/provider", allow_redirects=False)
        seen.append(parse_qs(urlsplit(begun.headers["Location"]).query))

    for name in ("state", "nonce", "code_challenge"):
        assert seen[0][name] != seen[1][name]
        assert len(seen[0][name][0]) >= 32


WRONG = [
    ({"nonce": "another"}, "another sign-in (nonce)"),
    ({"nonce": None}, "another sign-in (nonce)"),
    ({"aud": "another-app"}, "another application (audience)"),
    ({"aud": [CLIENT, "more"], "azp": "more"}, "another application (authorized party)"),
    ({"iss": "https://evil.test"}, "another provider (issuer)"),
    ({"exp": 1_700_000_000}, "has expired"),
    ({"at_hash": "wrong"}, "not valid"),
]


@pytest.mark.parametrize(("altered", "told"), WRONG)
async def test_a_wrong_identity_token_lets_nobody_in_and_says_why(
    client, provider, altered, told
):
    provider.altered = altered

    status, said = await refused(client)

    assert status == 403
    assert told in said


async def test_a_token_signed_with_a_strangers_key_is_refused(client, provider):
    provider.signer = a_key("one", of="a stranger")

    status, said = await refused(client)

    assert status == 403
    assert "does not publish" in said


async def test_a_token_signed_with_the_shared_secret_is_refused(client, provider):
    from joserfc.jwk import OctKey

    provider.algorithm = "HS256"
    provider.signer = OctKey.import_key(
        "a secret that is long enough to sign with", {"kid": "one"}
    )

    status, said = await refused(client)

    assert (status, "not valid" in said) == (403, True)


async def test_a_provider_may_turn_to_another_key(client, provider):
    await signed_in(client)
    fresh = a_key("two")
    provider.keys, provider.signer = KeySet([fresh]), fresh

    page = await signed_in(client)

    assert 'class="who"' in await page.text()
    assert provider.key_calls == 2


@pytest.mark.parametrize(
    ("claims", "told"),
    [
        (
            {"sub": "1", "email": "eve@evil.test", "email_verified": True},
            "eve@evil.test is known",
        ),
        ({"sub": "1", "email": "ada@example.com", "email_verified": False}, "not verified"),
        ({"sub": "1", "email": "ada@example.com"}, "not verified"),
        ({"sub": "1"}, "1 is known"),
    ],
)
async def test_who_is_on_no_list_is_told_so(client, provider, claims, told):
    provider.claims = claims

    status, said = await refused(client)

    assert status == 403
    assert told in said
    assert told != "not verified" or "may not act here" in said


def test_a_group_lets_in_and_names_by_what_is_verified():
    settings = ConsoleSettings(
        oidc_issuer="https://id.example.com",
        oidc_client_id=CLIENT,
        oidc_groups=("ml",),
        oidc_groups_claim="roles",
    )

    assert allowed(settings, {"sub": "7", "roles": ["ml", "ops"]}) == "7"
    assert allowed(settings, {"sub": "7", "roles": "ml", "preferred_username": "ada"}) == "ada"
    faked = {"sub": "7", "roles": ["ml"], "email": "boss@example.com", "email_verified": False}
    assert allowed(settings, faked) == "7"
    with pytest.raises(Refused):
        allowed(settings, {"sub": "7", "groups": ["ml"]})


async def test_an_address_that_only_userinfo_knows_counts_if_it_is_the_same_person(
    client, provider
):
    provider.claims, provider.info = {"sub": "42"}, dict(ADA, sub="43")
    status, said = await refused(client)
    assert (status, "somebody else" in said) == (403, True)

    provider.info = dict(ADA)
    assert 'class="who">ada@example.com<' in await (await signed_in(client)).text()


async def test_a_secret_goes_into_the_form_where_the_provider_wants_it_there(client, provider):
    provider.ways = ["client_secret_post"]

    assert 'class="who"' in await (await signed_in(client)).text()
    assert provider.token_calls[0][0] is None


async def test_what_the_provider_refuses_is_passed_on_in_its_words(client, provider):
    begun = await client.get("/sign-in/provider", allow_redirects=False)
    state = parse_qs(urlsplit(begun.headers["Location"]).query)["state"][0]
    denied = {"state": state, "error": "access_denied", "error_description": "<b>not you</b>"}

    answer = await client.get("/sign-in/callback", params=denied)

    assert answer.status == 403
    assert "did not let you in: &lt;b&gt;not you" in await answer.text()


async def test_a_provider_that_calls_itself_otherwise_is_not_believed(client, provider):
    provider.issuer = "https://another.test"

    status, said = await refused(client)

    assert (status, "console.oidc_issuer" in said) == (403, True)


async def test_a_provider_that_is_away_is_said_to_be(client, provider):
    await provider.runner.cleanup()

    status, said = await refused(client)

    assert (status, "does not answer" in said) == (502, True)


async def test_a_sign_in_leads_nowhere_else(client, provider):
    page = await signed_in(client, "//evil.test")
    assert page.url.path == "/"


async def test_the_page_offers_what_is_set(client, make, run_console, settings):
    text = await (await client.get("/sign-in")).text()
    assert "/sign-in/provider?to=/" in text
    assert 'name="token"' not in text
    async with (
        run_console(make(token=SecretStr("t"), **settings)) as both,
        aiohttp.ClientSession(both.url) as session,
    ):
        text = await (await session.get("/sign-in")).text()
        assert "/sign-in/provider" in text
        assert 'name="token"' in text
    async with (
        run_console(make(token=SecretStr("t"))) as alone,
        aiohttp.ClientSession(alone.url) as session,
    ):
        assert (await session.get("/sign-in/provider")).status == 404
        assert (await session.get("/sign-in/callback")).status == 404


def test_without_the_library_the_start_says_what_to_install(make, settings, monkeypatch):
    monkeypatch.setattr("crossfade_console.oidc.find_spec", lambda name: None)

    with pytest.raises(Missing, match=r"pip install crossfade\[oidc\]"):
        make(**settings)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "oidc_client_id"),
        ({"CLIENT_ID": "c"}, "oidc_emails or oidc_groups"),
        ({"CLIENT_ID": "c", "EMAILS": '["*"]', "ISSUER": "http://id.test"}, "https"),
        ({"CLIENT_ID": "c", "EMAILS": '["*"]', "SCOPES": "email"}, "openid"),
    ],
)
def test_half_a_setting_stops_the_start_and_shows_no_secret(monkeypatch, given, told):
    wanted = {"ISSUER": "https://id.test", "CLIENT_SECRET": "s3cret"} | given
    for name, value in wanted.items():
        monkeypatch.setenv(f"CROSSFADE_CONSOLE__OIDC_{name}", value)

    with pytest.raises(Malformed, match=told) as error:
        load()

    assert "s3cret" not in str(error.value)
    assert json.dumps(str(error.value))
