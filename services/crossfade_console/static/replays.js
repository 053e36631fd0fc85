// The run as it was at an earlier look: the same view with that look's numbers.
const standing = (objective, value) => {
  if (value === undefined || value === null) return "unknown";
  if (objective.upper !== null && value > objective.upper) return "missed";
  return objective.lower !== null && value < objective.lower ? "missed" : "held";
};

const share = (o, value) => {
  if (value === undefined || value === null) return null;
  if (o.upper !== null) return Math.min(Math.max(value / (Math.abs(o.upper) || 1), 0), 1);
  return o.lower !== null ? Math.min(Math.max(1 - (value - o.lower) / (Math.abs(o.lower) || 1), 0), 1) : null;
};

export const viewAt = (view, points, look) => {
  const p = points.find((one) => one.i === look);
  if (!p) return view;
  const values = p.v || {};
  const objectives = view.objectives.map((o) => {
    const value = values[o.metric]?.[o.version] ?? null;
    const then = { ...o, value, standing: standing(o, value), share: share(o, value), have: null, need: null, progress: "", proof: null };
    const seen = p.e?.[o.version]?.[o.claim];
    if (!seen || then.standing !== "held") return then;
    return { ...then, standing: "not-yet", share: Math.min(seen[0], 1), proof: { for: seen[0], against: seen[1] } };
  });
  const own = values[view.reward?.metric]?.[view.focus], base = values[view.reward?.metric]?.[view.baseline];
  const reward = view.reward && { ...view.reward, values: values[view.reward.metric] || {}, ratio: own && base ? own / base : null, best: {} };
  const count = Object.keys(values).find((metric) => metric === view.requestsMetric);
  return {
    ...view, iteration: look, objectives, reward, requests: count ? values[count] : {},
    weights: { asked: p.w || p.o || {}, observed: p.o || p.s || {}, inForce: p.s || {}, measured: p.m || {} },
    headline: look ? `As of look ${look}: ${p.win ? `${p.win} is ahead` : p.d || "no verdict"}` : "As found, before the first look", why: "",
  };
};
