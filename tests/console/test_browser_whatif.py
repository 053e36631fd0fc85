"""What if, in a real browser: somebody fills in the form and reads the answer."""

import asyncio
from datetime import UTC, datetime, timedelta

import orjson
import pytest

from crossfade.errors import Malformed
from crossfade.events import subjects
from crossfade.runtime.runs import Runs
from crossfade.settings import AnalyzerSettings
from crossfade.testing import MemoryStore
from crossfade.testing.runs import NAME, NAMESPACE, UID, IrisRun, iris_document
from crossfade_analyzer.answering import WhatIf
from crossfade_analyzer.policies.choice import policies

PAGE = f"/experiments/{NAMESPACE}/{NAME}"
SUBMIT = "document.getElementById('whatif-form').requestSubmit()"
TABLE = "document.getElementById('whatif-table').textContent"
SAID = "document.getElementById('whatif-said').textContent"


@pytest.fixture
async def commander(log):
    store = MemoryStore()
    await store.put(subjects.document_key(UID, 1), orjson.dumps(iris_document()), 0)
    whatif = WhatIf(log, Runs(store), lambda: policies(AnalyzerSettings()))

    class Analyzing:
        async def request(self, verb, body):
            try:
                return orjson.loads(orjson.dumps(await whatif.answer(orjson.dumps(body))))
            except Malformed as error:
                listed = [{"field": e.field, "message": e.message} for e in error.errors]
                return {"accepted": False, "errors": listed}

    return Analyzing()


async def filled(browser, **fields):
    for name, value in fields.items():
        await browser.value(f"document.getElementById('w-{name}').value = '{value}'")
    await browser.value(SUBMIT)
    await browser.until("!document.getElementById('w-go').disabled")


async def test_other_rules_are_set_beside_what_happened(chromium, console, tell):
    start = datetime.now(UTC) - timedelta(seconds=200)
    await tell(IrisRun(start=start).events())
    await chromium.go(console.url + PAGE)
    await chromium.until("document.getElementById('w-policy') !== null")

    await filled(chromium, policy="iter8", **{"limit-2": "0.001"})
    first = await chromium.value(SAID)
    await filled(chromium, policy="assured", **{"limit-2": ""})
    table = await chromium.value(TABLE)
    await chromium.until("document.querySelector('#whatif-plot .main-svg') !== null")

    assert "iter8, error-rate ≤ 0.001" in first
    assert "without a winner" in first or "rolled back" in first
    for told in ("as it ran", "promote", "assured", "look 15"):
        assert told in table
    label = await chromium.value("document.getElementById('whatif-plot').ariaLabel")
    assert label.startswith("as it ran: promote at look 15; assured")


async def test_a_wrong_number_is_said_at_the_form(chromium, console, tell):
    await tell(IrisRun(start=datetime.now(UTC)).events(upto=3))
    await chromium.go(console.url + PAGE)
    await chromium.until("document.getElementById('w-policy') !== null")

    await filled(chromium, alpha="much")
    await asyncio.sleep(0)

    assert await chromium.value(SAID) == (
        "alpha: found 'much'; right is a level above 0, up to 0.5"
    )
    assert await chromium.value("document.getElementById('whatif-results').hidden")


async def test_what_somebody_typed_outlives_a_new_look(chromium, console, tell):
    run = IrisRun(start=datetime.now(UTC))
    await tell(run.events(upto=3))
    await chromium.go(console.url + PAGE)
    await chromium.until("document.getElementById('w-policy') !== null")
    await chromium.value("document.getElementById('w-alpha').value = '0.2'")

    await tell(run.look(4))
    await chromium.until("document.getElementById('tiles').textContent.includes('4 / 15')")

    assert await chromium.value("document.getElementById('w-alpha').value") == "0.2"
