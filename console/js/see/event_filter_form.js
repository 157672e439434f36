/**
 * The form of the events' filter. It offers the types that have passed, and groups of them.
 */

import { h } from "../dom.js";
import { tell } from "../texts.js";

/** @typedef {import('./event_filter.js').Filter} Filter */

/** Milliseconds after the last key until a search begins. */
const TYPING_MS = 150;

/**
 * @param {(filter: Filter) => void} changed
 */
export function filterForm(changed) {
  const search = h("input", {
    type: "search",
    label: "see.events.search",
    hint: "see.events.find",
    autocomplete: "off",
    spellcheck: false,
  });
  const direction = h(
    "select",
    { label: "see.events.direction", className: "see-short" },
    h("option", { value: "all", text: "see.events.both" }),
    h("option", { value: "sent", text: "see.events.sent" }),
    h("option", { value: "received", text: "see.events.received" }),
  );
  const type = h(
    "select",
    { label: "see.events.type" },
    h("option", { value: "", text: "see.events.all_types" }),
  );
  const noisy = h("input", { type: "checkbox" });
  const label = h(
    "label",
    { className: "see-check" },
    noisy,
    h("span", { text: "see.events.noisy" }),
  );
  const element = h(
    "div",
    { className: "see-tools", role: "search" },
    search,
    direction,
    type,
    label,
  );
  tell(label.children[1], "see.events.noisy");

  /** @returns {Filter} */
  const filter = () => ({
    search: search.value,
    direction:
      direction.value === "sent" || direction.value === "received" ? direction.value : "all",
    type: type.value,
    noisy: noisy.checked,
  });
  let typing = 0;
  search.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => changed(filter()), TYPING_MS);
  });
  for (const field of [direction, type, noisy]) {
    field.addEventListener("change", () => changed(filter()));
  }
  const types = new OfferedTypes(type);
  return {
    element,
    get filter() {
      return filter();
    },
    /** Offer the types of what is new in the log. @param {import('./event_store.js').EventStore} store */
    offer: (store) => types.offer(store),
  };
}

/** The options of the types that have passed, in alphabetical order, below their groups. */
class OfferedTypes {
  #select;
  /** @type {Set<string>} */
  #known = new Set();
  #next = 0;

  /** @param {HTMLSelectElement} select */
  constructor(select) {
    this.#select = select;
  }

  /** @param {import('./event_store.js').EventStore} store */
  offer(store) {
    for (const { seq, event } of store.since(this.#next)) {
      this.#next = seq + 1;
      const group = event.type.includes(".") ? `${event.type.split(".")[0]}.*` : event.type;
      this.#add(group);
      this.#add(event.type);
    }
  }

  /** @param {string} value */
  #add(value) {
    if (this.#known.has(value)) return;
    this.#known.add(value);
    const options = [...this.#select.options].slice(1);
    const next = options.find((option) => option.value > value);
    this.#select.insertBefore(h("option", { value }, value), next ?? null);
  }
}
