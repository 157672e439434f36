/**
 * Takes things out of the page: to the clipboard, or as a file.
 */

import { h } from "../dom.js";
import { tell } from "../texts.js";

const THANKS_MS = 1500;

/**
 * A button that copies a text, and says so.
 * @param {string} key Key of what it says.
 * @param {() => string} text What it copies.
 */
export function copyButton(key, text) {
  const said = h("span", { role: "status", text: key });
  const copy = async () => {
    const done = await toClipboard(text());
    tell(said, done ? "see.copied" : "see.not_copied");
    setTimeout(() => tell(said, key), THANKS_MS);
  };
  return h("button", { type: "button", onclick: copy }, said);
}

/**
 * Copy a text; returns whether the browser allowed it.
 * @param {string} text
 */
async function toClipboard(text) {
  // Pages that came by plain HTTP from another machine have no clipboard.
  if (!navigator.clipboard) return false;
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch (error) {
    if (error instanceof DOMException) return false;
    throw error;
  }
}

/**
 * Save a file.
 * @param {string} name
 * @param {string[]} parts
 */
export function save(name, parts) {
  const url = URL.createObjectURL(new Blob(parts, { type: "application/jsonl" }));
  const link = h("a", { href: url, download: name });
  link.click();
  // The browser has taken the file by the next task.
  setTimeout(() => URL.revokeObjectURL(url));
}
