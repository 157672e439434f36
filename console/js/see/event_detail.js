/**
 * One event in full: as a tree or as text, to be read and copied.
 */

import { h } from "../dom.js";
import { tell, tellAttribute } from "../texts.js";
import { copyButton } from "./copying.js";
import { jsonTree } from "./json_tree.js";
import { clockTime, offset } from "./times.js";

/** @typedef {import('./event_store.js').Entry} Entry */

/** @typedef {'tree' | 'text'} Form */

export class EventDetail {
  element;
  #title = h("h3", { className: "event-title" });
  #about = h("p", { className: "event-about" });
  #body = h("div", { className: "event-body", tabIndex: 0, role: "region" });
  /** @type {Record<Form, HTMLButtonElement>} */
  #forms;
  /** @type {Form} */
  #form = "tree";
  /** @type {Entry | null} */
  #entry = null;

  /** @param {() => void} onclose */
  constructor(onclose) {
    tellAttribute(this.#body, "aria-label", "see.event.json");
    this.#forms = { tree: this.#choice("tree"), text: this.#choice("text") };
    const copy = copyButton("see.event.copy", () => this.#text());
    const close = h("button", { type: "button", text: "see.event.close", onclick: onclose });
    const tools = h("div", { className: "see-tools" }, ...Object.values(this.#forms), copy, close);
    this.element = h(
      "div",
      { className: "event-detail", hidden: true },
      this.#title,
      this.#about,
      tools,
      this.#body,
    );
    this.element.addEventListener("keydown", ({ key }) => {
      if (key === "Escape") onclose();
    });
  }

  /**
   * @param {Entry | null} entry Null: none.
   * @param {number} start When the log begins, in ms of `performance.now()`.
   */
  show(entry, start) {
    this.element.hidden = entry === null;
    if (entry === null || entry === this.#entry) return;
    this.#entry = entry;
    this.#title.textContent = entry.event.type;
    tell(this.#about, `see.event.about_${entry.direction}`, {
      time: clockTime(performance.timeOrigin + entry.at),
      offset: offset(entry.at - start),
      size: entry.size,
    });
    this.#draw();
  }

  #draw() {
    for (const [form, button] of Object.entries(this.#forms)) {
      button.setAttribute("aria-pressed", String(form === this.#form));
    }
    const text = () => h("pre", { className: "event-text" }, this.#text());
    this.#body.replaceChildren(this.#form === "text" ? text() : jsonTree(this.#entry?.event));
    this.#body.scrollTop = 0;
  }

  #text() {
    return JSON.stringify(this.#entry?.event, null, 2);
  }

  /** @param {Form} form */
  #choice(form) {
    const choose = () => {
      this.#form = form;
      this.#draw();
    };
    return h("button", { type: "button", text: `see.event.as_${form}`, onclick: choose });
  }
}
