// Buttons: only for whoever signed in, always with a confirmation, never on a stale page.
import { $, h, say, show } from "./dom.js";

const csrf = document.querySelector("meta[name=csrf]")?.content;
const texts = {
  abort: ["Abort…", "All traffic goes back to the baseline and the run ends.", "danger"],
  pause: ["Pause…", "The split stays where it is until somebody lets it go on.", ""],
  resume: ["Resume…", "The split moves again.", "main"],
  promote: ["Promote…", "The candidate takes all the traffic now, whatever is proved.", "main"],
  approve: ["Approve…", "The experiment goes on with what you see.", "main"],
  reject: ["Reject…", "The experiment does not go on.", "danger"],
};

const verbs = (view) => {
  if (view.phase === "completed") return [];
  if (view.phase === "waiting_approval") return ["reject", "approve"];
  if (view.phase === "paused") return ["abort", "resume"];
  if (view.phase === "running" || view.phase === "insufficient_data") return view.candidates.length ? ["pause", "abort", "promote"] : ["pause", "abort"];
  return ["abort"];
};

let drawn = "";
export const actions = (view) => {
  const wanted = csrf ? verbs(view) : [];
  const seal = wanted.join() + view.stage + view.focus + view.uid;
  if (seal === drawn) return;
  drawn = seal;
  show($("acts"), wanted.map((verb) => h("button", { type: "button", class: texts[verb][2], onclick: () => ask(view, verb) }, texts[verb][0])));
};

const ask = (view, verb) => {
  const dialog = $("confirm"), form = dialog.querySelector("form");
  const several = verb === "promote" && view.candidates.length > 1;
  const first = verb === "promote" ? view.focus : undefined;
  const version = () => (several ? $("c-version").value : first);
  $("c-which").hidden = !several;
  show($("c-version"), several ? view.candidates.map((v) => h("option", { value: v, selected: v === first }, v)) : []);
  say($("c-title"), several ? "Promote which version?" : `${texts[verb][0].slice(0, -1)} ${first || view.name}?`);
  say($("c-text"), texts[verb][1]);
  say($("c-yes"), texts[verb][0].slice(0, -1));
  $("c-yes").className = verb === "abort" || verb === "reject" ? "danger" : "main";
  say($("c-error"), "");
  $("c-reason").value = "";
  form.onsubmit = async (event) => {
    if (event.submitter?.value !== "yes") return;
    event.preventDefault();
    $("c-yes").disabled = true;
    const error = await send(view, { verb, version: version(), reason: $("c-reason").value, uid: view.uid, confirm: true, expected: { epoch: view.epoch, stage: view.stage } });
    $("c-yes").disabled = false;
    if (error) say($("c-error"), error); else dialog.close();
  };
  dialog.showModal();
  $(several ? "c-version" : "c-reason").focus();
};

const send = async (view, body) => {
  try {
    const answer = await fetch(`/api/experiments/${encodeURIComponent(view.namespace)}/${encodeURIComponent(view.name)}/actions`,
      { method: "POST", headers: { "Content-Type": "application/json", "X-Crossfade-Csrf": csrf }, body: JSON.stringify(body) });
    const told = await answer.json();
    return told.accepted ? "" : (told.errors || []).map((e) => e.message).join("; ") || "refused";
  } catch (error) {
    return `no answer: ${error.message}`;
  }
};
