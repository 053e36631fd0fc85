// How far from a decision: each claim walks between the line of proof and the line of alarm.
import { h, show } from "./dom.js";
import { axis, colour, config, horizon, layout, level, lines, note, tint } from "./plots.js";

const TOP = 1.3;

// Each candidate's claims, the reward first; monitored ones are watched and need no proof.
const walks = (view) => view.proofs.filter((p) => p.proof && (view.candidates.length < 2 || p.candidate === view.focus));

export const lacking = (view) => {
  const why = new Map();   // several claims often lack the same
  for (const p of view.proofs.filter((one) => one.why)) why.set(p.why, new Set([...(why.get(p.why) || []), p.name]));
  const told = [...why].map(([text, names]) => `${[...names].join(", ")}: ${text}`);
  if (told.length) return h("div", { class: "lacks" }, h("p", {}, "Nothing here can be proved from the metrics as they are:"), h("ul", {}, told.slice(0, 4).map((text) => h("li", {}, text))));
  if (!view.iteration) return h("p", { class: "empty" }, "Comes with the first look.");
  return h("p", { class: "empty" }, "This policy gives no evidence.");
};

export const evidence = (Plotly, element, view, points, upto) => {
  const asked = walks(view), seen = points.filter((p) => p.i > 0 && p.i <= upto && p.e);
  if (!asked.length || !seen.length) { Plotly.purge(element); show(element, lacking(view)); return; }
  if (element.querySelector(".empty, .lacks")) show(element);
  const colours = lines();
  const traces = asked.map((p, n) => {
    const rows = seen.filter((q) => q.e[p.candidate]?.[p.claim]);
    const share = (q, side) => q.e[p.candidate][p.claim][side];
    // Below zero only an alarm leads; a claim that is merely not supported stays at zero.
    const y = rows.map((q) => (share(q, 1) > 0 && share(q, 1) >= share(q, 0) ? -share(q, 1) : share(q, 0)));
    return {
      name: p.name, x: rows.map((q) => q.i), y: y.map((v) => Math.max(-TOP, Math.min(TOP, v))), customdata: y.map((v) => Math.round(Math.abs(v) * 100)),
      mode: "lines+markers", line: { width: 2, color: colours[n % colours.length], dash: p.monitored ? "dot" : "solid" }, marker: { size: 4 },
      hovertemplate: "%{customdata} % of what decides",
    };
  });
  const last = horizon(view, upto === Infinity ? seen[seen.length - 1].i : 0);
  const band = (from, to, name) => ({ type: "rect", xref: "paper", x0: 0, x1: 1, y0: from, y1: to, fillcolor: tint(colour(name), 0.09), line: { width: 0 }, layer: "below" });
  const alarms = asked.some((p) => p.proof.against > 0) || seen.some((q) => asked.some((p) => q.e[p.candidate]?.[p.claim]?.[1] > 0));
  const shapes = [band(1, TOP + 0.2, "accent"), level(1, "accent", { width: 1.5 }), level(0, "line")];
  const annotations = [note(1, `proved: e-value ${asked[0].proof.bar}`, "good", { x: 0, xanchor: "left" })];
  if (alarms) {
    shapes.push(band(-1, -TOP - 0.2, "bad"), level(-1, "bad", { width: 1.5 }));
    annotations.push(note(-1, "violated: the run ends", "bad", { x: 0, xanchor: "left", yanchor: "top" }));
  }
  Plotly.react(element, traces, layout({
    margin: { l: 46, r: 10, t: 6, b: 42 },
    xaxis: axis({ title: { text: "look", font: { size: 11 } }, showgrid: false, range: [0.4, last + 0.6], nticks: 8 }),
    yaxis: axis({ range: [alarms ? -TOP : -0.06, TOP], tickvals: alarms ? [-1, -0.5, 0, 0.5, 1] : [0, 0.25, 0.5, 0.75, 1], tickformat: ".0%" }), shapes, annotations,
  }), config);
  element.setAttribute("aria-label", "Evidence as a share of what decides: " + asked.map((p) => `${p.name} ${Math.round(100 * (p.proof.against > p.proof.for ? -p.proof.against : p.proof.for))} %`).join(", "));
};
