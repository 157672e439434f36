/**
 * Every event of the page, both ways, in the order in which they passed: what all the views read.
 *
 * It is bounded, for a conversation may last for hours, and tells of what is new once a frame, for
 * events come in bursts of hundreds.
 */

/**
 * An event of the protocol. In the log, audio is replaced by its length.
 * @typedef {Record<string, any>} WireEvent
 */

/** @typedef {'sent' | 'received'} Direction */

/**
 * One event as it passed.
 * @typedef {object} Entry
 * @property {number} seq Counted from 0, never reused.
 * @property {number} at When, in ms of `performance.now()`.
 * @property {Direction} direction
 * @property {WireEvent} event
 * @property {number} size Characters of its JSON on the wire.
 */

/** Events that are kept; when there are more, the oldest tenth goes at once. */
export const KEPT = 50_000;

/**
 * Events: `added`, once a frame; `cleared`.
 */
export class EventStore extends EventTarget {
  /**
   * In the order of their `seq`.
   * @type {Entry[]}
   */
  entries = [];
  #next = 0;
  #told = true;
  /** Wall clock, in ms, at 0 of `performance.now()`. */
  #epoch = performance.timeOrigin;
  /** @type {(tell: () => void) => void} */
  #later;

  /**
   * @param {(tell: () => void) => void} [later] Calls its argument soon: by default with the next
   *   frame, or after a moment while the page is hidden, since a hidden page has no frames.
   */
  constructor(later = nextFrame) {
    super();
    this.#later = later;
  }

  /** The first event that there is, or null: times are shown from it on. */
  get first() {
    return this.entries[0] ?? null;
  }

  /**
   * @param {Direction} direction
   * @param {WireEvent} event
   * @param {number} [at] When it passed, in ms of `performance.now()`.
   * @param {number} [size] Characters of its JSON on the wire.
   */
  add(direction, event, at = performance.now(), size = JSON.stringify(event).length) {
    this.entries.push({ seq: this.#next++, at, direction, event, size });
    if (this.entries.length > KEPT) this.entries.splice(0, KEPT / 10);
    if (!this.#told) return;
    this.#told = false;
    this.#later(() => {
      this.#told = true;
      this.dispatchEvent(new Event("added"));
    });
  }

  /**
   * The entries with a `seq` from this one on. They are found at once, however many there are.
   * @param {number} seq
   * @returns {Entry[]}
   */
  since(seq) {
    const first = this.entries.length ? this.entries[0].seq : this.#next;
    return seq <= first ? this.entries.slice() : this.entries.slice(seq - first);
  }

  clear() {
    this.entries = [];
    this.dispatchEvent(new Event("cleared"));
  }

  /**
   * The events as JSON, a line each: `{"time", "at_ms", "direction", "event"}`, with `at_ms`
   * counted from the first that is kept.
   * @param {number} [from] Index of the first entry.
   * @param {number} [to] Index behind the last.
   */
  toJSONL(from = 0, to = this.entries.length) {
    const start = this.first?.at ?? 0;
    let lines = "";
    for (const { at, direction, event } of this.entries.slice(from, to)) {
      const time = new Date(this.#epoch + at).toISOString();
      const at_ms = Math.round((at - start) * 10) / 10;
      lines += `${JSON.stringify({ time, at_ms, direction, event })}\n`;
    }
    return lines;
  }
}

/** @param {() => void} tell */
function nextFrame(tell) {
  if (document.hidden) setTimeout(tell, 100);
  else requestAnimationFrame(tell);
}
