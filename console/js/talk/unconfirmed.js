/**
 * What was typed and the server has not said it has: were the connection lost, it would be nowhere. Pure.
 */

/** @typedef {import("./link.js").RealtimeEvent} RealtimeEvent */

export class Unconfirmed {
  /** Item → the part of a message that it is. @type {Map<string, Record<string, any>>} */
  #parts = new Map();

  /** @param {RealtimeEvent[]} events As `typed` makes them. */
  add(events) {
    for (const { item } of events) if (item) this.#parts.set(item.id, item.content[0]);
  }

  /** @param {RealtimeEvent} event What the server sent: it has an item, or refuses it. */
  take(event) {
    if (event.type === "conversation.item.added") this.#parts.delete(event.item.id);
    else if (event.type === "error") this.#parts.delete(event.error.event_id);
  }

  /** @returns {{text: string, images: string[]} | null} All of it, for the reader to send again; null: nothing. */
  giveBack() {
    const parts = [...this.#parts.values()];
    this.#parts.clear();
    if (!parts.length) return null;
    const text = parts.flatMap((part) => (part.text ? [part.text] : [])).join("\n");
    return { text, images: parts.flatMap(({ image_url: url }) => (url ? [url] : [])) };
  }
}
