/**
 * What both sides said, in the order in which this page saw it.
 *
 * @typedef {{seq: number, at: number, direction: 'sent' | 'received', event: Record<string, any>, size: number}} Entry
 */

const KEPT = 50000;

export class EventStore extends EventTarget {
  /** @type {Entry[]} */
  entries = [];
  #seq = 0;
  #waiting = false;

  /**
   * @param {'sent' | 'received'} direction
   * @param {Record<string, any>} event
   * @param {number} at Milliseconds of `performance.now()`.
   * @param {number} [size] Bytes on the wire.
   */
  add(direction, event, at, size = JSON.stringify(event).length) {
    this.entries.push({ seq: this.#seq++, at, direction, event, size });
    if (this.entries.length > KEPT) this.entries.shift();
    if (this.#waiting) return;
    this.#waiting = true;
    requestAnimationFrame(() => {
      this.#waiting = false;
      this.dispatchEvent(new Event('added'));
    });
  }
}
