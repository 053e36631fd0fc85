// One experiment: draws the view, follows the stream, replays earlier looks.
import { actions } from "./actions.js";
import * as charts from "./charts.js";
import { evidence, lacking } from "./evidence.js";
import { $, data, h, say, show } from "./dom.js";
import { brief, clock, count, duration, number, place, title, withUnit } from "./format.js";
import { follow } from "./live.js";
import { viewAt } from "./replays.js";
import { fit, ready, roomy } from "./plots.js";
import { bar, line } from "./sparks.js";
import { warnings } from "./warnings.js";
import { plotted, whatif } from "./whatif.js";
import { whyView } from "./whys.js";

let { view, points, lines } = data();
let look = null;          // null: live
let skew = new Date(view.now) - Date.now();
let Plotly = null;
let kind = "";

const pills = { proved: ["proved", "good"], held: ["held", "good"], "not-yet": ["not yet", "warn"], missed: ["missed", "bad"], unknown: ["no data", "warn"] };
const newest = () => points[points.length - 1]?.i ?? 0;

// Long ago not every look is kept: the one before it is the nearest truth.
const kept = (at) => points.filter((p) => p.i <= at).at(-1)?.i ?? points[0].i;

const tile = (big, small, drawing) => h("div", { class: "card tile" }, h("b", {}, big), h("span", {}, small), drawing);

const tiles = (v) => {
  const asked = v.weights.asked, seen = Object.keys(v.weights.observed).length ? v.weights.observed : v.weights.inForce;
  const order = [v.focus, ...v.versions.filter((x) => x !== v.focus)].filter(Boolean);
  const few = order.length < 3;   // of many versions the big number is one's, the others follow in words
  const split = (of) => (few ? order.map((x) => number(of[x] ?? 0)).join(" : ") : `${number(of[order[0]] ?? 0)} %`);
  const others = (of) => order.slice(1).map((x) => `${brief(x)} ${number(of[x] ?? 0)}`).join(" · ");
  const measured = Object.keys(v.weights.measured).length ? `${split(v.weights.measured)} of requests` : `${split(seen)} in force`;
  const wanted = Object.keys(asked).length && !v.fixed ? asked : seen;
  const rest = v.outcome === "promoted" && v.finishes && (seen[v.focus] ?? 0) < 100 ? " · then the finish action moved the rest" : "";
  const served = v.requests[v.focus];
  const errors = v.objectives.find((o) => o.version === v.focus && /error-rate/.test(o.metric));
  const failed = served !== undefined && errors?.value !== undefined && errors?.value !== null ? ` · ${Math.round(served * errors.value) ? `about ${count(served * errors.value)}` : "none"} failed` : "";
  const best = v.reward?.best?.[v.focus];
  show($("tiles"),
    tile(`${v.iteration} / ${v.of || "–"}`, `looks · ${duration(v.intervalSeconds)} each`, bar(v.of ? v.iteration / v.of : 0, "", "progress")),
    tile(Object.keys(seen).length ? split(wanted) : "–", `${few ? order.map((x) => brief(x)).join(" : ") : `${brief(order[0])} · ${others(wanted)}`} · ${Object.keys(seen).length ? measured + rest : "not read yet"}`),
    tile(served === undefined ? "–" : count(served), served === undefined && v.iteration ? "requests: no metric counts them" : `requests served by ${brief(v.focus || "the candidate")}${failed}`),
    best !== undefined
      ? tile(best > 0.999 ? "> 0.999" : best.toFixed(3), `P(${brief(v.focus)} best)`)
      : v.reward ? tile(v.reward.ratio ? `${v.reward.ratio.toFixed(2)}×` : "–", `${v.reward.name} of ${brief(v.focus)} beside ${brief(v.baseline)}`)
        : tile(`${v.objectives.filter((o) => o.standing === "held" || o.standing === "proved").length} / ${v.objectives.length}`, "limits held"));
};

