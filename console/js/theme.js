/**
 * Light or dark: the system's, until the reader chooses.
 *
 * `<html data-theme="light">` or `"dark"` is a choice; without it the style sheet follows the
 * system by `color-scheme: light dark`.
 */

import { store, stored } from "./stored.js";

/** @typedef {'system'|'light'|'dark'} Theme */

/** @type {Theme[]} */
export const THEMES = ["system", "light", "dark"];

/** The theme that was chosen. @returns {Theme} */
export function theme() {
  const chosen = stored("theme");
  return chosen === "light" || chosen === "dark" ? chosen : "system";
}

/**
 * Show the page in a theme from now on, and at the next visit.
 * @param {Theme} chosen
 */
export function chooseTheme(chosen) {
  store("theme", chosen === "system" ? null : chosen);
  show(chosen);
}

/** @param {Theme} chosen */
function show(chosen) {
  if (chosen === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = chosen;
}

show(theme());
