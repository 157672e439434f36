/**
 * Builds elements in one expression, so that no view assembles HTML from text.
 */

import { tell, tellAttribute } from "./texts.js";

/** @typedef {Node | string | null | undefined | false} Child */

/** Names of properties that hold the key of a text, and the attribute that shows it. */
const ATTRIBUTES = { label: "aria-label", hint: "placeholder", tip: "title" };

/**
 * Make an element.
 *
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, unknown>} [properties] `text`, `label`, `hint` and `tip` are keys of texts, which are kept
 *   in the reader's language: what the element says, its `aria-label`, `placeholder` and `title`. Functions named
 *   `on…` are listeners; what the element has as a property is set as such, all else is an attribute.
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "text") tell(element, String(value));
    else if (name in ATTRIBUTES) {
      const attribute = ATTRIBUTES[/** @type {keyof typeof ATTRIBUTES} */ (name)];
      tellAttribute(element, attribute, String(value));
    } else if (typeof value === "function" && name.startsWith("on")) {
      element.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
    } else if (name in element && !name.includes("-") && name !== "list") {
      Reflect.set(element, name, value);
    } else if (value !== undefined && value !== null && value !== false) {
      element.setAttribute(name, String(value));
    }
  }
  for (const child of children) if (child || child === "") element.append(child);
  return element;
}

/**
 * Find an element that the page certainly has.
 *
 * @param {string} id
 * @returns {HTMLElement}
 */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return found;
}
