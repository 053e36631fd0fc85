// One event stream; the browser reconnects by itself, and the page says while it cannot.
import { $ } from "./dom.js";

export const follow = (url, kind, take) => {
  const source = new EventSource(url);
  source.addEventListener(kind, (message) => take(JSON.parse(message.data)));
  source.addEventListener("open", () => { $("lost").hidden = true; });
  source.addEventListener("error", () => { $("lost").hidden = false; });
  addEventListener("pagehide", () => source.close());
  return source;
};
