// What lint says of the document: asked once for each run and revision, never in the way.
import { $, h, say, show } from "./dom.js";

let asked = "";

export const warnings = async (view, here) => {
  const seal = `${view.uid}/${view.revision}`;
  if (seal === asked || !view.versions.length) return;
  asked = seal;
  let found = [];
  try {
    const answer = await fetch(`${here}/warnings?uid=${encodeURIComponent(view.uid)}`);
    found = answer.ok ? (await answer.json()).warnings.filter((w) => w.level !== "info") : [];
  } catch { /* the page is whole without them */ }
  if (seal !== asked) return;
  const box = $("warnings");
  box.hidden = !found.length;
  say(box.querySelector("summary"), `${found.length} ${found.length === 1 ? "warning" : "warnings"} about its metrics`);
  show(box.querySelector("ul"), found.map((w) => h("li", {}, h("strong", {}, w.where.replace(/^\S+\//, "")), `: ${w.reason}. `, h("span", {}, `Mend: ${w.mend}.`))));
};
