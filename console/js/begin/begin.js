/**
 * How to begin: the address, the server's state, what answers, programs that use it, and the check of it.
 */

import { h } from "../dom.js";
import { copyButton } from "../see/copying.js";
import { store, stored } from "../stored.js";
import { tell } from "../texts.js";
import { addressesOf } from "./addresses.js";
import * as check from "./check.js";
import * as code from "./code.js";
import * as stack from "./stack.js";

/** @typedef {import('../app.js').Stack} Stack */

/** Of the server, as it says itself, and of the way to it. */
const STATES = ["starting", "healthy", "draining", "failed", "key", "lost"];

/**
 * @param {HTMLElement} root
 * @param {import('../app.js').App} app
 */
export function mount(root, app) {
  // The page has these from the server, which tells the rest only to who has a key.
  const { path = "/v1/realtime", keys } = document.documentElement.dataset;
  const addresses = addressesOf(location, path);
  /**
   * Stack → what answers in it, the default one by an empty name. Not told again to who holds a client secret alone.
   *
   * @type {Record<string, Stack['stack']>}
   */
  const known = {};

  const state = h("p", { class: "begin-state", role: "status" });
  const what = h("div");
  const programs = h("div");
  const checked = h("div");
  root.append(
    h("h2", { text: "begin.title" }),
    state,
    addressOf("begin.base", addresses.base),
    addressOf("begin.websocket", addresses.websocket),
    folded("begin.stack", what, true),
    folded("begin.code", programs, false),
    folded("begin.check", checked, false),
  );
  const showStack = stack.mount(what);
  const showCode = code.mount(programs, () => ({
    addresses,
    keys: keys === "true",
    webrtc: app.state?.webrtc.available ?? false,
  }));
  const showCheck = check.mount(checked, app, (stage, name) => labelOf(known[name] ?? null, stage));

  const show = () => {
    for (const [one, { stack: labels }] of stacksOf(app.state)) known[one] = labels ?? known[one] ?? null;
    const name = app.reach === "reached" ? app.state?.state : app.reach;
    const told = STATES.find((one) => one === name) ?? "unknown";
    state.dataset.state = told;
    tell(state, `begin.state.${told}`);
    const chosen = app.settings.model in known ? app.settings.model : "";
    showStack(app.state?.webrtc ?? null, app.stack, known[chosen] ?? null, chosen, stacksOf(app.state));
    showCode();
    showCheck();
  };
  app.addEventListener("state", show);
  app.addEventListener("settings", show);
  app.addEventListener("language", show);
  show();
}

/**
 * All stacks by name, the default one by an empty one.
 *
 * @param {import('../app.js').ServerState | null} state
 * @returns {[string, Stack][]}
 */
function stacksOf(state) {
  return state ? [["", state], ...Object.entries(state.stacks)] : [];
}

/**
 * @param {Stack['stack']} known
 * @param {string} stage
 */
function labelOf(known, stage) {
  const labels = /** @type {Record<string, string>} */ (known ?? {});
  return labels[stage.toLowerCase()] ?? "";
}

/**
 * @param {string} key
 * @param {string | null} address
 */
function addressOf(key, address) {
  if (address === null) return h("p", { class: "begin-note", text: "begin.no_sdk" });
  return h(
    "div",
    { class: "begin-address" },
    h("span", { class: "begin-name", text: key }),
    h(
      "div",
      { class: "begin-row" },
      h("code", { class: "begin-line" }, address),
      copyButton("begin.copy", () => address),
    ),
  );
}

/**
 * @param {string} key
 * @param {HTMLElement} content
 * @param {boolean} open Whether it is, until the reader opens or closes it.
 */
function folded(key, content, open) {
  const part = h("details", { class: "begin-part" }, h("summary", { text: key }), content);
  part.open = (stored(key) ?? String(open)) === "true";
  part.addEventListener("toggle", () => store(key, String(part.open)));
  return part;
}