const proofText = (o) => (o.proof?.bar ? `e-value ${number(o.proof.e)} of ${number(o.proof.bar)}; z ${number(o.proof.z)}, ${number(o.proof.critical)} at the last look` : "");

const objectives = (v) => {
  const proofs = v.objectives.some((o) => o.need || o.proof || o.standing === "proved");
  say($("evidence"), proofs ? "evidence" : "of the limit");
  const rows = v.objectives.map((o) => {
    const [word, tone] = v.iteration === 0 && o.standing === "unknown" ? ["not read yet", ""] : pills[o.standing];
    const trend = points.filter((p) => p.i > 0 && p.i <= v.iteration).map((p) => p.v?.[o.metric]?.[o.version] ?? null);
    const enough = o.standing === "not-yet" && o.proof && o.proof.for >= 1;
    const near = o.upper !== null && trend.some((x) => x > o.upper * 0.5);
    return h("tr", {}, h("td", {}, o.name, h("small", { class: "versionof", title: o.version }, brief(o.version, 22))), h("td", { class: "version", title: o.version }, brief(o.version, 22)), h("td", { class: "num" }, withUnit(o.value, o.unit)),
      h("td", { class: "num" }, o.limit), h("td", { class: "wide" }, line(trend, { limit: near ? o.upper : null, label: `${o.name} of ${o.version} by look` })),
      h("td", {}, h("div", { class: "evidence" }, o.share === null || (proofs && !o.proof && !o.need && o.standing !== "proved") ? null : bar(o.share ?? 0, tone === "good" || enough ? "" : tone, proofs ? "evidence" : "share of the limit used"),
        h("span", { class: "pill", "data-tone": enough ? "good" : tone, title: o.detail || [o.progress, proofText(o)].filter(Boolean).join("; ") || word }, o.need ? o.progress.replace(/ requests$/, "") : enough ? "enough so far" : o.standing === "not-yet" && o.proof ? `${Math.round(100 * o.proof.for)} %` : o.detail && o.standing === "unknown" ? title(o.detail) : word))));
  });
  show($("objectives").tBodies[0], rows.length ? rows : h("tr", {}, h("td", { colspan: 6 }, "No objectives: nothing is asked of the versions but the reward.")));
};

const trust = (v) => {
  const rows = [...v.trust.map((t) => [t.what, t.answer, t.tone]), ["data age", ageOfData(v), late(v)]];
  show($("trust").tBodies[0], rows.map(([what, answer, tone]) =>
    h("tr", {}, h("td", {}, what), h("td", {}, tone ? h("span", { class: "dot", "data-tone": tone }) : null, h("span", { id: what === "data age" ? "dataage" : null }, answer)))));
};

// A sample that should have been here long ago is worth a warning.
const late = (v) => (v.nextAt && look === null ? (Date.now() + skew - new Date(v.nextAt) > 2000 * v.intervalSeconds ? "warn" : "good") : "");

const ageOfData = (v) => (v.phase === "completed" && v.sampledAt ? `last at ${clock(v.sampledAt)}` : v.sampledAt ? duration((Date.now() + skew - new Date(v.sampledAt)) / 1000) : "no sample yet");

const opened = new Map();   // what somebody opened stays open when the log grows

const log = () => {
  const kinds = [...new Set(lines.map((l) => l.kind))];
  const chips = ["", ...kinds].map((k) => h("button", { type: "button", "aria-pressed": String(k === kind), onclick: () => { kind = k; log(); } }, k || "all"));
  show($("kinds"), chips);
  const box = $("log"), at = box.scrollTop, held = document.activeElement?.dataset.id;
  show(box, lines.filter((l) => !kind || l.kind === kind).slice().reverse().map((l) =>
    h("li", { "data-tone": l.tone }, h("time", { datetime: l.at }, clock(l.at)), h("span", { class: "kind" }, l.kind), h("span", { class: "text" }, l.text),
      h("button", { type: "button", class: "plain more", "data-id": l.id, "aria-expanded": String(opened.has(l.id)), "aria-label": `Why: the whole event ${l.id}`, onclick: () => why(l) }, l.kind === "assessment" ? "why" : "event"),
      opened.get(l.id))));
  box.scrollTop = at;
  if (held) box.querySelector(`[data-id="${CSS.escape(held)}"]`)?.focus({ preventScroll: true });
};

