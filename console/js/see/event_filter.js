/**
 * Which events are listed: a filter, and the list that it leaves, which grows with the log without
 * being made anew, and is made anew in small steps, so that the page never stands still.
 */

/** @typedef {import('./event_store.js').Entry} Entry */

/**
 * @typedef {object} Filter
 * @property {string} search Words that must all be in the event's JSON, whatever their case.
 * @property {'all' | 'sent' | 'received'} direction
 * @property {string} type A type, or the beginning of several with `*` behind it; empty: all.
 * @property {boolean} noisy Whether audio and the server's observations are listed, many a second.
 */

/** @type {Filter} */
export const EVERYTHING = { search: "", direction: "all", type: "", noisy: true };

const NOISY = new Set([
  "input_audio_buffer.append",
  "response.output_audio.delta",
  "console.turn_detection",
]);

/** Milliseconds that a step may take. */
const STEP_MS = 12;
/** Entries between two looks at the clock. */
const STEP = 200;

/**
 * Whether an event is listed.
 * @param {Filter} filter
 * @returns {(entry: Entry) => boolean}
 */
export function matcher({ search, direction, type, noisy }) {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const start = type.endsWith("*") ? type.slice(0, -1) : null;
  return ({ direction: way, event }) => {
    if (direction !== "all" && way !== direction) return false;
    if (start !== null ? !event.type.startsWith(start) : type && event.type !== type) return false;
    // Who asks for a noisy type by name wants to see it.
    if (!noisy && event.type !== type && NOISY.has(event.type)) return false;
    if (!words.length) return true;
    const text = JSON.stringify(event).toLowerCase();
    return words.every((word) => text.includes(word));
  };
}

export class FilteredEvents {
  /**
   * Those that are listed, in their order.
   * @type {Entry[]}
   */
  entries = [];
  #filter = EVERYTHING;
  #matches = matcher(EVERYTHING);
  /** The `seq` up to which the log was read. */
  #next = 0;
  /** Counts the filters, so that a step of an earlier one knows that it is not wanted. */
  #generation = 0;
  #store;

  /** @param {import('./event_store.js').EventStore} store */
  constructor(store) {
    this.#store = store;
  }

  get filter() {
    return this.#filter;
  }

  /**
   * Filter anew. Resolves to false if another filter came in between.
   * @param {Filter} filter
   */
  async use(filter) {
    this.#filter = filter;
    this.#matches = matcher(filter);
    this.entries = [];
    this.#next = 0;
    return this.read();
  }

  /** Take what the log has more by now. Resolves to false if another filter came in between. */
  async read() {
    const generation = ++this.#generation;
    while (this.#step()) {
      await new Promise((go) => setTimeout(go));
      if (generation !== this.#generation) return false;
    }
    return true;
  }

  /** Forget what the log has forgotten. */
  trim() {
    const first = this.#store.first?.seq ?? Infinity;
    if (this.entries.length && this.entries[0].seq < first) {
      this.entries = this.entries.filter((entry) => entry.seq >= first);
    }
  }

  /** Read on for a moment; returns whether there is more. */
  #step() {
    const until = performance.now() + STEP_MS;
    const news = this.#store.since(this.#next);
    for (const [index, entry] of news.entries()) {
      if (index % STEP === STEP - 1 && performance.now() > until) return true;
      if (this.#matches(entry)) this.entries.push(entry);
      this.#next = entry.seq + 1;
    }
    return false;
  }
}
