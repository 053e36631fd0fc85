// Traffic and reward.
import { h, show } from "./dom.js";
import { brief, local, number } from "./format.js";
import { axis, colour, config, extra, horizon, layout, level, tint } from "./plots.js";

const shortened = (text) => {
  const plain = text.replace(/^opened: /, "");
  return plain.length > 36 ? `${plain.slice(0, 35)}…` : plain;
};

// Hours and days need no seconds; minutes do.
const clockFormat = (from, to) => {
  const hours = (new Date(to) - new Date(from)) / 3_600_000;
  return hours > 72 ? "%-d %b" : hours > 20 ? "%-d %b %H:%M" : hours > 2 ? "%H:%M" : "%H:%M:%S";
};

// What is in force after each look: observed, else what the next look was read under.
const inForce = (points) => {
  let last = {};
  return points.map((p, i) => { last = p.o || points[i + 1]?.s || p.s || last; return last; });
};

const newest = (points) => points[points.length - 1]?.i ?? 0;

const moment = (view, p) => local(p.at || view.startedAt);

export const traffic = (Plotly, element, view, points, upto, incidents) => {
  const seen = points.filter((p) => p.i <= upto);
  const splits = inForce(seen);
  const x = seen.map((p) => moment(view, p));
  const live = view.phase !== "completed" && seen.length && view.of && upto === Infinity;
  const last = splits[splits.length - 1] || {};
  const latest = seen[seen.length - 1]?.at;
  const present = local(Math.max(Date.now(), latest ? new Date(latest) : 0));
  const until = live ? [present] : [];   // what is in force holds until now
  const others = view.candidates.filter((v) => v !== view.focus && v !== view.baseline);
  const stack = [...new Set([view.focus, ...others, view.baseline])].filter(Boolean);   // the dots belong to the lowest
  const traces = stack.map((version, n) => {
    const base = version === view.baseline && view.candidates.length > 0;
    const line = base ? colour("base") : n ? extra[(n - 1) % extra.length] : colour("accent");
    return {
      name: brief(version), x: [...x, ...until], y: [...splits, ...(live ? [last] : [])].map((split) => split[version] ?? 0), stackgroup: "split", mode: "lines",
      line: { shape: "hv", width: base ? 0 : 2, color: line }, fillcolor: base ? colour("faint") : tint(line, 0.45),
      customdata: seen.map((p) => (n || !p.d ? "" : ` · ${p.d}`)), hovertemplate: "%{y} %%{customdata}",
    };
  });
  const measured = seen.filter((p) => p.m && p.m[view.focus] !== undefined);
  if (measured.length) traces.push({
    name: `${brief(view.focus)}, of requests`, x: measured.map((p) => local(p.at)), y: measured.map((p) => p.m[view.focus]),
    mode: "markers", marker: { size: 6, color: colour("text") }, hovertemplate: "%{y:.1f} % of requests",
  });
  const asked = seen.filter((p) => !view.fixed && p.w && p.o && p.w[view.focus] !== p.o[view.focus]);
  if (asked.length) traces.push({
    name: "asked, not in force", x: asked.map((p) => local(p.at)), y: asked.map((p) => p.w[view.focus]),
    mode: "markers", marker: { symbol: "x", size: 8, color: colour("bad") }, hovertemplate: "asked: %{y} %",
  });
  const started = points.find((p) => p.at)?.at || view.startedAt;
  const first = new Date(started).getTime() - view.intervalSeconds * 1000 * (points.find((p) => p.at)?.i || 0);
  const shapes = [], annotations = [];
  const shown = live ? horizon(view, newest(seen)) : view.of;
  const end = local(first + shown * view.intervalSeconds * 1000);
  const range = view.of ? [local(first), end] : undefined;
  if (live) {
    const now = last[view.focus] ?? 0;
    traces.push({ name: "held until the end", showlegend: false, x: [present, end], y: [now, now], mode: "lines", line: { dash: "dot", width: 1.5, color: colour("accent") }, hoverinfo: "skip" });
  }
  if (live && element.clientWidth > 480 && new Date(end) - new Date(present) > (new Date(end) - new Date(range[0])) / 4) {
    const now = last[view.focus] ?? 0, below = now > 85;
    annotations.push({ x: end, y: now, text: "until a look moves it", showarrow: false, xanchor: "right", yanchor: below ? "top" : "bottom", font: { size: 11, color: colour("soft") } });
  }
  incidents.forEach((incident, n) => {
    const at = local(incident.at), right = range && new Date(at) - new Date(range[0]) > (new Date(range[1]) - new Date(range[0])) / 2;
    shapes.push({ type: "line", x0: at, x1: at, yref: "paper", y0: 0, y1: 1, line: { color: colour("bad"), width: 1, dash: "dash" } });
    annotations.push({ x: at, yref: "paper", y: 1 - 0.11 * n, text: shortened(incident.text), showarrow: false, xanchor: right ? "right" : "left", yanchor: "top", font: { size: 11, color: colour("bad") }, bgcolor: tint(colour("card"), 0.85) });
  });
  Plotly.react(element, traces, layout({
    xaxis: axis({ type: "date", range, showgrid: false, tickformat: clockFormat(range?.[0] ?? x[0], range?.[1] ?? present), tickangle: 0, nticks: element.clientWidth < 480 ? 4 : 7, hoverformat: "%-d %b %H:%M:%S" }),
    legend: { ...layout({}).legend, traceorder: "normal" },
    yaxis: axis({ range: [0, 101], tickvals: [0, 25, 50, 75, 100], ticksuffix: "" }), shapes, annotations,
  }), config);
  element.setAttribute("aria-label", `Traffic after look ${seen[seen.length - 1]?.i ?? 0}: ` + stack.map((v) => `${v} ${last[v] ?? 0} %`).join(", "));
};

