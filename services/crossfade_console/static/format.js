// Numbers, shares and ages as people read them.
export const number = (x) => {
  if (x === null || x === undefined) return "–";
  const size = Math.abs(x);
  if (size >= 1e4) return Math.round(x).toLocaleString("en");
  if (Number.isInteger(x)) return String(x);
  return String(Number(x.toPrecision(size >= 100 ? 4 : 3)));
};

// A time far below its unit is said in a smaller one: 0.0000238 ms is 23.8 ns.
const times = ["s", "ms", "µs", "ns"];
const scaled = (x, unit) => {
  const tiny = x !== 0 && Math.abs(x) < 0.01;
  let at = times.indexOf(unit), value = x;
  while (tiny && at >= 0 && at < times.length - 1 && Math.abs(value) < 1) { value *= 1000; at += 1; }
  return [value, times[at] || unit];
};

export const count = (x) => Math.round(x).toLocaleString("en");

export const withUnit = (x, unit) => {
  if (x === null || x === undefined) return "–";
  const [value, scale] = scaled(x, unit);
  return number(value) + (scale ? ` ${scale}` : "");
};

// A long name keeps its beginning and its end: versions often differ in the last characters only.
export const brief = (name, most = 26) => (name.length <= most ? name : `${name.slice(0, Math.ceil(most / 2) - 1)}…${name.slice(-Math.floor(most / 2))}`);

// A moment as plotly wants it to show the reader's time of day, as the rest of the page does.
export const local = (at) => {
  const moment = new Date(at);
  return new Date(moment - moment.getTimezoneOffset() * 60_000).toISOString().slice(0, -1);
};

export const clock = (at) => (at ? new Date(at).toLocaleTimeString("en-GB") : "");

export const duration = (seconds) => {
  let left = Math.max(0, Math.round(seconds));
  const parts = [];
  for (const [size, name] of [[86400, "d"], [3600, "h"], [60, "m"], [1, "s"]]) {
    const amount = Math.floor(left / size);
    left -= amount * size;
    if (amount || (name === "s" && !parts.length)) parts.push(`${amount} ${name}`);
  }
  return parts.slice(0, 2).join(" ");
};

export const age = (at) => (at ? duration((Date.now() - new Date(at)) / 1000) : "–");

export const title = (text) => text.replace(/_/g, " ");

const ordinal = (n) => `${n}${{ 1: "st", 2: "nd", 3: "rd" }[n % 100 > 10 && n % 100 < 14 ? 0 : n % 10] || "th"}`;

// Where a run stands at its target: `next in line`, `3rd in line`, `2 wait behind it`.
export const place = (queue) => {
  if (!queue) return "";
  if (queue.position === 0) return queue.waiting ? `${queue.waiting} ${queue.waiting === 1 ? "waits" : "wait"} behind it` : "";
  return queue.position === 1 ? "next in line" : `${ordinal(queue.position)} in line`;
};
