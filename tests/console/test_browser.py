"""The pages in a real browser: what a person sees and does, and how fast."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from crossfade.events import Incident
from crossfade.testing.runs import NAME, NAMESPACE, UID, IrisRun

PAGE = f"/experiments/{NAMESPACE}/{NAME}"
DRAWN = "document.querySelectorAll('.main-svg').length >= 4"
# plotly.js brings a style sheet for maps, which the policy refuses and nobody needs.
EXPECTED = "Applying inline style violates"


@pytest.fixture
async def browser(chromium):
    yield chromium
    # The console may end before the browser does; its streams then break off.
    lost = ("net::ERR_", EXPECTED)
    assert [c for c in chromium.complaints if not any(word in c for word in lost)] == []


@pytest.fixture
def run(now):
    """A run under way: its ninth look was a moment ago."""
    now[0] = datetime.now(UTC)
    return IrisRun(start=now[0] - timedelta(seconds=95))


def text(name):
    return f"document.getElementById('{name}').textContent"


async def test_the_page_draws_everything_at_once(browser, console, tell, run):
    await tell(run.events(upto=9))
    await browser.go(console.url + PAGE)
    await browser.until(DRAWN)

    painted = await browser.value(
        "performance.getEntriesByName('first-contentful-paint')[0].startTime"
    )
    assert painted < 1000
    assert await browser.value(text("headline")) == "iris-v2 is ahead"
    assert "Next look in" in await browser.value(text("next"))
    said = await browser.value("document.getElementById('traffic').ariaLabel")
    assert said == "Traffic after look 9: iris-v2 95 %, iris-v1 5 %"
    assert (
        await browser.value("document.querySelectorAll('#objectives .sparkline').length") == 6
    )
    assert "in force after 20 ms" in await browser.value(text("log"))


async def test_an_event_is_on_the_page_within_a_second(browser, console, tell, run):
    await tell(run.events(upto=4))
    await browser.go(console.url + PAGE)
    await browser.until(DRAWN)
    trouble = Incident(uid=UID, iteration=5, what_happened="stale-data", text="p95 is stale")

    await tell(run.look(5))
    took = await browser.until(f"{text('tiles')}.includes('5 / 15')")
    await tell([(None, trouble.about(NAMESPACE, NAME))])
    await browser.until(f"{text('troubles')} === 'p95 is stale'")
    for i in range(6, 16):
        await tell(run.look(i))
    await tell(run.ending())
    await browser.until(f"{text('headline')} === 'iris-v2 is promoted'")

    assert took < 1


async def test_an_earlier_look_can_be_replayed(browser, console, tell, run):
    await tell(run.events(upto=9))
    await browser.go(console.url + PAGE)
    await browser.until(DRAWN)
    await browser.value(
        "(() => { const s = document.getElementById('look'); s.value = 3;"
        " s.dispatchEvent(new Event('input')); })()"
    )

    assert await browser.value(text("headline")) == "As of look 3: iris-v2 is ahead"
    assert "3 / 15" in await browser.value(text("tiles"))
    await browser.value("document.getElementById('live').click()")
    assert await browser.value(text("headline")) == "iris-v2 is ahead"


async def test_somebody_signs_in_and_aborts_with_a_reason(
    browser, console, tell, run, commander
):
    await tell(run.events(upto=9))
    await browser.go(f"{console.url}/sign-in?to={PAGE}")
    await browser.value("document.getElementById('token').value = 'open-sesame'")
    await browser.value("document.getElementById('who').value = 'Ada'")
    await browser.value("document.querySelector('form[action=\"/sign-in\"] button').click()")
    await browser.until(f"location.pathname === '{PAGE}' && {DRAWN}")
    asked = "[...document.querySelectorAll('#acts button')].map((b) => b.textContent).join()"
    assert await browser.value(asked) == "Pause…,Abort…,Promote…"

    await browser.value("document.querySelectorAll('#acts button')[1].click()")
    await browser.value("document.getElementById('c-reason').value = 'looks odd'")
    assert not commander.asked  # not before it is confirmed
    await browser.value("document.getElementById('c-yes').click()")
    await browser.until("!document.getElementById('confirm').open")

    verb, body = commander.asked[0]
    assert (verb, body["reason"], body["requestedBy"]) == ("abort", "looks odd", "console:Ada")


async def test_a_thousand_experiments_are_listed_and_filtered_without_lag(
    browser, console, tell
):
    for i in range(1000):
        await tell(IrisRun(name=f"exp-{i:04d}", uid=f"uid-{i}").events(upto=1 + i % 2))
    rows = "[...document.querySelectorAll('#runs tbody tr')].filter((r) => !r.hidden).length"
    await browser.go(f"{console.url}/")
    await browser.until(f"{rows} === 1000")
    loaded = await browser.value("performance.getEntriesByType('navigation')[0].duration")
    searched = await browser.value(
        "(() => { const start = performance.now(), box = document.getElementById('search');"
        " box.value = 'exp-0042'; box.dispatchEvent(new Event('input'));"
        " return performance.now() - start; })()"
    )
    found = await browser.value(rows)
    await tell(IrisRun(name="exp-0042", uid="uid-42").look(5))
    await browser.until(
        "[...document.querySelectorAll('tr:not([hidden])')].pop()"
        ".textContent.includes('5 / 15')"
    )

    assert found == 1
    assert searched < 300
    assert loaded < 5000


async def test_a_page_opened_too_early_says_what_will_come_and_becomes_the_live_one(
    browser, console, tell, run
):
    await browser.go(console.url + PAGE)
    waited = await browser.value("performance.getEntriesByType('navigation')[0].duration")
    said = await browser.value("document.querySelector('main').textContent")
    await tell(IrisRun(name="another", uid="uid-2").events(upto=1))
    await tell(run.events(upto=1))
    await browser.until(DRAWN)

    assert waited < 1500  # an empty log is no log that is still being read
    assert f"{NAMESPACE}/{NAME} has not begun" in said
    browser.complaints[:] = [c for c in browser.complaints if "404" not in c]


async def test_a_lost_connection_is_said_and_mended(browser, make, tell, run, run_console):
    console = make()
    async with run_console(console):
        await tell(run.events(upto=3))
        await browser.go(console.url + PAGE)
        await browser.until(DRAWN)
        port = console.port
    await browser.until("!document.getElementById('lost').hidden")
    again = make()
    settings = again.settings.model_copy(update={"port": port})
    object.__setattr__(again, "settings", settings)
    async with run_console(again):
        await tell(run.look(4))
        await browser.until(f"{text('tiles')}.includes('4 / 15')", seconds=15)
        await browser.until("document.getElementById('lost').hidden")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_text_can_be_read_in_both_themes(browser, console, tell, run, scheme, tmp_path):
    await tell(run.events())
    feature = {"name": "prefers-color-scheme", "value": scheme}
    await browser.call("Emulation.setEmulatedMedia", features=[feature])
    await browser.go(console.url + PAGE)
    await browser.until(DRAWN)
    await browser.picture(tmp_path / f"{scheme}.png")
    contrasts = await browser.value(CONTRASTS)
    await asyncio.sleep(0)

    assert (tmp_path / f"{scheme}.png").stat().st_size > 20_000
    assert min(contrasts.values()) >= 4.5, contrasts


# WCAG 2.2's contrast of a text with the nearest background below it that is not transparent.
CONTRASTS = """(() => {
  const parse = (c) => (c.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => { v /= 255;
    return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; })
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (e) => { for (; e; e = e.parentElement) {
    const c = parse(getComputedStyle(e).backgroundColor);
    if (c.length && (c.length < 4 || c[3] > 0)) return c; } return [255, 255, 255]; };
  const found = {};
  for (const css of ['#headline', '#why', '#phase', '.tile span', '.pill', '#trust td', 'h3',
                     '#log .text', '#log .kind', 'nav a', '.chips button']) {
    const e = document.querySelector(css);
    const [a, b] = [light(parse(getComputedStyle(e).color)), light(behind(e))];
    found[css] = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  }
  return found;
})()"""
