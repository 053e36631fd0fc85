// Numbers, shares and ages as people read them.
export const number = (x) => {
  if (x === null || x === undefined) return "–";
  const size = Math.abs(x);
  if (size >= 1e4) return Math.round(x).toLocaleString("en");
  if (Number.isInteger(x)) return x.toLocaleString("en");
  return String(Number(x.toPrecision(size >= 100 ? 4 : 3)));
};

export const withUnit = (x, unit) => (x === null || x === undefined ? "–" : number(x) + (unit ? ` ${unit}` : ""));

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
