/**
 * Answers that were asked for, until the server says that it makes them: one can be stopped before
 * that, and one for which there was no room yet is asked for again. Pure.
 */

/** @typedef {import("./link.js").RealtimeEvent} RealtimeEvent */

export class Asked {
  /** Ids of requests that the server has neither taken up nor refused. @type {Set<string>} */
  #open = new Set();
  /** Whether one was refused because another answer was made, and nothing took its place since. */
  #again = false;
  /** Those of them that the reader has stopped meanwhile. @type {Set<string>} */
  #stopped = new Set();
  #count = 0;
  /** Ids of answers that the reader has stopped: what comes of them is not heard. @type {Set<string>} */
  unwanted = new Set();

  /** Whether an answer may be on its way of which the server has said nothing yet. */
  get pending() {
    return this.#open.size > 0;
  }

  /** Whether such a one has been stopped. */
  get stopping() {
    return this.#stopped.size > 0;
  }

  /**
   * @param {RealtimeEvent} event What the page is about to send.
   * @returns {RealtimeEvent} It, with an id if it asks for an answer: errors name that.
   */
  send(event) {
    if (event.type !== "response.create") return event;
    const event_id = event.event_id ?? `answer_${this.#count++}`;
    this.#open.add(event_id);
    // It answers what the refused one would have, too.
    this.#again = false;
    return { ...event, event_id };
  }

  /**
   * @param {RealtimeEvent} event What the server sent.
   * @returns {RealtimeEvent[]} What is to be sent now.
   */
  take(event) {
    if (event.type === "response.created") {
      const [oldest] = this.#open;
      if (oldest !== undefined) this.#open.delete(oldest);
      if (oldest !== undefined && this.#stopped.delete(oldest)) this.unwanted.add(event.response.id);
    } else if (event.type === "error") {
      this.#open.delete(event.error.event_id);
      this.#stopped.delete(event.error.event_id);
      if (event.error.code === "conversation_already_has_active_response") this.#again = true;
    } else if (event.type === "response.done" && this.#again) {
      this.#again = false;
      // What was interrupted made room for something else, which is answered anyway.
      if (event.response.status !== "cancelled") return [{ type: "response.create" }];
    }
    return [];
  }

  /**
   * The reader does something else: nothing is asked for again, and what is on its way is not heard.
   *
   * @param {Iterable<string>} made Ids of the answers that are being made.
   */
  forget(made) {
    this.#again = false;
    this.#stopped = new Set(this.#open);
    for (const id of made) this.unwanted.add(id);
  }
}
