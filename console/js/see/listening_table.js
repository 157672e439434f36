/**
 * The turns that the turn detector found in the last minute, as numbers: what the picture shows, for
 * those who do not see it.
 */

import { h } from "../dom.js";
import { t } from "../texts.js";
import { spans } from "./speech_state.js";

const COLUMNS = /** @type {const} */ (["from", "length", "quiet_ms", "complete"]);

export function turnsTable() {
  const body = h("tbody", {});
  const heads = COLUMNS.map((name) => h("th", { scope: "col", text: `see.listening.${name}` }));
  const caption = h("caption", { text: "see.listening.turns" });
  const element = h(
    "table",
    { className: "see-table" },
    caption,
    h("thead", {}, h("tr", {}, ...heads)),
    body,
  );
  return {
    element,
    /** @param {import('./speech_log.js').SpeechLog} log */
    show: (log) => {
      const rows = spans(log)
        .slice(-6)
        .map(({ from, to, quiet, complete }) =>
          row([
            `${(from / 1000).toFixed(1)} s`,
            to === null ? t("see.listening.goes_on") : `${((to - from) / 1000).toFixed(2)} s`,
            quiet === null ? "–" : `${quiet} ms`,
            complete === null ? "–" : complete.toFixed(2),
          ]),
        );
      element.hidden = rows.length === 0;
      body.replaceChildren(...rows);
    },
  };
}

/** @param {string[]} cells */
function row([first, ...others]) {
  return h("tr", {}, h("th", { scope: "row" }, first), ...others.map((text) => h("td", {}, text)));
}
