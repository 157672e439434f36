/**
 * The words of the page, in the reader's language, which may change while the page is open.
 *
 * `t` returns a text as it is now. `tell` and `tellAttribute` write one into an element, and write
 * it anew when another language is chosen; `<h2 data-text="talk.title">` in HTML is the same.
 */

import begin from "./texts/begin.js";
import see from "./texts/see.js";
import talk from "./texts/talk.js";
import { store, stored } from "./stored.js";

/** @typedef {'en'|'zh'} Language */
/** @typedef {Record<string, string|number>} Values */

/** The languages, by their own names. @type {Record<Language, string>} */
export const LANGUAGES = { en: "English", zh: "中文" };

/** @type {Record<Language, Record<string, string>>} */
const TEXTS = {
  en: { ...talk.en, ...see.en, ...begin.en },
  zh: { ...talk.zh, ...see.zh, ...begin.zh },
};

const ATTRIBUTE = "data-text-";
/** Attributes that hold words; `data-text-title="key"` fills `title`. */
const ATTRIBUTES = ["aria-label", "aria-description", "placeholder", "title", "alt"];

/** Fires `language` after another one was chosen and the page was written anew. */
export const texts = new EventTarget();

/** @type {Language} */
let current = first();

/** @returns {Language} */
function first() {
  const chosen = stored("language");
  if (chosen === "en" || chosen === "zh") return chosen;
  const known = navigator.languages.map((name) => name.toLowerCase().split("-")[0]);
  const fitting = known.find((name) => ["en", "zh", "cmn", "yue"].includes(name ?? ""));
  return fitting === undefined || fitting === "en" ? "en" : "zh";
}

/** The language that the page speaks. @returns {Language} */
export function language() {
  return current;
}

/**
 * Speak another language from now on, and at the next visit.
 * @param {Language} chosen
 */
export function chooseLanguage(chosen) {
  current = chosen;
  store("language", chosen);
  translate(document.documentElement);
  texts.dispatchEvent(new Event("language"));
}

/**
 * Return a text; `{name}` in it is replaced by the value of that name.
 * @param {string} key
 * @param {Values} [values]
 * @returns {string}
 */
export function t(key, values = {}) {
  const text = TEXTS[current][key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}

/**
 * Write a text into an element, and again whenever the language changes.
 * @template {Element} E
 * @param {E} element
 * @param {string} key
 * @param {Values} [values]
 * @returns {E} The element.
 */
export function tell(element, key, values = {}) {
  element.setAttribute("data-text", key);
  element.setAttribute("data-values", JSON.stringify(values));
  element.textContent = t(key, values);
  return element;
}

/**
 * Write a text into an attribute (`aria-label`, `placeholder`, `title`…), and again whenever the
 * language changes.
 * @template {Element} E
 * @param {E} element
 * @param {string} attribute
 * @param {string} key
 * @returns {E} The element.
 */
export function tellAttribute(element, attribute, key) {
  element.setAttribute(ATTRIBUTE + attribute, key);
  element.setAttribute(attribute, t(key));
  return element;
}

/**
 * Write all that a part of the page says in the language of now; the document calls it once.
 * @param {Element} root
 */
export function translate(root) {
  document.documentElement.lang = current === "zh" ? "zh-CN" : "en";
  for (const element of root.querySelectorAll("[data-text]")) {
    const values = element.getAttribute("data-values");
    element.textContent = t(element.getAttribute("data-text") ?? "", JSON.parse(values ?? "{}"));
  }
  for (const attribute of ATTRIBUTES) {
    for (const element of root.querySelectorAll(`[${ATTRIBUTE}${attribute}]`)) {
      element.setAttribute(attribute, t(element.getAttribute(ATTRIBUTE + attribute) ?? ""));
    }
  }
}
