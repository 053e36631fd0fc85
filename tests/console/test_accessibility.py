"""Every page, in light and dark, as axe-core judges it: nothing serious keeps anybody out."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from crossfade.events import Incident
from crossfade.testing.runs import NAME, NAMESPACE, UID, IrisRun

PAGE = f"/experiments/{NAMESPACE}/{NAME}"
DRAWN = "document.querySelectorAll('.main-svg').length >= 4"
GRAVE = ("serious", "critical")


@pytest.fixture
def axe(root):
    """axe-core as its publisher ships it."""
    found = sorted((root / ".dev").glob("axe-core-*/axe.min.js"))
    if not found:
        pytest.skip("axe-core is not in .dev: ./dev test fetches it where there is npm")
    return found[-1].read_text()


@pytest.fixture
def root():
    return Path(__file__).parents[2]


@pytest.fixture
def look(chromium, axe, console, tmp_path):
    """Opens a page and says what axe-core finds there, gravest first."""
    kept = Path(os.environ.get("CROSSFADE_TEST_PICTURES") or tmp_path)

    async def look(name, path, ready):
        await chromium.go(console.url + path)
        await chromium.until(ready)
        # By the DevTools protocol: the pages' own policy lets no stranger's script in.
        await chromium.value(f"{axe}; true")
        found = await chromium.value(RUN)
        await chromium.picture(kept / f"{name}.png")
        return [f"{name}: {each}" for each in found]

    return look


# Where axe-core cannot tell, as with text over a drawing, it says «incomplete», not «violation».
RUN = """axe.run(document, {resultTypes: ['violations']}).then((found) =>
  found.violations.flatMap((v) => v.nodes.map((n) =>
    `${n.impact}: ${v.id}: ${n.target.join(' ')}: ${n.failureSummary}`)))"""


def grave(findings):
    return [finding for finding in findings if finding.split(": ")[1] in GRAVE]


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_page_is_open_to_everybody(chromium, look, tell, now, scheme):
    now[0] = datetime.now(UTC)
    run = IrisRun(start=now[0] - timedelta(seconds=95))
    feature = {"name": "prefers-color-scheme", "value": scheme}
    await chromium.call("Emulation.setEmulatedMedia", features=[feature])
    trouble = Incident(uid=UID, iteration=5, what_happened="stale-data", text="p95 is stale")

    found = await look(f"{scheme}-list-empty", "/", "true")
    found += await look(f"{scheme}-not-begun", PAGE, "true")
    found += await look(f"{scheme}-sign-in", f"/sign-in?to={PAGE}", "true")
    await tell(run.events(upto=0))
    found += await look(f"{scheme}-start", PAGE, "document.getElementById('headline') !== null")
    await tell(run.events(upto=7))
    await tell([(None, trouble.about(NAMESPACE, NAME))])
    found += await look(f"{scheme}-midway", PAGE, DRAWN)
    await tell(IrisRun(name="another", uid="uid-2").events())
    found += await look(f"{scheme}-list", "/", "document.querySelectorAll('#runs td').length")
    await tell(run.events())
    found += await look(f"{scheme}-decided", PAGE, DRAWN)

    assert grave(found) == [], "\n".join(grave(found))


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_whoever_acts_meets_no_barrier(chromium, look, tell, now, console, scheme):
    now[0] = datetime.now(UTC)
    await tell(IrisRun(start=now[0] - timedelta(seconds=95)).events(upto=9))
    feature = {"name": "prefers-color-scheme", "value": scheme}
    await chromium.call("Emulation.setEmulatedMedia", features=[feature])
    await chromium.go(f"{console.url}/sign-in?to={PAGE}")
    await chromium.value("document.getElementById('token').value = 'open-sesame'")
    await chromium.value("document.querySelector('form[action=\"/sign-in\"] button').click()")
    await chromium.until(f"location.pathname === '{PAGE}' && {DRAWN}")
    asked = "document.querySelector('#acts button').click(), !!document.querySelector('[open]')"

    found = await look(f"{scheme}-acting", PAGE, f"{DRAWN} && ({asked})")

    assert grave(found) == [], "\n".join(grave(found))