export const reward = (Plotly, element, view, points, upto) => {
  const r = view.reward;
  if (!r) { Plotly.purge(element); show(element, h("p", { class: "empty" }, "This experiment has no reward.")); return; }
  const seen = points.filter((p) => p.i > 0 && p.i <= upto);
  if (!seen.length) { Plotly.purge(element); show(element, h("p", { class: "empty" }, "Comes with the first look.")); return; }
  if (element.querySelector("p")) show(element);
  const intervals = seen.filter((p) => p.r);
  const traces = intervals.length ? diffs(view, intervals) : levels(view, seen);
  const { shapes, proved } = intervals.length ? boundary(r) : { shapes: [] };
  const sure = number(100 * (1 - (view.alpha ?? 0.05)));
  const text = intervals.length ? `difference to ${brief(view.baseline)}<br>anytime-valid ${sure} %, ${proved}` : `${r.name}${r.unit ? `, ${r.unit}` : ""}`;
  Plotly.react(element, traces, layout({
    margin: { l: 46, r: 10, t: 6, b: intervals.length ? 58 : 42 },
    xaxis: axis({ title: { text: `look · ${text}`, font: { size: 11 } }, showgrid: false, range: [0.4, horizon(view, upto === Infinity ? newest(seen) : 0) + 0.6], nticks: 8 }),
    yaxis: axis({ rangemode: "tozero", range: intervals.length ? span(r, intervals) : undefined, nticks: 6 }), shapes,
  }), config);
  element.setAttribute("aria-label", `${r.name}: ` + Object.entries(r.values).map(([v, x]) => `${v} ${number(x)}`).join(", "));
};

// The interval has to be clear of this line: zero, or the smallest effect that is worth it.
const boundary = (r) => {
  const needed = r.lowIsBetter ? -r.minEffect : r.minEffect, far = r.lowIsBetter ? -1e9 : 1e9;
  const shapes = [
    { type: "rect", xref: "paper", x0: 0, x1: 1, y0: needed, y1: needed + far, fillcolor: tint(colour("accent"), 0.07), line: { width: 0 }, layer: "below" },
    level(needed, needed ? "accent" : "soft", { width: 1.5 }),
  ];
  if (needed) shapes.push(level(0, "soft"));
  const proved = needed ? `proved beyond ${number(needed)}` : r.lowIsBetter ? "proved below 0" : "proved above 0";
  return { shapes, proved };
};

// The first intervals are as wide as ignorance; the later half sets the scale, the rest is cut off.
const span = (r, intervals) => {
  const later = intervals.slice(Math.floor(intervals.length / 2)).flatMap((p) => Object.values(p.r)).flat().filter((v) => v !== null);
  const all = [...later, 0, r.lowIsBetter ? -r.minEffect : r.minEffect];
  const low = Math.min(...all), high = Math.max(...all), room = (high - low || 1) * 0.12;
  return [low - room, high + room];
};

// Whom the page is about comes first and has the accent, as in the traffic.
const tried = (view) => [...new Set([view.focus, ...view.candidates])].filter((v) => view.candidates.includes(v));

const levels = (view, seen) => [...tried(view), view.baseline].map((version, n) => ({
  name: brief(version), x: seen.map((p) => p.i), y: seen.map((p) => p.v?.[view.reward.metric]?.[version] ?? null),
  mode: "lines+markers", line: { width: 2, color: version === view.baseline && view.candidates.length ? colour("soft") : n ? extra[(n - 1) % extra.length] : colour("accent") }, marker: { size: 5 }, hovertemplate: "%{y:.4g}",
}));

const diffs = (view, seen) => tried(view).map((version, n) => {
  const rows = seen.filter((p) => p.r[version]);
  return {
    name: brief(version), x: rows.map((p) => p.i + n * 0.18), y: rows.map((p) => p.r[version][0]), mode: "markers",
    marker: { size: 8, color: n ? extra[(n - 1) % extra.length] : colour("accent") },
    error_y: { type: "data", symmetric: false, width: 0, thickness: 3, color: n ? extra[(n - 1) % extra.length] : colour("accent"),
      array: rows.map((p) => (p.r[version][2] ?? p.r[version][0]) - p.r[version][0]), arrayminus: rows.map((p) => p.r[version][0] - (p.r[version][1] ?? p.r[version][0])) },
    hovertemplate: "%{y:.4g}",
  };
});
