"""The pages in a real browser: what a person sees, and that the security policy is kept."""

import asyncio
import re
import struct
from datetime import UTC, datetime, timedelta

from crossfade.testing.runs import NAME, NAMESPACE, IrisRun

PAGE = f"/experiments/{NAMESPACE}/{NAME}"


async def dom(chromium, url):
    out, err = await chromium(url, "--dump-dom")
    complaints = [
        line
        for line in re.findall(r'INFO:CONSOLE.*?"(.*?)", source', err)
        # plotly.js brings a style sheet for maps, which the policy refuses and nobody needs.
        if "Applying inline style" not in line
    ]
    return out, complaints


def text_of(out, name):
    found = re.search(rf'id="{name}"[^>]*>(.*?)</', out, re.DOTALL)
    return re.sub(r"<[^>]+>", "", found.group(1)) if found else ""


async def test_the_page_of_a_run_draws_everything_without_a_complaint(
    chromium, console, tell, now
):
    start = datetime.now(UTC) - timedelta(seconds=95)
    now[0] = datetime.now(UTC)
    await tell(IrisRun(start=start).events(upto=9))

    out, complaints = await dom(chromium, console.url + PAGE)

    assert complaints == []
    assert text_of(out, "headline") == "iris-v2 is ahead"
    assert re.search(r"Next look in \d s", text_of(out, "next"))
    assert 'aria-label="Traffic after look 9: iris-v2 95 %, iris-v1 5 %"' in out
    assert out.count('class="main-svg"') >= 4  # both charts are drawn
    assert out.count('class="sparkline"') == 6
    assert "in force after 20 ms" in out


async def test_the_list_of_a_thousand_experiments_is_drawn_in_the_wink_of_an_eye(
    chromium, console, tell
):
    for i in range(1000):
        await tell(IrisRun(name=f"exp-{i:04d}", uid=f"uid-{i}").events(upto=1 + i % 2))
    before = asyncio.get_running_loop().time()
    out, complaints = await dom(chromium, f"{console.url}/")
    took = asyncio.get_running_loop().time() - before

    assert complaints == []
    assert out.count("/experiments/ns-production/exp-") == 1000
    assert took < 15  # starting the browser included, on a busy machine


async def test_screenshots_of_light_and_dark_are_pictures(chromium, console, tell, tmp_path):
    await tell(IrisRun().events())
    pages = {
        "run": (PAGE, "1320,1500"),
        "narrow": (PAGE, "500,2400"),
        "list": ("/", "1320,900"),
    }
    for name, (path, size) in pages.items():
        shot = tmp_path / f"{name}.png"
        await chromium(console.url + path, f"--screenshot={shot}", size=size)
        header = shot.read_bytes()[:24]
        assert header[:8] == b"\x89PNG\r\n\x1a\n"
        assert struct.unpack(">I", header[16:20])[0] == int(size.split(",")[0])
