// Every experiment in one table; only the rows that changed are drawn again.
import { $, data, h, say } from "./dom.js";
import { age, brief, place, title } from "./format.js";
import { follow } from "./live.js";
import { line } from "./sparks.js";

const rows = new Map();   // key → { run, element }
const body = $("runs").tBodies[0];
let showing = "all", wanted = "";

const key = (run) => `${run.namespace}/${run.name}`;
const attention = (run) => run.phase !== "completed" && (run.tone === "bad" || run.tone === "warn" || run.phase === "waiting_approval");
const kinds = {
  all: () => true,
  open: (run) => run.phase !== "completed",
  attention,
  ended: (run) => run.phase === "completed",
};

const order = (a, b) => {
  const rank = (run) => (attention(run) ? 0 : run.phase !== "completed" ? 1 : 2);
  return rank(a) - rank(b) || String(b.endedAt || b.startedAt).localeCompare(String(a.endedAt || a.startedAt));
};

const splitText = (run) => run.versions.map((v) => `${v} ${run.split[v] ?? 0}`).join(" : ");

// All candidates' share together; null before it is known.
const tried = (run) => (Object.keys(run.split).length && run.versions.length > 1 ? run.versions.slice(1).reduce((sum, v) => sum + (run.split[v] ?? 0), 0) : null);

const draw = (run) => {
  const state = run.phase === "completed" ? run.outcome || "ended" : title(run.phase);
  return h("tr", {},
    h("td", {}, h("span", { class: "dot", "data-tone": run.tone === "calm" ? "" : run.tone }),
      h("a", { href: `/experiments/${encodeURIComponent(run.namespace)}/${encodeURIComponent(run.name)}` }, run.name),
      h("small", {}, run.namespace)),
    h("td", {}, run.headline, h("small", {}, [run.headline.toLowerCase().startsWith(state) ? "" : state, place(run.queue), run.troubles && `${run.troubles} open incident${run.troubles > 1 ? "s" : ""}`, run.message].filter(Boolean).join(" · "))),
    h("td", {}, h("div", { class: "splitcell" },
      run.versions.length > 1 && line(run.spark, { low: 0, high: 100, step: true, area: true, label: `candidates: ${tried(run) ?? 0} %` }),
      h("span", {}, tried(run) === null ? "–" : `${tried(run)} %`, h("small", { title: run.versions.length > 2 ? splitText(run) : run.focus || null }, run.versions.length > 2 ? `${brief(run.focus, 20)} ${run.split[run.focus] ?? 0}` : brief(run.focus || "", 22))))),
    h("td", { class: "num" }, run.of ? `${run.iteration} / ${run.of}` : "–"),
    h("td", { title: run.target || null }, run.target || "–", h("small", { title: run.queue?.ahead ? `behind ${run.queue.ahead}` : null }, place(run.queue))),
    h("td", { class: "num", "data-at": run.endedAt || run.startedAt || "" }, age(run.endedAt || run.startedAt)));
};

const fits = (run) => kinds[showing](run) &&
  (!wanted || `${run.namespace}/${run.name} ${run.target} ${run.versions.join(" ")} ${run.headline}`.toLowerCase().includes(wanted));

const filter = () => {
  let seen = 0;
  for (const { run, element } of rows.values()) {
    element.hidden = !fits(run);
    seen += !element.hidden;
  }
  $("empty").hidden = rows.size > 0;
  $("nothing").hidden = seen > 0 || rows.size === 0;
  for (const button of document.querySelectorAll("[data-show]")) {
    const count = [...rows.values()].filter(({ run }) => kinds[button.dataset.show](run)).length;
    say(button.querySelector("b"), String(count));
    button.setAttribute("aria-pressed", String(button.dataset.show === showing));
  }
};

const arrange = () => {
  const sorted = [...rows.values()].sort((a, b) => order(a.run, b.run)).map(({ element }) => element);
  body.replaceChildren(...sorted);
};

const take = (runs) => {
  let moved = false;
  for (const run of runs) {
    const known = rows.get(key(run));
    const element = draw(run);
    if (known && known.run.uid === run.uid && attention(known.run) === attention(run) && known.run.phase === run.phase) known.element.replaceWith(element);
    else moved = true;
    rows.set(key(run), { run, element });
  }
  if (moved) arrange();
  filter();
};

const tick = () => {
  for (const cell of body.querySelectorAll("[data-at]")) say(cell, age(cell.dataset.at || null));
};

$("search").addEventListener("input", (event) => { wanted = event.target.value.trim().toLowerCase(); filter(); });
for (const button of document.querySelectorAll("[data-show]")) {
  button.addEventListener("click", () => { showing = button.dataset.show; filter(); });
}
const first = data();
take(first.experiments);
follow(`/api/events?after=${encodeURIComponent(first.cursor)}`, "rows", take);
setInterval(tick, 10_000);