const why = async (l) => {
  if (opened.delete(l.id)) { log(); return; }
  const box = h("div", { class: "opened" }, "…");
  opened.set(l.id, box);
  log();
  try {
    const answer = await fetch(`${here()}/log?id=${encodeURIComponent(l.id)}`);
    if (!answer.ok) throw new Error(answer.statusText);
    show(box, whyView(await answer.json(), view, points));
  } catch { say(box, "The log does not keep this event any more."); }
};

const numbers = () => {
  const metrics = [...new Set(points.flatMap((p) => Object.keys(p.v || {})))];
  const head = ["look", "time", ...view.versions.map((v) => `${brief(v)} %`), ...metrics.flatMap((m) => view.versions.map((v) => `${m.split("/").pop()} ${brief(v)}`)), "verdict"];
  const table = $("numbers");
  show(table.tHead, h("tr", {}, head.map((text) => h("th", { scope: "col" }, text))));
  show(table.tBodies[0], points.map((p) => h("tr", {}, h("td", {}, p.i), h("td", {}, clock(p.at)), view.versions.map((v) => h("td", {}, number((p.o || p.s || {})[v]))),
    metrics.flatMap((m) => view.versions.map((v) => h("td", {}, number(p.v?.[m]?.[v])))), h("td", {}, p.d || ""))));
};

const next = () => {
  const left = view.nextAt ? (new Date(view.nextAt) - Date.now() - skew) / 1000 : null;
  say($("next"), look !== null || left === null ? "" : left > 0 ? `Next look in ${duration(left)}.` : left > -3 * view.intervalSeconds ? "The next look is due." : `The next look is ${duration(-left)} late.`);
  const cell = $("dataage");
  if (cell && view.phase !== "completed") {
    say(cell, ageOfData(view));
    if (cell.previousSibling) cell.previousSibling.dataset.tone = late(view);
  }
};

// The dashboard of this run, over the time of this run.
const grafana = (v) => {
  const link = $("grafana");
  if (!link || !v.startedAt) return;
  link.dataset.base ??= link.getAttribute("href").replace(/\/$/, "");
  const at = (moment, more) => String(new Date(moment).getTime() + more);
  const query = new URLSearchParams({ "var-namespace": v.namespace, "var-experiment": v.name, from: at(v.startedAt, -60_000), to: v.endedAt ? at(v.endedAt, 60_000) : "now" });
  link.href = `${link.dataset.base}/d/crossfade-experiment?${query}`;
};

const standing = (v) => {
  const where = place(v.queue);
  return where && v.queue.ahead ? `${where} behind ${v.queue.ahead}` : where;
};

const draw = () => {
  const v = look === null ? view : viewAt(view, points, look);
  $("verdict").dataset.tone = look === null ? v.tone : "warn";
  say($("phase"), v.phase === "completed" ? v.outcome || "ended" : title(v.phase));
  $("phase").dataset.tone = v.tone === "calm" ? "" : v.tone;
  say($("pattern"), [v.pattern, v.target && `target ${v.target}`, standing(v)].filter(Boolean).join(" · "));
  say($("headline"), v.headline);
  say($("why"), v.why.replace(/\.$/, "").toLowerCase() === v.headline.toLowerCase() ? "" : v.why);
  for (const part of document.querySelectorAll(".later")) part.hidden = !view.versions.length;
  $("acts").hidden = look !== null;   // nobody acts on the past
  show($("troubles"), look !== null ? [] : v.troubleTexts.map((t) => h("p", { class: "trouble" }, t.text)));
  tiles(v); objectives(v); trust(v); next();
  whatif(view);
  warnings(view, here());
  grafana(view);
  say($("evidence-said"), decides(view));
  const silent = !view.proofs.length && view.iteration > 0;
  $("evidence-card").hidden = silent;
  $("evidence-card").parentElement.classList.toggle("alone", silent);
  $("reward-card").hidden = !view.reward;
  $("reward-card").parentElement.classList.toggle("alone", !view.reward);
  if (view.reward) say($("t-reward"), `Reward · ${view.reward.name}`);
  const slider = $("look");
  slider.max = newest();
  slider.disabled = !newest();   // nothing has been yet that could be shown again
  if (look === null) slider.value = newest();
  say($("lookat"), look === null ? "live" : `look ${look}`);
  $("live").hidden = look === null;
  plot();
};

