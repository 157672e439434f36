/**
 * Fields of the settings: each shows what holds now, and changes it when the reader is done.
 */

import { h } from "../dom.js";
import { t } from "../texts.js";

/** @typedef {import('../app.js').App} App */
/** @typedef {import('./settings.js').Settings} Settings */
/** @typedef {import('./voices.js').Option} Option */

/**
 * A field with its name above it.
 *
 * @param {string} text Key of its name.
 * @param {HTMLElement & {id: string}} field
 * @param {...(Node | null)} beside
 */
export function labelled(text, field, ...beside) {
  const label = h("label", { for: field.id, text });
  return h("div", { class: "field" }, h("div", { class: "field-name" }, label, ...beside), field);
}

/**
 * A slider whose null is the server's own value.
 *
 * @param {App} app
 * @param {"threshold" | "silence" | "padding" | "speed"} name
 * @param {{min: number, max: number, step: number, unit: string, own: () => number | undefined}} range
 */
export function slider(app, name, { min, max, step, unit, own }) {
  const shown = h("output", { for: name });
  const field = h("input", { type: "range", id: name, min, max, step });
  const tell = () => {
    shown.textContent = `${field.value}${unit}`;
    field.setAttribute("aria-valuetext", shown.textContent);
  };
  const render = () => {
    field.value = String(app.settings[name] ?? own() ?? min);
    tell();
  };
  field.addEventListener("input", tell);
  field.addEventListener("change", () => app.changeSettings({ [name]: Number(field.value) }));
  follow(app, render);
  return labelled(name, field, shown);
}

/**
 * A choice of one. What was chosen and is not offered is offered all the same.
 *
 * @param {App} app
 * @param {"transport" | "turns" | "eagerness" | "model" | "voice" | "microphone" | "loudspeaker"} name
 * @param {() => Option[]} offered Those of one group follow each other.
 */
export function choice(app, name, offered) {
  const field = h("select", { id: name });
  field.addEventListener("change", () => app.changeSettings({ [name]: field.value }));
  const render = () => {
    const now = app.settings[name];
    const all = offered();
    const known = all.some(({ value }) => value === now);
    const options = known ? all : [...all, { value: now, words: now }];
    field.replaceChildren(...optionsOf(options));
    field.value = now;
  };
  follow(app, render);
  return labelled(name, field);
}

/** @param {Option[]} options */
function optionsOf(options) {
  /** @type {HTMLElement[]} */
  const made = [];
  for (const { value, words, group: label } of options) {
    const option = h("option", { value }, words);
    const last = made.at(-1);
    if (!label) made.push(option);
    else if (last instanceof HTMLOptGroupElement && last.label === label) last.append(option);
    else made.push(optgroup(label, option));
  }
  return made;
}

/**
 * @param {string} label As it is shown.
 * @param {HTMLOptionElement} first
 */
function optgroup(label, first) {
  const made = h("optgroup", {}, first);
  made.label = label;
  return made;
}

/**
 * A box to tick.
 *
 * @param {App} app
 * @param {"spoken"} name
 */
export function tick(app, name) {
  const field = h("input", { type: "checkbox", id: name });
  field.addEventListener("change", () => app.changeSettings({ [name]: field.checked }));
  follow(app, () => {
    field.checked = app.settings[name];
  });
  return h("div", { class: "field tick" }, field, h("label", { for: name, text: name }));
}

/**
 * A longer text.
 *
 * @param {App} app
 * @param {"instructions"} name
 */
export function writing(app, name) {
  const field = h("textarea", { id: name, rows: 3, hint: "instructions_hint" });
  field.addEventListener("change", () => app.changeSettings({ [name]: field.value.trim() }));
  follow(app, () => {
    if (document.activeElement !== field) field.value = app.settings[name];
  });
  return labelled(name, field);
}

/**
 * @param {string} text
 * @param {boolean} open
 * @param {...(Node | null)} children
 */
export function group(text, open, ...children) {
  return h(
    "details",
    { open, class: "group" },
    h("summary", { text }),
    h("div", { class: "group-body" }, ...children),
  );
}

/** The word for the server's own value. */
export function serversOwn() {
  return { value: "", words: t("servers_own") };
}

/**
 * Render now, and whenever something changes on which it may depend.
 *
 * @param {App} app
 * @param {() => void} render
 */
export function follow(app, render) {
  for (const name of ["settings", "state", "language", "link", "devices"]) {
    app.addEventListener(name, render);
  }
  render();
}
