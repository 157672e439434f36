/**
 * JSON as a tree that opens and closes, by the browser's own `details`, so that keys and screen
 * readers work it. Branches are made when they are opened: an event may hold a whole conversation.
 */

import { h } from "../dom.js";

/** Characters of a string that are shown in a tree; the text has all of them. */
const LONGEST = 2000;
/** Levels that are open at first. */
const OPEN = 2;

/**
 * @param {unknown} value
 * @param {string} [name] Its key; the root has none.
 * @param {number} [depth]
 * @returns {HTMLElement}
 */
export function jsonTree(value, name = "", depth = 0) {
  const key = name ? h("span", { className: "json-key" }, `${name}: `) : "";
  if (value === null || typeof value !== "object") {
    return h("div", { className: "json-leaf" }, key, leaf(value));
  }
  const entries = Object.entries(value);
  const [open, close] = Array.isArray(value) ? ["[", "]"] : ["{", "}"];
  if (!entries.length) return h("div", { className: "json-leaf" }, key, open + close);
  const short = `${open}${entries.length}${close}`;
  const head = h("summary", {}, key, h("span", { className: "json-count" }, short));
  const branch = h("details", { className: "json-branch" }, head);
  const fill = () => {
    if (branch.childElementCount > 1) return;
    for (const [inner, each] of entries) branch.append(jsonTree(each, inner, depth + 1));
  };
  branch.addEventListener("toggle", fill);
  if (depth < OPEN) {
    fill();
    branch.open = true;
  }
  return branch;
}

/** @param {unknown} value */
function leaf(value) {
  const text = JSON.stringify(value) ?? "";
  const shown = text.length > LONGEST ? `${text.slice(0, LONGEST)}… (${text.length})` : text;
  return h("span", { className: `json-${value === null ? "null" : typeof value}` }, shown);
}