const plot = () => {
  if (!Plotly) return;
  const upto = look ?? Infinity;
  const incidents = lines.filter((l) => l.kind === "incident" && l.tone === "bad" && l.iteration <= upto).slice(-3);
  charts.traffic(Plotly, $("traffic"), view, points, upto, incidents);
  charts.reward(Plotly, $("reward"), view, points, upto);
  evidence(Plotly, $("evidence-chart"), view, points, upto);
  requestAnimationFrame(() => ["traffic", "reward", "evidence-chart"].forEach((id) => fit(Plotly, $(id))));
};

// What the lines mean, and what decides in the end.
const decides = (v) => {
  const seen = v.proofs.filter((p) => p.proof && (v.candidates.length < 2 || p.candidate === v.focus));
  if (!seen.length) return "";
  if (v.policy !== "assured") return "Policy iter8 decides by point estimates; the evidence is shown beside it.";
  const last = seen.map((p) => (p.proof.critical ? p.proof.z / p.proof.critical : null)).filter((x) => x !== null);
  const least = Math.round(100 * Math.min(...last));
  const furthest = !last.length ? "" : least >= 100 ? " Every claim would pass it as things stand." : ` The claim that is furthest from passing it is at ${number(Math.max(least, 0))} %.`;
  return `Beyond the upper line a claim is proved whenever one looks. At the last look a sharper test decides (z against its critical value).${v.phase === "completed" ? "" : furthest}`;
};

const here = () => `/api/experiments/${encodeURIComponent(view.namespace)}/${encodeURIComponent(view.name)}`;

const take = (news) => {
  const again = news.view.uid !== view.uid;
  if (again) { points = []; lines = []; look = null; }
  const fresh = news.lines;
  view = news.view;
  skew = new Date(view.now) - Date.now();
  for (const p of news.points) {
    const at = points.findIndex((one) => one.i === p.i);
    if (at >= 0) points[at] = p; else points.push(p);
  }
  const last = lines[lines.length - 1]?.sequence ?? 0;
  lines = [...lines, ...fresh.filter((l) => l.sequence > last)].slice(-250);
  draw(); log(); actions(view);
  if ($("numbers").closest("details").open) numbers();
};

$("look").addEventListener("input", (event) => { const at = Number(event.target.value); look = at >= newest() ? null : kept(at); draw(); });
$("live").addEventListener("click", () => { look = null; draw(); });
$("numbers").closest("details").addEventListener("toggle", numbers);
document.addEventListener("theme", plot);
draw(); log(); actions(view);
ready().then((loaded) => {
  Plotly = loaded;
  plot();
  plotted(loaded);
  roomy(loaded, () => ["traffic", "reward", "evidence-chart", "whatif-plot"].map($), () => { plot(); plotted(loaded); });
});
if (!$("plotly")) show($("evidence-chart"), lacking(view));
const uid = new URLSearchParams(location.search).get("uid");
follow(`${here()}/events${uid ? `?uid=${encodeURIComponent(uid)}` : ""}`, "run", take);
setInterval(next, 500);
