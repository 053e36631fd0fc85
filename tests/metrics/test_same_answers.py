"""The embedded Prometheus answers as the real one does, on the same samples.

The real one's answers are kept in `recorded/answers.json`, so that the comparison runs on every
machine; where `prometheus` and `promtool` are on PATH they are asked again, live. To record anew:
CROSSFADE_TEST_RECORD=1 pytest tests/metrics/test_same_answers.py
"""

import asyncio
import json
import math
import os
import shutil
from pathlib import Path

import aiohttp
import pytest

from crossfade_lab.metrics import EmbeddedPrometheus, RealPrometheus, find_prometheus

HERE = Path(__file__).parent / "recorded"
ANSWERS = HERE / "answers.json"
T0 = 1_700_000_000
# Before much is there, on the instant of a sample, between two, past a reset, past the end.
INSTANTS = (T0 + 62, T0 + 300, T0 + 341.5, T0 + 420, T0 + 700)
VERSIONS = {
    name: f"seldon_deployment_id='iris',predictor_name='{name}',kubernetes_namespace='ns'"
    for name in ("baseline", "candidate")
}
RANGES = (
    "clock",
    "sum by (code) (rate(seldon_api_executor_server_requests_seconds_count[1m]))",
    "time()",
    "depth > 1",
    "rate(clock[1m] @ end())",
)


def expressions():
    found = []
    for line in (HERE / "expressions.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            chosen = VERSIONS.values() if "$S" in line else [""]
            found += [line.replace("$S", selector) for selector in chosen]
    return found


async def ask(http, url, expression, at):
    form = {"query": expression, "time": str(at)}
    async with http.post(f"{url}/api/v1/query", data=form) as answer:
        return answer.status, await answer.json()


async def ask_range(http, url, expression):
    given = {"query": expression, "start": str(T0 + 100), "end": str(T0 + 400), "step": "15s"}
    async with http.get(f"{url}/api/v1/query_range", params=given) as answer:
        return answer.status, await answer.json()


async def all_answers(url):
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as http:
        answers = {}
        for expression in expressions():
            answers[expression] = [
                short(await ask(http, url, expression, at)) for at in INSTANTS
            ]
        for expression in RANGES:
            answers[f"range: {expression}"] = [short(await ask_range(http, url, expression))]
        return answers


def short(answer):
    """What must agree: of an error its kind only, of a value everything."""
    status, body = answer
    if body["status"] != "success":
        return [status, body["errorType"]]
    data = body["data"]
    if data["resultType"] in ("scalar", "string"):
        return [status, data["resultType"], data["result"]]
    rows = [[r["metric"], r.get("value") or r["values"]] for r in data["result"]]
    return [status, data["resultType"], rows]


@pytest.fixture
async def embedded_answers(script, tmp_path):
    async with EmbeddedPrometheus(tmp_path / "e", tmp_path / "none.json") as prometheus:
        for key, samples in script.samples.items():
            for at, value in samples:
                assert prometheus.store.append(dict(key), at, value)
        return await all_answers(prometheus.url)


@pytest.fixture
async def real_answers(script, tmp_path):
    promtool = shutil.which("promtool")
    if promtool is None or find_prometheus() is None:
        pytest.skip("no `prometheus` and `promtool` on PATH")
    samples = tmp_path / "samples.txt"
    samples.write_text(script.openmetrics())
    made = await asyncio.create_subprocess_exec(
        promtool,
        "tsdb",
        "create-blocks-from",
        "openmetrics",
        str(samples),
        str(tmp_path / "p" / "tsdb"),
        stdout=asyncio.subprocess.DEVNULL,
    )
    assert await asyncio.wait_for(made.wait(), 30) == 0
    async with RealPrometheus(
        tmp_path / "p", tmp_path / "none.json", retention="100y"
    ) as prometheus:
        return await all_answers(prometheus.url)


def test_there_are_enough_expressions():
    assert len(expressions()) >= 79


def test_the_embedded_one_answers_as_the_recorded_real_one(embedded_answers):
    assert differences(json.loads(ANSWERS.read_text()), embedded_answers) == []


def test_the_embedded_one_answers_as_the_real_one_on_this_machine(
    embedded_answers, real_answers
):
    if os.environ.get("CROSSFADE_TEST_RECORD"):
        ANSWERS.write_text(
            json.dumps(real_answers, separators=(",", ":")).replace('],"', '],\n"') + "\n"
        )
    assert differences(real_answers, embedded_answers) == []


def test_the_comparison_sees_the_ninth_digit():
    real = {"a": [[200, "vector", [[{}, [1, "1.0"]]]]]}
    close = {"a": [[200, "vector", [[{}, [1, "1.0000000001"]]]]]}
    off = {"a": [[200, "vector", [[{}, [1, "1.000000002"]]]]]}
    assert differences(real, close) == []
    assert differences(real, off) != []


def differences(wanted, found):
    assert wanted.keys() == found.keys()
    return [
        f"{expression} [{at}]: real {real}, embedded {ours}"
        for expression in wanted
        for at, (real, ours) in enumerate(
            zip(wanted[expression], found[expression], strict=True)
        )
        if not same(expression, real, ours)
    ]


def same(expression, real, ours):
    if len(real) != len(ours) or real[:2] != ours[:2]:
        return False
    if len(real) == 2:
        return True
    if real[1] in ("scalar", "string"):
        return close(real[2], ours[2])
    in_order = expression.startswith(("sort", "topk", "bottomk")) and " by " not in expression
    real_rows, our_rows = (
        r if in_order else sorted(r, key=labels_of) for r in (real[2], ours[2])
    )
    if len(real_rows) != len(our_rows):
        return False
    return all(
        a[0] == b[0] and close(a[1], b[1])
        for a, b in zip(keyed(real_rows), keyed(our_rows), strict=True)
    )


def labels_of(row):
    return sorted(row[0].items())


def keyed(rows):
    return [[labels_of(row), row[1]] for row in rows]


def close(a, b):
    if isinstance(a, list):
        return len(a) == len(b) and all(map(close, a, b))
    try:
        x, y = float(a), float(b)
    except ValueError:
        return a == b
    return (math.isnan(x) and math.isnan(y)) or math.isclose(x, y, rel_tol=1e-9)
