/**
 * Every event, both ways, as a list that can be searched, filtered, stopped and saved.
 */

import { h } from "../dom.js";
import { tell } from "../texts.js";
import { save } from "./copying.js";
import { EventDetail } from "./event_detail.js";
import { EVERYTHING, FilteredEvents } from "./event_filter.js";
import { filterForm } from "./event_filter_form.js";
import { offset, since } from "./times.js";
import { WindowedList } from "./windowed_list.js";

/** @typedef {import('../app.js').App} App */
/** @typedef {import('./event_store.js').Entry} Entry */

/** Events that are written in one go when all are saved. */
const PIECE = 2000;

/**
 * @param {HTMLElement} root
 * @param {App} app
 */
export function mount(root, app) {
  new EventsView(root, app.store);
}

class EventsView {
  #store;
  #shown;
  #list;
  #detail;
  #form;
  #count = h("span", { className: "see-count", role: "status" });
  #pause;
  /** The event in the detail. @type {Entry | null} */
  #chosen = null;
  #paused = false;

  /** @param {HTMLElement} root @param {import('./event_store.js').EventStore} store */
  constructor(root, store) {
    this.#store = store;
    this.#shown = new FilteredEvents(store);
    this.#form = filterForm((filter) => this.#filter(filter));
    this.#list = new WindowedList(
      {
        count: () => this.#shown.entries.length,
        draw: (row, index) => this.#drawRow(row, index),
        choose: (index) => this.#choose(this.#shown.entries[index] ?? null),
      },
      { label: "see.events.list", follow: () => this.#tellCount() },
    );
    this.#detail = new EventDetail(() => {
      this.#close();
      this.#list.element.focus({ preventScroll: true });
    });
    const pause = () => this.#setPaused(!this.#paused);
    this.#pause = h("button", { type: "button", "aria-pressed": "false", onclick: pause });
    tell(this.#pause, "see.events.pause");
    const clear = h("button", { type: "button", text: "see.events.clear" });
    clear.addEventListener("click", () => store.clear());
    const keep = h("button", { type: "button", text: "see.events.export" });
    keep.addEventListener("click", () => this.#save());
    const tools = h("div", { className: "see-tools" }, this.#pause, clear, keep, this.#count);
    root.classList.add("events");
    root.append(this.#form.element, tools, this.#list.element, this.#detail.element);
    store.addEventListener("added", () => this.#added());
    store.addEventListener("cleared", () => this.#cleared());
    this.#filter(this.#form.filter);
  }

  async #added() {
    this.#form.offer(this.#store);
    if (this.#paused) return this.#tellCount();
    this.#shown.trim();
    if (await this.#shown.read()) this.#refresh();
  }

  /** @param {import('./event_filter.js').Filter} filter */
  async #filter(filter) {
    const done = this.#shown.use(filter);
    this.#refresh();
    if (await done) this.#refresh();
  }

  #cleared() {
    this.#close();
    this.#filter(this.#shown.filter);
  }

  #refresh() {
    this.#list.activate(this.#chosen ? this.#shown.entries.indexOf(this.#chosen) : -1);
    this.#list.refresh();
    this.#tellCount();
  }

  #tellCount() {
    const [shown, all] = [this.#shown.entries.length, this.#store.entries.length];
    tell(this.#count, "see.events.count", { shown, all });
  }

  /** @param {boolean} paused */
  #setPaused(paused) {
    this.#paused = paused;
    this.#pause.setAttribute("aria-pressed", String(paused));
    if (!paused) this.#added();
  }

  /** @param {HTMLElement} row @param {number} index */
  #drawRow(row, index) {
    const entry = this.#shown.entries[index];
    const before = this.#shown.entries[index - 1];
    const sent = entry.direction === "sent";
    const error = entry.event.type === "error" || entry.event.response?.status === "failed";
    row.className = `event-row event-row-${entry.direction}${error ? " event-row-error" : ""}`;
    const cells = [
      offset(entry.at - (this.#store.first?.at ?? entry.at)),
      before ? since(entry.at - before.at) : "",
      sent ? "↑" : "↓",
      entry.event.type,
      summary(entry.event),
    ];
    const classes = ["at", "since", "way", "type", "about"];
    while (row.childElementCount < cells.length) row.append(document.createElement("span"));
    for (const [position, text] of cells.entries()) {
      const cell = row.children[position];
      cell.className = `event-row-${classes[position]}`;
      if (cell.textContent === text) continue;
      cell.replaceChildren(...(classes[position] === "type" ? breakable(text) : [text]));
    }
  }

  /** @param {Entry | null} entry */
  #choose(entry) {
    this.#chosen = entry;
    this.#detail.show(entry, this.#store.first?.at ?? 0);
    // The detail takes room from the list.
    this.#list.activate(this.#list.active);
  }

  #close() {
    this.#chosen = null;
    this.#detail.show(null, 0);
    this.#list.activate(-1);
  }

  async #save() {
    const parts = [];
    const count = this.#store.entries.length;
    for (let from = 0; from < count; from += PIECE) {
      parts.push(this.#store.toJSONL(from, Math.min(count, from + PIECE)));
      await new Promise((go) => setTimeout(go));
    }
    save(`events-${new Date().toISOString().slice(0, 19).replaceAll(":", "-")}.jsonl`, parts);
  }
}

/**
 * A name that may be broken behind its dots and dashes, into two lines.
 * @param {string} text
 */
function breakable(text) {
  return text.split(/(?<=[._])/).flatMap((part) => [part, document.createElement("wbr")]);
}

/**
 * What a reader looks for first in an event, in a few words.
 * @param {import('./event_store.js').WireEvent} event
 */
function summary(event) {
  const { delta, transcript, text, error, response, item, item_id: id } = event;
  const failed = response?.status_details?.error?.message;
  const words = [
    error?.message,
    failed,
    delta,
    transcript,
    text,
    event.arguments,
    response?.status,
  ];
  const said = words.find((word) => typeof word === "string" && word);
  return String(said ?? item?.role ?? item?.type ?? id ?? "").slice(0, 200);
}
