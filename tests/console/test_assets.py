"""Files on their way to a browser: small, kept where that is safe, never of another release."""

import gzip

import aiohttp
import pytest

from crossfade.testing.runs import NAME, NAMESPACE, IrisRun
from crossfade_console.assets import plotly_address, plotly_file

PLOTLY = pytest.mark.skipif(plotly_file() is None, reason="plotly is not installed")
GZIP = {"Accept-Encoding": "gzip"}


@pytest.fixture
async def raw(console):
    """A client that shows what travels."""
    async with aiohttp.ClientSession(console.url, auto_decompress=False) as session:
        yield session


@PLOTLY
async def test_plotly_travels_as_a_third_of_its_size_and_is_kept_for_good(raw):
    answer = await raw.get(plotly_address(), headers=GZIP)
    body = await answer.read()

    assert len(body) < len(gzip.decompress(body)) / 3
    assert gzip.decompress(body) == plotly_file().read_bytes()
    assert answer.headers["Content-Encoding"] == "gzip"
    assert "immutable" in answer.headers["Cache-Control"]


@PLOTLY
async def test_a_page_names_plotly_by_its_fingerprint(client, tell):
    await tell(IrisRun().events(upto=1))
    page = await (await client.get(f"/experiments/{NAMESPACE}/{NAME}")).text()

    assert f'src="{plotly_address()}"' in page


@pytest.mark.parametrize("name", ["run.js", "crossfade.css", "icon.svg"])
async def test_what_did_not_change_is_not_sent_again(raw, name):
    first = await raw.get(f"/static/{name}", headers=GZIP)
    mark = first.headers["ETag"]
    again = await raw.get(f"/static/{name}", headers=GZIP | {"If-None-Match": mark})
    other = await raw.get(f"/static/{name}", headers=GZIP | {"If-None-Match": '"other"'})

    assert first.headers["Cache-Control"] == "no-cache"
    assert again.status == 304
    assert await again.read() == b""
    assert other.status == 200


async def test_whoever_takes_no_gzip_gets_it_plain(raw):
    answer = await raw.get("/static/run.js", headers={"Accept-Encoding": "identity"})

    assert "Content-Encoding" not in answer.headers
    assert b"import" in await answer.read()
    assert answer.headers["Content-Type"] == "text/javascript"


async def test_a_wrong_fingerprint_is_kept_by_nobody(raw):
    answer = await raw.get("/static/run.js?v=0123456789abcdef")

    assert answer.headers["Cache-Control"] == "no-cache"


async def test_pages_and_answers_are_compressed_but_not_beside_a_secret(raw, tell):
    await tell(IrisRun().events(upto=9))
    pages = ("/", "/api/experiments", f"/api/experiments/{NAMESPACE}/{NAME}")
    found = [(await raw.get(p, headers=GZIP)).headers.get("Content-Encoding") for p in pages]
    form = {"who": "ada", "token": "open-sesame"}
    entered = await raw.post("/sign-in", data=form, allow_redirects=False)
    cookie = {"Cookie": entered.headers["Set-Cookie"].partition(";")[0]}
    page = await raw.get(f"/experiments/{NAMESPACE}/{NAME}", headers=GZIP | cookie)

    assert found == ["gzip", None, "gzip"]  # what is tiny stays as it is
    assert b'name="csrf"' in await page.read()
    assert "Content-Encoding" not in page.headers
