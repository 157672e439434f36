/**
 * What the reader has to know now, in words, with what can be done about it as a button.
 */

import { byId, h } from "../dom.js";
import { t } from "../texts.js";

/** @typedef {{text: string, run: () => void}} Action */

/**
 * @typedef {object} Notice
 * @property {string} id A later notice of the same id takes its place.
 * @property {'info' | 'warn' | 'bad'} kind
 * @property {string} text The key of a text.
 * @property {Record<string, string | number>} [values]
 * @property {string} [code] A command to copy.
 * @property {Action[]} [actions]
 */

export class Notices extends EventTarget {
  /** @type {Map<string, Notice>} */
  #all = new Map();

  get all() {
    return [...this.#all.values()];
  }

  /** @param {Notice} notice */
  show(notice) {
    this.#all.delete(notice.id);
    this.#all.set(notice.id, notice);
    this.dispatchEvent(new Event("changed"));
  }

  /**
   * @param {...string} ids
   * @returns {boolean} Whether one of them was there.
   */
  drop(...ids) {
    const dropped = ids.map((id) => this.#all.delete(id)).includes(true);
    if (dropped) this.dispatchEvent(new Event("changed"));
    return dropped;
  }
}

/**
 * @param {HTMLElement} root
 * @param {import('../app.js').App} app
 */
export function mount(root, app) {
  root.setAttribute("role", "status");
  /** @type {Map<Notice, HTMLElement>} Those that stay keep their elements: they are not told again. */
  let shown = new Map();
  const render = () => {
    const now = new Map(
      app.notices.all.map((notice) => [notice, shown.get(notice) ?? view(notice, app)]),
    );
    for (const [notice, element] of shown) if (!now.has(notice)) leave(element);
    for (const element of now.values()) if (!element.isConnected) root.append(element);
    shown = now;
  };
  app.notices.addEventListener("changed", render);
  render();
}

/** Whoever uses the keyboard is not sent to the top of the page by what goes. @param {HTMLElement} element */
function leave(element) {
  const focused = element.contains(document.activeElement);
  element.remove();
  if (focused) byId("talk").focus();
}

/**
 * @param {Notice} notice
 * @param {import('../app.js').App} app
 */
function view(notice, app) {
  const { id, kind, text, values, code, actions = [] } = notice;
  const words = h("p", { "data-text": text, "data-values": JSON.stringify(values ?? {}) });
  words.textContent = t(text, values);
  const buttons = actions.map(({ text: label, run }) =>
    h("button", { type: "button", text: label, onclick: () => run() }),
  );
  const close = h("button", {
    type: "button",
    class: "plain",
    label: "notice_close",
    onclick: () => app.notices.drop(id),
  });
  close.append("×");
  return h(
    "div",
    { class: `note ${kind}`, "data-notice": id },
    h("div", { class: "note-words" }, words, code ? h("code", {}, code) : null),
    h("div", { class: "talk-row" }, ...buttons, close),
  );
}
