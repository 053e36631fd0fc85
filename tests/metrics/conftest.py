"""A scraped thing whose numbers grow by one at each scrape."""

import math
import random

import pytest
from aiohttp import web


class Target:
    """Counts its own scrapes; its page and its status may be replaced."""

    def __init__(self):
        self.hits = 0
        self.text = None
        self.status = 200
        self.port = 0

    async def page(self, _request):
        self.hits += 1
        body = self.text or f"# TYPE hits_total counter\nhits_total {self.hits}\n"
        return web.Response(text=body, status=self.status)

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


T0 = 1_700_000_000_000
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
EXECUTOR = "seldon_api_executor_{}_requests_seconds"


class Script:
    """Forty scrapes of two predictors, the same each time: resets, gaps, oddities included."""

    def __init__(self):
        self.chance = random.Random(79)
        self.samples = {}
        self.counts = {}
        for scrape in range(40):
            self.scrape(scrape, T0 + scrape * 15_000)

    def put(self, at, name, value, **labels):
        key = tuple(sorted({"__name__": name, **labels}.items()))
        self.samples.setdefault(key, []).append((at, float(value)))

    def grow(self, predictor, *key, by):
        full = (predictor, *key)
        self.counts[full] = self.counts.get(full, 0) + by
        return self.counts[full]

    def scrape(self, number, at):
        self.plain(number, at)
        for predictor in ("baseline", "candidate"):
            if predictor == "candidate" and (number < 8 or 15 <= number < 19):
                continue
            if predictor == "baseline" and number == 22:
                self.counts = {k: v for k, v in self.counts.items() if k[0] != predictor}
            self.executor(predictor, at + self.chance.randrange(-20, 20))

    def executor(self, predictor, at):
        own = {
            "predictor_name": predictor,
            "seldon_deployment_id": "iris",
            "kubernetes_namespace": "ns",
            "instance": f"{predictor}:8000",
        }
        for service, code, most in (
            ("predictions", "200", 60),
            ("predictions", "500", 3),
            ("feedback", "200", 9),
        ):
            more = self.chance.randrange(most)
            value = self.grow(predictor, service, code, by=more)
            name = EXECUTOR.format("server") + "_count"
            self.put(at, name, value, service=service, code=code, **own)
        self.latencies(predictor, at, own)
        self.put(at, "model_info", 1, model=predictor[:3], predictor_name=predictor)
        self.put(at, "warmth", self.chance.uniform(1, 9), predictor_name=predictor)

    def latencies(self, predictor, at, own):
        name = EXECUTOR.format("client")
        for _ in range(self.chance.randrange(1, 40)):
            took = self.chance.lognormvariate(-3.5, 1.2)
            self.grow(predictor, "sum", by=took)
            for bound in (*BOUNDS, "+Inf"):
                self.grow(predictor, "le", bound, by=int(took <= float(bound)))
        for bound in (*BOUNDS, "+Inf"):
            value = self.counts[predictor, "le", bound]
            self.put(at, f"{name}_bucket", value, le=str(bound), service="/predict", **own)
        self.put(at, f"{name}_sum", self.counts[predictor, "sum"], service="/predict", **own)
        value = self.counts[predictor, "le", "+Inf"]
        self.put(at, f"{name}_count", value, service="/predict", **own)

    def plain(self, number, at):
        self.put(at, "clock", number * 15 % 450, kind="exact")
        self.put(at, "steps", number // 7 % 3, kind="few")
        oddity = {11: math.nan, 23: math.inf, 31: -math.inf}.get(number, number % 6 - 1.5)
        self.put(at, "depth", oddity, predictor_name="baseline", kind="odd")
        self.put(at, "depth", 2, predictor_name="candidate", kind="odd")
        if number >= 20:
            self.put(at, "born", 100 + 3 * number, kind="new")
        if number < 26 and number % 3:
            self.put(at, "late", number * 4, kind="holes")
        for bound, count in (("1", 3), ("2", 8)):
            self.put(at, "open_bucket", count + number, le=bound)
        for bound, count in (("1", 3), ("2", 2), ("4", 9), ("+Inf", 8), ("what", 5)):
            self.put(at, "shrinking_bucket", count + number, le=bound)

    def openmetrics(self):
        """The samples as `promtool tsdb create-blocks-from openmetrics` reads them."""
        rows = []
        for key, samples in self.samples.items():
            labels = dict(key)
            name = labels.pop("__name__")
            inner = ",".join(f'{n}="{v}"' for n, v in labels.items())
            rows += [f"{name}{{{inner}}} {v!r} {at / 1000:.3f}" for at, v in samples]
        return "\n".join([*rows, "# EOF", ""]).replace(" nan ", " NaN ")


@pytest.fixture(scope="session")
def script():
    return Script()
