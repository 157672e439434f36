/**
 * The model's calls of functions, until each has its result and the model may go on.
 */

/** @typedef {{callId: string, responseId: string, name: string, arguments: string}} Call */
/** @typedef {import("./link.js").RealtimeEvent} RealtimeEvent */

export class ToolCalls {
  /** @type {Map<string, Call>} Calls without a result. */
  #open = new Map();
  /** @type {Set<string>} Responses that called, and are over or not. */
  #calling = new Set();
  /** @type {Set<string>} Responses that are over. */
  #done = new Set();
  /** Whether the reader stopped the answers, and has done nothing since that asks for one. */
  #stopped = false;

  /** @returns {Call[]} */
  get open() {
    return [...this.#open.values()];
  }

  /**
   * @param {RealtimeEvent} event
   * @param {(name: string) => string | null} canned What answers a call of this name at once.
   * @returns {RealtimeEvent[]} What is to be sent.
   */
  take(event, canned) {
    if (event.type === "response.output_item.done" && event.item.type === "function_call") {
      const { call_id: callId, name, arguments: given } = event.item;
      const responseId = event.response_id;
      this.#open.set(callId, { callId, responseId, name, arguments: given });
      this.#calling.add(responseId);
      const result = canned(name);
      return result === null ? [] : this.#answer(callId, result);
    }
    if (event.type === "conversation.item.added" && event.item.role === "user") {
      this.#stopped = false;
    }
    if (event.type === "response.done" && this.#calling.has(event.response.id)) {
      const { id, status } = event.response;
      if (status !== "cancelled") this.#done.add(id);
      return this.#goOn(id);
    }
    return [];
  }

  /**
   * Calls get their results, but the model does not go on by itself, until the reader says something
   * or types a result: who stops the answers stops a model too that calls in each of them.
   */
  stop() {
    this.#stopped = true;
  }

  /**
   * The reader typed a result.
   *
   * @param {string} callId
   * @param {string} output
   * @returns {RealtimeEvent[]} What is to be sent.
   */
  answer(callId, output) {
    this.#stopped = false;
    return this.#answer(callId, output);
  }

  /**
   * @param {string} callId
   * @param {string} output
   * @returns {RealtimeEvent[]}
   */
  #answer(callId, output) {
    const call = this.#open.get(callId);
    if (!call) return [];
    this.#open.delete(callId);
    const item = { type: "function_call_output", call_id: callId, output };
    return [{ type: "conversation.item.create", item }, ...this.#goOn(call.responseId)];
  }

  /** @param {string} responseId */
  #goOn(responseId) {
    const waiting = this.open.some((call) => call.responseId === responseId);
    if (waiting || !this.#done.delete(responseId)) return [];
    this.#calling.delete(responseId);
    return this.#stopped ? [] : [{ type: "response.create" }];
  }

  clear() {
    this.#open.clear();
    this.#calling.clear();
    this.#done.clear();
    this.#stopped = false;
  }
}
