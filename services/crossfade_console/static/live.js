// One event stream; the page says while there is none, and tries again for ever.
import { $ } from "./dom.js";

const AGAIN_MS = 2000;

export const follow = (url, kind, take) => {
  let source = null;
  const open = () => {
    source = new EventSource(url);
    source.addEventListener(kind, (message) => take(JSON.parse(message.data)));
    source.addEventListener("open", () => { $("lost").hidden = true; });
    source.addEventListener("error", () => {
      $("lost").hidden = false;
      // A refusal, as of a console that still reads its log, ends an EventSource for good.
      if (source.readyState === EventSource.CLOSED) setTimeout(open, AGAIN_MS);
    });
  };
  open();
  addEventListener("pagehide", () => source.close());
};
