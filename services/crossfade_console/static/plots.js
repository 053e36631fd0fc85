// What the charts share: plotly.js from this server, colours from the sheet so that themes agree.
import { $ } from "./dom.js";

export const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
export const extra = ["#7a6ff0", "#d0781a", "#2f7fd1", "#b14aa5"];
export const config = { displayModeBar: false, responsive: false, doubleClick: false };

export const ready = () => new Promise((resolve) => {
  const script = $("plotly");
  if (!script) return;
  if (window.Plotly) resolve(window.Plotly);
  else script.addEventListener("load", () => resolve(window.Plotly));
});

export const layout = (more) => ({
  margin: { l: 38, r: 12, t: 6, b: 30 },
  paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
  font: { family: "Inter, system-ui, DejaVu Sans, sans-serif", size: 12, color: colour("soft") },
  hovermode: "x unified", hoverlabel: { bgcolor: colour("card"), bordercolor: colour("line"), font: { color: colour("text") } },
  legend: { orientation: "h", y: 1.03, yanchor: "bottom", x: 0, font: { size: 11 } }, showlegend: true,
  dragmode: false,
  ...more,
});

// Up to which look an axis goes: to the end, unless that would leave what is there in a corner.
export const horizon = (view, look) => {
  const of = Math.max(view.of || 0, 2);
  return view.phase === "completed" || !look ? of : Math.min(of, Math.max(12, 3 * look));
};

// Charts are drawn anew where there is other room: resized by plotly they keep their legend's old place.
export const roomy = (Plotly, elements, redraw) => {
  let wide = innerWidth, soon = 0;
  addEventListener("resize", () => {
    clearTimeout(soon);
    soon = setTimeout(() => {
      if (innerWidth !== wide) elements().forEach((element) => Plotly.purge(element));
      wide = innerWidth;
      redraw();
    }, 150);
  });
};

// A chart that is drawn again while its first drawing is under way keeps plotly's own width.
export const fit = (Plotly, element) => {
  const { width, height } = element._fullLayout || {};
  if (width && (Math.abs(width - element.clientWidth) > 1 || Math.abs(height - element.clientHeight) > 1)) Plotly.Plots.resize(element);
};

export const axis = (more) => ({ gridcolor: colour("line"), zeroline: false, linecolor: colour("line"), fixedrange: true, ...more });

export const tint = (hex, alpha) => {
  const [r, g, b] = [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
  return `rgba(${r},${g},${b},${alpha})`;
};

export const lines = () => [colour("accent"), ...extra];

export const level = (y, name, more = {}) => ({ type: "line", xref: "paper", x0: 0, x1: 1, y0: y, y1: y, line: { color: colour(name), width: 1, ...more } });

export const note = (y, text, name, more = {}) => ({ xref: "paper", x: 1, y, text, showarrow: false, xanchor: "right", yanchor: "bottom", font: { size: 11, color: colour(name) }, bgcolor: tint(colour("card"), 0.8), ...more });
