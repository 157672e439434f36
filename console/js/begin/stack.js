/**
 * What answers, what it cannot do, and whether it can be called over WebRTC.
 */

import { h } from "../dom.js";
import { copyButton } from "../see/copying.js";
import { language, tell } from "../texts.js";

/** @typedef {import('../app.js').ServerState} ServerState */
/** @typedef {import('../app.js').Stack} Stack */

/**
 * @param {HTMLElement} root
 * @returns {(calls: ServerState['webrtc'] | null, stack: Stack | null, labels: Stack['stack'], name: string,
 *   all: [string, Stack][]) => void} Shows a stack, and by their names what else there is; the default one has an empty name.
 */
export function mount(root) {
  const name = h("p", { class: "begin-stack-name" });
  const parts = h("dl");
  const others = h("ul", { class: "begin-limits" });
  const beside = h("h3", { text: "begin.stacks" });
  const limits = h("ul", { class: "begin-limits" });
  const webrtc = h("div", { class: "begin-webrtc" });
  const unable = h("h3", { text: "begin.limits" });
  root.append(name, parts, unable, limits, beside, others, webrtc);
  return (calls, stack, labels, chosen, all) => {
    name.hidden = beside.hidden = others.hidden = all.length < 2;
    name.replaceChildren(nameOf(chosen));
    others.replaceChildren(...all.filter(([one]) => one !== chosen).map(otherStack));
    parts.replaceChildren(
      ...Object.entries(labels ?? {}).flatMap(([stage, name]) => [
        h("dt", { text: `begin.stage.${stage.toUpperCase()}` }),
        h("dd", { lang: "en" }, name),
      ]),
    );
    const names = new Intl.DisplayNames(language(), { type: "language" });
    const languages = stack?.languages.map((code) => names.of(code)).join(", ") ?? "";
    limits.replaceChildren(
      ...(stack?.limits ?? []).map((limit) =>
        tell(h("li"), `begin.limit.${limit}`, { languages }),
      ),
    );
    limits.hidden = unable.hidden = !stack?.limits.length;
    webrtc.replaceChildren(...(calls ? callsOf(calls) : []));
  };
}

/** @param {string} stack */
function nameOf(stack) {
  return h("code", {}, stack || "default");
}

/**
 * A stack that is not shown, and what it has that the default one has not.
 *
 * @param {[string, Stack]} other
 */
function otherStack([name, { unlike }]) {
  const told = unlike.join("; ");
  return h("li", {}, nameOf(name), ...(told ? [h("span", { lang: "en" }, `: ${told}`)] : []));
}

/**
 * @param {ServerState['webrtc']} webrtc
 * @returns {HTMLElement[]}
 */
function callsOf({ available, install, reason = "" }) {
  if (available) return [h("p", { text: "begin.webrtc.here" })];
  if (!install) return [tell(h("p"), "begin.webrtc.unavailable", { reason })];
  const line = h("code", { class: "begin-line" }, install);
  const row = h("div", { class: "begin-row" }, line, copyButton("begin.copy", () => install));
  return [h("p", { text: "begin.webrtc.install" }), row];
}
