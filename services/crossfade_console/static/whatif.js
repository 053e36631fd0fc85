// What if: the recorded run under other rules, computed by the analyzer, beside what happened.
import { $, h, say, show } from "./dom.js";
import { number } from "./format.js";
import { axis, colour, config, layout, lines } from "./plots.js";

const MOST = 4;
let ran = null, columns = [], Plotly = null, about = null, waiting = false;

const verdicts = { promote: "good", rollback: "bad", inconclusive: "warn", "no-data": "warn" };

const limited = (view) => [...new Map(view.objectives.filter((o) => o.upper !== null || o.lower !== null).map((o) => [o.metric, o])).values()];

const field = (id, label, control) => h("label", { for: id }, h("span", {}, label), control);

const form = (view) => {
  const policy = h("select", { id: "w-policy", name: "policy" }, ["assured", "iter8"].map((name) =>
    h("option", { value: name, selected: name !== view.policy }, name === "iter8" ? "iter8 (points)" : "assured (proof)")));
  const alpha = h("input", { id: "w-alpha", name: "alpha", inputmode: "decimal", placeholder: number(view.alpha ?? 0.05), autocomplete: "off" });
  const effect = view.reward && h("input", { id: "w-effect", name: "minEffect", inputmode: "decimal", placeholder: number(view.reward.minEffect), autocomplete: "off" });
  const limits = limited(view).map((o, n) => field(`w-limit-${n}`, `${o.name} ${o.upper !== null ? "≤" : "≥"}`,
    h("input", { id: `w-limit-${n}`, "data-metric": o.metric, inputmode: "decimal", placeholder: number(o.upper ?? o.lower), autocomplete: "off" })));
  show($("whatif-form"), field("w-policy", "policy", policy), field("w-alpha", "α, level of proof", alpha),
    effect && field("w-effect", "smallest effect", effect), limits,
    h("label", { class: "check" }, h("input", { type: "checkbox", id: "w-early", name: "earlyStop" }), h("span", {}, "may stop early")),
    h("button", { class: "main", id: "w-go" }, "Compute"));
};

const changed = () => {
  const query = new URLSearchParams({ policy: $("w-policy").value });
  for (const id of ["w-alpha", "w-effect"]) if ($(id)?.value.trim()) query.set($(id).name, $(id).value.trim());
  for (const input of document.querySelectorAll("[data-metric]")) if (input.value.trim()) query.append("limit", `${input.dataset.metric}=${input.value.trim()}`);
  if ($("w-early").checked) query.set("earlyStop", "true");
  return query;
};

const compute = async (event) => {
  event.preventDefault();
  if (waiting) return;
  waiting = true;
  $("w-go").disabled = true;
  say($("whatif-said"), "Computing…");
  $("whatif-said").className = "soft";
  try {
    const query = changed();
    query.set("uid", about.uid);
    const answer = await fetch(`/api/experiments/${encodeURIComponent(about.namespace)}/${encodeURIComponent(about.name)}/replay?${query}`);
    const told = await answer.json();
    if (!told.accepted) throw new Error((told.errors || []).map((e) => [e.field?.replace("change.", ""), e.message].filter(Boolean).join(": ")).join("; "));
    ran = told.ran;
    columns = [told.asked, ...columns.filter((c) => c.name !== told.asked.name)].slice(0, MOST);
    say($("whatif-said"), sentence(told));
  } catch (error) {
    say($("whatif-said"), error.message);
    $("whatif-said").className = "bad";
  }
  waiting = false;
  $("w-go").disabled = false;
  draw();
};

const ends = (c) => {
  if (c.stoppedAt === null) return `would still go on after look ${c.looks}`;
  return { promote: `would have promoted ${c.winner}`, rollback: "would have rolled back", inconclusive: "would have ended without a winner", "no-data": "would have ended without data" }[c.verdict] + ` at look ${c.stoppedAt}`;
};

const sentence = ({ ran: was, asked }) => {
  const spared = was?.served && asked.served !== null && asked.served !== undefined ? Math.round(was.served - asked.served) : 0;
  const more = spared ? `, ${number(Math.abs(spared))} ${spared > 0 ? "fewer" : "more"} requests on candidates` : "";
  return `${asked.name} ${ends(asked)}${more}. ${asked.reason ? `${asked.reason.replace(/\.$/, "")}.` : ""}`;
};

const row = (c, n) => h("tr", {},
  h("th", { scope: "row" }, h("span", { class: "swatch", "data-n": n }), c.name),
  h("td", { class: "num" }, c.stoppedAt === null ? "goes on" : `look ${c.stoppedAt}`),
  h("td", {}, h("span", { class: "pill", "data-tone": verdicts[c.verdict] || "" }, c.verdict)),
  h("td", {}, c.winner || "–"), h("td", { class: "num" }, `${number(c.exposure)} %`),
  h("td", { class: "num" }, c.served === null || c.served === undefined ? "–" : number(Math.round(c.served))));

const draw = () => {
  const shown = [ran, ...columns].filter(Boolean);
  if ($("whatif-results").hidden !== !columns.length) {
    $("whatif-results").hidden = !columns.length;
    dispatchEvent(new Event("resize"));   // the chart beside it has another height now
  }
  show($("whatif-table").tBodies[0], shown.map((c) => row(c, c === ran ? 0 : columns.indexOf(c) + 1)));
  if (Plotly && columns.length) plot(shown);
};

const plot = (shown) => {
  const colours = [colour("soft"), ...lines()];
  const traces = shown.flatMap((c) => {
    const line = colours[c === ran ? 0 : columns.indexOf(c) + 1];
    const x = c.moments.map((m) => m.iteration), y = c.moments.map((m) => m.asked);
    const course = { name: c.name, x, y, mode: "lines", line: { shape: "hv", width: 2, color: line, dash: c === ran ? "dot" : "solid" }, hovertemplate: "%{y} %", legendgroup: c.name };
    if (c.stoppedAt === null || !x.length) return [course];
    return [course, { name: "stops", x: [x[x.length - 1]], y: [y[y.length - 1]], mode: "markers", marker: { size: 11, symbol: c.verdict === "promote" ? "star" : "x", color: line }, showlegend: false, legendgroup: c.name, hovertemplate: `${c.verdict}` }];
  });
  Plotly.react($("whatif-plot"), traces, layout({
    showlegend: false, margin: { l: 38, r: 12, t: 8, b: 26 },
    xaxis: axis({ showgrid: false, range: [0.4, Math.max(about.of || 0, 2) + 0.6], nticks: 8 }),
    yaxis: axis({ range: [-3, 105], tickvals: [0, 25, 50, 75, 100] }),
  }), config);
  $("whatif-plot").setAttribute("aria-label", shown.map((c) => `${c.name}: ${c.stoppedAt === null ? "goes on" : `${c.verdict} at look ${c.stoppedAt}`}`).join("; "));
};

// The form is made once a run, or its rules changed; what somebody typed into it stays otherwise.
let made = "";
export const whatif = (view) => {
  about = view;
  const seal = [view.uid, view.revision, view.objectives.length].join();
  if (seal === made || !view.versions.length) return;
  if (!made.startsWith(view.uid)) { ran = null; columns = []; }
  made = seal;
  form(view);
  draw();
};

export const plotted = (loaded) => { Plotly = loaded; draw(); };

$("whatif-form").addEventListener("submit", compute);
document.addEventListener("theme", () => draw());
