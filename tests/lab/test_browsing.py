"""The browser that tests look through."""

import asyncio


async def test_a_question_that_nobody_waits_for_any_more_does_no_harm(chromium):
    asked = asyncio.create_task(
        chromium.value("new Promise((answer) => setTimeout(answer, 100))")
    )
    await asyncio.sleep(0.05)
    asked.cancel()
    await asyncio.wait([asked])
    assert await chromium.value("new Promise((answer) => setTimeout(answer, 200, 'here'))") == (
        "here"
    )
