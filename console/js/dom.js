/**
 * Builds elements in one expression, so that no view assembles HTML from text.
 */

/** @typedef {Node | string | null | undefined | false} Child */

/**
 * Make an element.
 *
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, unknown>} [properties] `class`, `data-*`, `aria-*`, `role`, `for` and the like become
 *   attributes; functions named `on…` listeners; everything else a property of the element.
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === 'function' && name.startsWith('on')) {
      element.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
    } else if (name in element && !name.includes('-')) {
      Reflect.set(element, name, value);
    } else if (value !== undefined && value !== null && value !== false) {
      element.setAttribute(name, String(value));
    }
  }
  element.append(.../** @type {(Node | string)[]} */ (children.filter((child) => child || child === '')));
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
