"""Three who tell people of one run, each heard by itself: the page, Slack, and Prometheus."""

from __future__ import annotations

import asyncio
import json
import re
import time
from dataclasses import dataclass, field

from crossfade.telling.numbers import short

BEAT_MS = 100
WATCH = """window.said ??= (() => {
  const said = [], words = (id) => document.getElementById(id)?.textContent.trim() ?? '';
  const note = () => {
    const looks = words('tiles').match(/(\\d+) \\/ (\\d+)/)?.[1];
    if (looks) said.push({
      at: Date.now() / 1000, looks, headline: words('headline'), why: words('why'),
      traffic: document.getElementById('traffic').ariaLabel || '',
      objectives: [...document.querySelectorAll('#objectives tbody tr')]
        .map((row) => [...row.cells].map((cell) => cell.textContent.trim())),
    });
  };
  window.beats = [];
  setInterval(() => beats.push(Date.now() / 1000), BEAT_MS);
  new MutationObserver(note).observe(document.body,
    { subtree: true, childList: true, characterData: true, attributes: true });
  note();
  return said;
})()""".replace("BEAT_MS", str(BEAT_MS))
MARKS = {
    ":white_check_mark:": "held",
    ":hourglass_flowing_sand:": "not-yet",
    ":x:": "missed",
}
EVERY_SECONDS = 0.05


@dataclass(frozen=True)
class Said:
    """What one of them says of a run at one look; `at` is Unix time."""

    at: float
    look: int
    headline: str = ""
    why: str = ""
    split: dict = field(default_factory=dict)
    standings: dict = field(default_factory=dict)
    """By words for the metric and version: held (or proved), missed, not-yet, unknown."""


class Page:
    """Remembers the first and last sight of each look.

    The page itself notes each of its changes: a question every now and then would miss some while
    the machine is busy, or a picture is taken.
    """

    def __init__(self, browser):
        self.browser = browser
        self.heard, self.first, self.last = 0, {}, {}

    async def watch(self):
        """From the experiment's first event on, for ever, until cancelled."""
        await self.browser.until("document.getElementById('headline') !== null", 60)
        while True:
            await self.hear()
            await asyncio.sleep(EVERY_SECONDS)

    async def hear(self):
        """What the page has noted since it was heard last."""
        noted = await self.browser.value(f"JSON.stringify(({WATCH}).slice({self.heard}))")
        for page in json.loads(noted):
            self.heard += 1
            self.note(page)

    def note(self, page):
        said = Said(
            at=page["at"],
            look=int(page["looks"]),
            headline=page["headline"],
            why=page["why"],
            split=shares(page["traffic"].partition(": ")[2]),
            standings={
                (row[0].removesuffix(row[1]), row[1]): standing(row[-1])
                for row in page["objectives"]
                if row[2:]
            },
        )
        self.first.setdefault(said.look, said)
        self.last[said.look] = said

    async def busy(self, since, until):
        """Whether the page could do next to nothing then: fewer than half of its beats."""
        beats = [beat for beat in await self.browser.value("beats") if since < beat < until]
        return len(beats) * BEAT_MS < 500 * (until - since)

    async def until(self, condition, seconds=60):
        """Wait until the page shows what is asked for; what it shows then."""
        end = time.time() + seconds
        while True:
            found = [said for said in self.last.values() if condition(said)]
            if found:
                return found[-1]
            assert time.time() < end, f"not within {seconds} s; the page said {self.last}"
            await asyncio.sleep(EVERY_SECONDS)


def slack(server):
    """What the living message said last at each look."""
    texts = [
        (body["text"], _texts(body["blocks"]))
        for method, body in server.calls
        if method in ("chat.postMessage", "chat.update") and body.get("blocks")
    ]
    said = {}
    for fallback, text in texts:
        look = re.search(r"\*Look\* (\d+) of", text)
        if look is not None:
            verdict, _, why = re.search(r"\*(.+)\*(\n(.*))?", text)[0].partition("*\n")
            said[int(look[1])] = Said(
                at=0,
                look=int(look[1]),
                headline=verdict.strip("*"),
                why=why,
                split=shares(text),
                standings=_standings(text),
            )
            assert fallback.endswith(f"{said[int(look[1])].headline}. {why}".strip())
    return said


def _standings(text):
    """Of lines as `:x: error rate ≤ 0.01: new 0.02 · :white_check_mark: old 0.001`."""
    found = {}
    for mark, metric, versions in re.findall(
        r"^(:\w+:) (.+?) [≤≥] [^:]+: (.+)$", text, re.MULTILINE
    ):
        for part in versions.split(" · "):
            own, version = re.match(r"(:\w+:)? ?(\S+)", part).groups()
            found[metric, version] = MARKS.get(own or mark, "unknown")
    return found


def _texts(blocks):
    parts = [b.get("text", {}).get("text", "") for b in blocks if b["type"] == "section"]
    parts += [f["text"] for b in blocks for f in b.get("fields", ())]
    return "\n".join(parts)


def standing(word):
    """A standing by what the page's pill or a series calls it."""
    if word in ("held", "proved"):
        return "held"
    if word in ("not yet", "not-yet") or re.fullmatch(r"[\d,]+ of [\d,]+", word):
        return "not-yet"
    return "missed" if word == "missed" else "unknown"


def shares(text):
    """`iris-v2 70 %` and its kin, by version."""
    found = re.findall(r"([\w-]+) (\d+) %", text)
    return {version: int(weight) for version, weight in found if version != "asked"}


async def prometheus(metrics, look):
    """What the series said last at a look, in the same terms."""
    told = await metrics.query("crossfade_experiment_iteration[10m]")
    values = [sample for series in told["result"] for sample in series["values"]]
    at = max(float(moment) for moment, value in values if int(value) == look)

    async def asked(query):
        answer = await metrics.query(query, at)
        return [(each["metric"], float(each["value"][1])) for each in answer["result"]]

    weights = await asked('crossfade_weight_percent{kind="observed"}')
    verdicts = await asked("crossfade_objective_verdict == 1")
    return Said(
        at=at,
        look=look,
        split={labels["version"]: int(value) for labels, value in weights},
        standings={
            (short(labels["metric"]).replace("-", " "), labels["version"]): standing(
                labels["verdict"]
            )
            for labels, _ in verdicts
        },
    )
