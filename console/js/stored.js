/**
 * What the page remembers from one visit to the next: choices, never keys.
 *
 * A browser may refuse to store anything (private windows, policies); then a choice lasts as long
 * as the page.
 */

const PREFIX = "console.";

/**
 * Return what was stored under a name.
 * @param {string} name
 * @returns {string|null}
 */
export function stored(name) {
  try {
    return localStorage.getItem(PREFIX + name);
  } catch {
    return null;
  }
}

/**
 * Store a choice; null forgets it.
 * @param {string} name
 * @param {string|null} value
 */
export function store(name, value) {
  try {
    if (value === null) localStorage.removeItem(PREFIX + name);
    else localStorage.setItem(PREFIX + name, value);
  } catch {
    // The page has the choice, and the next visit asks again.
  }
}
