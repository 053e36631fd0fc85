// The page of an experiment that nobody has heard of yet: it becomes the live one by itself.
import { follow } from "./live.js";

const [, , namespace, name] = location.pathname.split("/").map(decodeURIComponent);
const come = (rows) => {
  if (rows.some((run) => run.namespace === namespace && run.name === name)) location.reload();
};

follow("/api/events", "rows", come);
// Its first event may have come between the page and the stream.
const answer = await fetch("/api/experiments");
if (answer.ok) come((await answer.json()).experiments);
