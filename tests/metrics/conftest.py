"""A scraped thing whose numbers grow by one at each scrape."""

import pytest
from aiohttp import web


class Target:
    """Counts its own scrapes; `text` may be replaced."""

    def __init__(self):
        self.hits = 0
        self.text = None
        self.port = 0

    async def page(self, _request):
        self.hits += 1
        body = self.text or f"# TYPE hits_total counter\nhits_total {self.hits}\n"
        return web.Response(text=body)

    def group(self, **labels):
        return {
            "targets": [f"127.0.0.1:{self.port}"],
            "labels": {"__metrics_path__": "/prometheus", **labels},
        }


@pytest.fixture
async def target():
    scraped = Target()
    app = web.Application()
    app.router.add_get("/prometheus", scraped.page)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    scraped.port = runner.addresses[0][1]
    yield scraped
    await runner.cleanup()
