// Small drawings without a library: bars and sparklines, as SVG so that no style is inline.
import { s } from "./dom.js";

export const bar = (share, tone = "", label = "") =>
  s("svg", { viewBox: "0 0 100 6", preserveAspectRatio: "none", role: "img", "aria-label": label || `${Math.round(share * 100)} %` },
    s("rect", { class: "track", width: 100, height: 6 }),
    s("rect", { class: "fill", "data-tone": tone, width: Math.round(Math.max(0, Math.min(1, share)) * 100), height: 6 }));

export const line = (values, { limit = null, low = null, high = null, label = "", step = false, area = false } = {}) => {
  const known = values.filter((v) => v !== null && v !== undefined);
  const box = s("svg", { class: "spark", viewBox: "0 0 84 24", role: "img", "aria-label": label });
  if (!known.length) return box;
  const all = limit === null ? known : [...known, limit];
  let min = low ?? Math.min(...all), max = high ?? Math.max(...all);
  if (max === min) { max += Math.abs(max) * 0.1 || 1; min -= Math.abs(min) * 0.1 || 1; }
  const x = (i) => (values.length > 1 ? (i / (values.length - 1)) * 80 + 2 : 42);
  const y = (v) => 22 - ((v - min) / (max - min)) * 20;
  let path = "", last = null;
  values.forEach((v, i) => {
    if (v === null || v === undefined) { last = null; return; }
    path += last === null ? `M${x(i)} ${y(v)}` : step ? `H${x(i)}V${y(v)}` : `L${x(i)} ${y(v)}`;
    last = v;
  });
  if (area) box.append(s("path", { class: "sparkarea", d: `${path}V22H2Z` }));
  if (limit !== null) box.append(s("line", { class: "sparklimit", x1: 0, x2: 84, y1: y(limit), y2: y(limit) }));
  box.append(s("path", { class: "sparkline", d: path }));
  const end = values.length - 1;
  if (values[end] !== null && values[end] !== undefined) box.append(s("circle", { class: "sparkdot", cx: x(end), cy: y(values[end]), r: 2 }));
  return box;
};
