// Why: what an assessment was made from, by which rule, with what result; other events as they are.
import { h } from "./dom.js";
import { number, withUnit } from "./format.js";

const short = (metric) => metric.split("/").pop().replace(/-/g, " ");

const raw = (event) => h("details", {}, h("summary", {}, "The event as it is kept"), h("pre", { tabindex: "0" }, JSON.stringify(event, null, 2)));

const table = (head, rows, label) => h("div", { class: "scroll" }, h("table", { class: "grid" },
  h("caption", { class: "sr" }, label), h("thead", {}, h("tr", {}, head.map((text, n) => h("th", { scope: "col", class: n ? "num" : null }, text)))),
  h("tbody", {}, rows.map(([first, ...cells]) => h("tr", {}, h("th", { scope: "row" }, first), cells.map((cell) => h("td", { class: "num" }, cell)))))));

const inputs = (view, point) => {
  const values = point?.v || {}, units = Object.fromEntries(view.objectives.map((o) => [o.metric, o.unit]));
  const rows = Object.entries(values).map(([metric, by]) => [short(metric), ...view.versions.map((v) => withUnit(by[v], units[metric]))]);
  if (point?.s) rows.unshift(["share in force", ...view.versions.map((v) => `${point.s[v] ?? 0} %`)]);
  return rows.length ? table(["read", ...view.versions], rows, "What was read") : h("p", { class: "soft" }, "The readings of this look are thinned out; the log has them.");
};

const between = (e) => (e.low === null || e.low === undefined ? "–" : `${number(e.low)} … ${number(e.high)}`);
const claims = (evidence) => {
  const seen = evidence.filter((e) => !e.lacks && e.logBar);
  const rows = seen.map((e) => [`${short(e.claim)}, ${e.candidate}`, number(e.estimate), between(e), `${number(Number(Math.exp(Math.min(e.logE, 50)).toPrecision(3)))} of ${number(Number(Math.exp(e.logBar).toPrecision(3)))}`, `${number(e.z)} of ${number(e.critical)}`, e.violated ? "violated" : e.proved ? "proved" : "open"]);
  const lacks = evidence.filter((e) => e.lacks).map((e) => h("li", {}, `${short(e.claim)} of ${e.candidate} cannot be proved: ${e.why}`));
  return [seen.length ? table(["claim", "estimate", "interval", "e-value", "z", "is"], rows, "The evidence") : null, lacks.length ? h("ul", { class: "soft" }, lacks) : null];
};

const result = (view, data, point) => {
  const before = point?.s || {}, moved = view.versions.filter((v) => (before[v] ?? 0) !== (data.split?.[v] ?? before[v] ?? 0));
  const split = moved.length ? moved.map((v) => `${v} ${before[v] ?? 0} → ${data.split[v]} %`).join(", ") : "the split stays";
  return h("p", {}, h("strong", {}, data.verdict), ` · ${split}${data.winner ? ` · winner so far ${data.winner}` : ""}${data.final ? " · the run ends" : ""}`);
};

export const whyView = (event, view, points) => {
  const data = event.data;
  if (!event.type.startsWith("crossfade.assessment.")) return h("pre", { tabindex: "0" }, JSON.stringify(event, null, 2));
  const point = points.find((p) => p.i === data.iteration);
  const policy = data.policy || view.policy;
  return h("div", { class: "whyview" },
    h("section", {}, h("h4", {}, "Read"), inputs(view, point)),
    h("section", {}, h("h4", {}, `Judged${policy ? ` by ${policy}` : ""}`), h("ul", {}, (data.reasons || []).map((r) => h("li", {}, r.text))), claims(data.evidence || [])),
    h("section", {}, h("h4", {}, "Said"), result(view, data, point)),
    raw(event));
};
