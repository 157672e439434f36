/**
 * The words of the page in the reader's language, which may be changed while the page is used.
 *
 * Elements name their text by `data-t="key"` (and `data-t-label`, `data-t-title`, `data-t-placeholder` for those
 * attributes): `translate` fills them in, again whenever the language changes. Whoever writes other text with `t`
 * listens to the `language` event of the application.
 */

import begin from './texts/begin.js';
import see from './texts/see.js';
import talk from './texts/talk.js';

/** @typedef {'en' | 'zh'} Language */

const STORED = 'console.language';
/** @type {Record<Language, Record<string, string>>} */
const DICTIONARY = {
  en: { ...talk.en, ...see.en, ...begin.en },
  zh: { ...talk.zh, ...see.zh, ...begin.zh },
};
const ATTRIBUTES = { tLabel: 'aria-label', tTitle: 'title', tPlaceholder: 'placeholder' };

/** @type {Language} */
let chosen = first();

/** @returns {Language} The stored choice, else the browser's. */
function first() {
  const stored = localStorage.getItem(STORED);
  if (stored === 'en' || stored === 'zh') return stored;
  return navigator.language.toLowerCase().startsWith('zh') ? 'zh' : 'en';
}

/** @returns {Language} */
export function language() {
  return chosen;
}

/** @param {Language} wanted */
export function setLanguage(wanted) {
  chosen = wanted;
  localStorage.setItem(STORED, wanted);
  translate(document.documentElement);
}

/**
 * Return a text; `{name}` in it is replaced by `values.name`.
 *
 * @param {string} key
 * @param {Record<string, string | number>} [values]
 */
export function t(key, values = {}) {
  const text = DICTIONARY[chosen][key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}

/**
 * Write the texts of an element and of all that is in it.
 *
 * @param {HTMLElement} root
 */
export function translate(root) {
  document.documentElement.lang = chosen === 'zh' ? 'zh-CN' : 'en';
  const all = /** @type {NodeListOf<HTMLElement>} */ (root.querySelectorAll('*'));
  for (const element of [root, ...all]) {
    if (element.dataset.t) element.textContent = t(element.dataset.t);
    for (const [name, attribute] of Object.entries(ATTRIBUTES)) {
      const key = element.dataset[name];
      if (key) element.setAttribute(attribute, t(key));
    }
  }
}
